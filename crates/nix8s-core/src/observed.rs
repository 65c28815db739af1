//! What is known about reality, each fact with what it takes to be sure of it.
//!
//! `Unknown` is a value of its own and is never the same as absent (rule 1).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::MacAddr;
use crate::model::MachineName;
use crate::model::Parts;
use crate::model::StorePath;
use crate::model::Version;
use crate::past::Past;

/// A fact, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known<T> {
    /// Nobody could say.
    Unknown,
    /// It was asked and answered.
    Known(T),
}

impl<T> Known<T> {
    /// The fact, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Unknown => None,
            Self::Known(fact) => Some(fact),
        }
    }
}

/// Everything that planning reads besides the fleet and the time.
#[derive(Debug, Clone)]
pub struct Observed {
    /// When looking began.
    pub at: Timestamp,
    /// Every machine of the configuration and every machine that nix8s ever provisioned and did not forget.
    pub machines: BTreeMap<MachineName, MachineSeen>,
    /// What the API server says; unknown when it does not answer.
    pub api: Known<ApiSeen>,
    /// Systems that machines should run, evaluated at `wanted_version`.
    pub wanted: Known<BTreeMap<MachineName, System>>,
    /// The version that `wanted` was evaluated at: the configured one, or one minor step towards it.
    pub wanted_version: Version,
    /// Secrets that exist.
    pub secrets: Known<BTreeSet<Secret>>,
    /// Whether the kept kubeconfig works against this cluster.
    pub kubeconfig: Known<KubeconfigSeen>,
    /// What events say about before.
    pub past: Past,
}

/// What one look at a machine brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSeen {
    /// How it answered.
    pub reach: Reach,
    /// What it said; only when `reach` is [`Reach::Answered`].
    pub probe: Option<Probe>,
}

/// How a machine answered over SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Not tried, or its address is not known.
    Unknown,
    /// Nobody listens.
    Refused,
    /// Silence.
    TimedOut,
    /// Somebody with another host key: maybe not our machine.
    WrongKey {
        /// What it showed.
        fingerprint: String,
    },
    /// Nobody knows which host key it should show.
    UnknownKey {
        /// What it showed.
        fingerprint: String,
    },
    /// It does not let us in.
    Denied {
        /// What it says.
        said: String,
    },
    /// It answered.
    Answered,
}

/// What a machine says about itself (`nix8s on-node probe`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What runs.
    pub os: Os,
    /// What it is made of.
    pub hardware: Hardware,
    /// Who it is: read from the ESP or `/var/lib/nix8s/identity.json`.
    pub mark: Option<Mark>,
    /// The running system; only on NixOS.
    pub running: Option<System>,
    /// The system that runs after a restart; `None`: not known.
    #[serde(default)]
    pub boots: Option<StorePath>,
    /// Systems whose whole closure is on the machine, the running one included.
    pub copied: BTreeSet<StorePath>,
    /// Whether a switch is armed and not confirmed: unless its confirmation still comes, the machine goes back by itself.
    #[serde(default)]
    pub armed: bool,
    /// Whether a kubelet (k3s or kubelet unit) is active.
    pub kubelet: bool,
    /// Whether there is a cluster's data: an etcd data directory, or k3s's file in its stead.
    pub datastore: bool,
    /// Whether that is the file of a k3s server that has no etcd.
    #[serde(default)]
    pub sqlite: bool,
    /// Whether there is any state of a Kubernetes distribution: certificates, node password, kubelet files.
    pub distribution_state: bool,
    /// The digest of the membership data in /var/lib/nix8s.
    pub membership: Option<String>,
    /// The version on disk of control plane components (kubeadm), or of k3s.
    pub components: Option<Version>,
    /// etcd members as its local etcd sees them; only where one answers.
    pub etcd: Option<Vec<EtcdMember>>,
    /// What its clock showed when it was asked, in seconds since 1970; `None`: not known. For `doctor` alone.
    #[serde(default)]
    pub clock: Option<i64>,
    /// Room in the file systems of some paths. For `doctor` alone.
    #[serde(default)]
    pub space: Vec<Space>,
}

/// Room in the file system that a path is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// The path.
    pub path: String,
    /// Bytes that can be written.
    pub free: u64,
    /// Bytes that it has.
    pub size: u64,
}

impl Probe {
    /// What a machine says of which nothing else is known: no mark, no system, no Kubernetes.
    pub fn bare(os: Os, hardware: Hardware) -> Self {
        Self {
            os,
            hardware,
            mark: None,
            running: None,
            boots: None,
            copied: BTreeSet::new(),
            armed: false,
            kubelet: false,
            datastore: false,
            sqlite: false,
            distribution_state: false,
            membership: None,
            components: None,
            etcd: None,
            clock: None,
            space: Vec::new(),
        }
    }
}

