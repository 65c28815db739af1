//! A cluster's API server.

use async_trait::async_trait;
use nix8s_core::model::MachineName;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::NodeSeen;
use nix8s_core::plan::MetadataPatch;

/// A cluster's API server. Every call is one request or a few; none retries by itself.
#[async_trait]
pub trait Kube: Send + Sync {
    /// Nodes and platforms.
    async fn look(&self) -> Result<ApiSeen, KubeError>;

    /// One Node object: what steps ask while they wait, so that the work of a roll does not grow with the cluster.
    async fn node(&self, node: &MachineName) -> Result<Option<NodeSeen>, KubeError> {
        Ok(self.look().await?.nodes.remove(node))
    }

    /// Marks a node unschedulable with [`nix8s_core::observed::CORDON_ANNOTATION`] set to `owner`. A node that
    /// somebody else cordoned is left as it is, and so is its annotation.
    async fn cordon(&self, node: &MachineName, owner: &str) -> Result<(), KubeError>;

    /// Makes a node schedulable and removes our annotation; does nothing to a node that somebody else cordoned.
    async fn uncordon(&self, node: &MachineName) -> Result<(), KubeError>;

    /// Pods on a node that a drain has to deal with: no mirror pods, no DaemonSet pods, none that have ended.
    async fn pods(&self, node: &MachineName) -> Result<Vec<Pod>, KubeError>;

    /// Asks for an eviction, which respects PodDisruptionBudgets, of this pod and of no other that has its name by now.
    /// One that is ending already is left to it.
    async fn evict(&self, pod: &Pod) -> Result<Evicted, KubeError>;

    /// Deletes a Node object if it still has this uid; a node that is gone already is no error.
    async fn delete_node(&self, node: &MachineName, uid: &str) -> Result<(), KubeError>;

    /// Changes labels, annotations and taints of a node by server-side apply.
    async fn set_metadata(&self, node: &MachineName, patch: &MetadataPatch) -> Result<(), KubeError>;

    /// k3s: asks for the removal of a server's etcd member by its node annotation
    /// (`etcd.k3s.cattle.io/remove=true`) and waits until it is gone.
    async fn remove_etcd_member(&self, node: &MachineName) -> Result<(), KubeError>;

    /// Installs or upgrades a platform.
    async fn install_platform(&self, platform: &str, version: &str) -> Result<(), KubeError>;
}

/// A pod that a drain has to deal with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `metadata.uid`: another uid is another pod.
    pub uid: String,
    /// It was told to end already.
    pub ending: bool,
    /// No controller brings it back: evicting it would lose it, so it blocks the drain.
    pub bare: bool,
    /// It keeps data in emptyDir volumes, which goes with it.
    pub empty_dir: bool,
}

/// What became of an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evicted {
    /// It goes.
    Going,
    /// It is gone or ending already.
    Gone,
    /// A budget holds it (429).
    Held {
        /// The budget's name.
        budget: String,
    },
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeError {
    /// No answer: it may have been done.
    #[error("the API server does not answer")]
    Unreachable,
    /// It could not be asked, so nothing was done.
    #[error("the API server cannot be reached: {why}")]
    NotReached {
        /// Why not.
        why: String,
    },
    /// It does not know who asks (401).
    #[error("the API server does not accept the kubeconfig that is here: {message}")]
    NotAccepted {
        /// What it said.
        message: String,
    },
    /// It knows who asks, and does not allow it (403).
    #[error("the API server forbids it: {message}")]
    Forbidden {
        /// What it said.
        message: String,
    },
    /// There is no such object.
    #[error("there is no {what}")]
    NotFound {
        /// Kind and name.
        what: String,
    },
    /// It answered with an error.
    #[error("the API server refused: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
}