/// What runs on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Os {
    /// Something else, for example `Debian GNU/Linux 12`.
    Foreign(String),
    /// A NixOS installer (VARIANT_ID=installer or ours): nothing on it is worth keeping.
    Installer,
    /// NixOS.
    NixOs {
        /// `VERSION_ID`, for example `26.05`.
        release: String,
    },
}

/// Hardware identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// DMI product UUID.
    pub uuid: String,
    /// Every MAC address.
    pub macs: Vec<MacAddr>,
    /// Every disk.
    pub disks: Vec<Disk>,
}

/// A disk as the machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Every path that leads to it: `/dev/sda`, `/dev/disk/by-id/…`.
    pub paths: Vec<String>,
    /// Serial number or WWN.
    pub serial: String,
    /// Bytes.
    pub size: u64,
    /// What is on it.
    pub content: DiskContent,
}

/// What is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskContent {
    /// No partition table, no signature.
    Empty,
    /// Something that nix8s did not put there.
    Foreign,
    /// Laid out by nix8s.
    Ours,
}

/// The identity mark that installing leaves on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The cluster it was installed for.
    pub cluster: String,
    /// The machine it was installed as.
    pub machine: String,
    /// Which installation.
    pub installation: String,
    /// Whether the installed system has started from its disk. The first start notes it; a mark that does not say so is of
    /// one that has.
    #[serde(default = "has_booted")]
    pub booted: bool,
}

fn has_booted() -> bool {
    true
}

/// A NixOS system: its store path and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// `config.system.build.toplevel`.
    pub path: StorePath,
    /// Digests of its parts.
    pub parts: Parts,
    /// The Kubernetes version in it, if it has one.
    pub version: Option<Version>,
}

/// What the API server says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSeen {
    /// Node objects by name; names that are not DNS labels cannot be ours and are left out.
    pub nodes: BTreeMap<MachineName, NodeSeen>,
    /// Releases of platforms that run, by name.
    pub platforms: BTreeMap<String, String>,
}

/// A Node object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// `metadata.uid`: another uid is another node.
    pub uid: String,
    /// The Ready condition; anything but True is false.
    pub ready: bool,
    /// Whether it is marked unschedulable, and by whom.
    pub cordon: Cordon,
    /// The kubelet's version.
    pub version: Version,
    /// Whether it carries the control-plane role label.
    pub control_plane: bool,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.taints` as `key=value:Effect` or `key:Effect`, without those that Kubernetes itself manages.
    pub taints: BTreeSet<String>,
}

/// Who cordoned a node: the annotation [`CORDON_ANNOTATION`] says whether it was nix8s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cordon {
    /// Schedulable.
    None,
    /// By nix8s.
    Ours,
    /// By somebody else: never ours to undo.
    Foreign,
}

/// The annotation that says that nix8s cordoned a node; its value names the run.
pub const CORDON_ANNOTATION: &str = "nix8s.io/cordoned-by";

/// The annotation that remembers which labels, taints and annotations nix8s set, so that removed ones go.
pub const MANAGED_ANNOTATION: &str = "nix8s.io/managed-metadata";

/// What [`MANAGED_ANNOTATION`] says: what nix8s set on a Node, kept on the Node itself so that what is no longer
/// configured can be removed, and what others set is never touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// Keys of labels.
    pub labels: BTreeSet<String>,
    /// Keys of annotations.
    pub annotations: BTreeSet<String>,
    /// Taints, as in [`NodeSeen::taints`].
    pub taints: BTreeSet<String>,
}

impl Managed {
    /// What a Node's annotations say; nothing where they do not say it in a way that can be read.
    pub fn of(annotations: &BTreeMap<String, String>) -> Self {
        annotations
            .get(MANAGED_ANNOTATION)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

/// An etcd member as one etcd sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Its id, in hexadecimal as etcdctl prints it.
    pub id: String,
    /// The machine's name.
    pub name: String,
    /// Whether it answers.
    pub healthy: bool,
}

/// Whether etcd would lose the majority that it has if this member went away for a moment. A member that does not
/// work has no vote to lose.
pub fn needs_vote_of(members: &[EtcdMember], name: &MachineName) -> bool {
    let others = members.iter().filter(|m| m.healthy && m.name != name.as_str()).count();
    votes(members, name) && others < members.len() / 2 + 1
}

/// Whether this member of etcd works.
pub fn votes(members: &[EtcdMember], name: &MachineName) -> bool {
    members.iter().any(|m| m.name == name.as_str() && m.healthy)
}

/// Secrets of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// k3s: the server token.
    Token,
    /// k3s: the agent token.
    AgentToken,
    /// The key that nix8s deploys with.
    DeployKey,
    /// A machine's SSH host key.
    HostKey(MachineName),
}

/// What is known of the kept kubeconfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KubeconfigSeen {
    /// There is none.
    Missing,
    /// It is for another address or another certificate authority.
    Stale,
    /// It works.
    Works,
}
