//! The API server, asked over HTTPS with the kubeconfig that the state directory keeps.

mod check;
mod client;
mod etcd;
mod evict;
mod failure;
mod metadata;
mod node;
mod pod;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use ::kube::Client;
use async_trait::async_trait;
use nix8s_core::model::MachineName;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::NodeSeen;
use nix8s_core::plan::MetadataPatch;
use tokio::sync::Semaphore;

use crate::port::Evicted;
use crate::port::Kube;
use crate::port::KubeError;
use crate::port::Pod;
use crate::port::Store;
use crate::state::layout::KUBECONFIG;
pub use check::check;

/// Who changes objects, as the API server keeps it (`managedFields`).
const FIELD_MANAGER: &str = "nix8s";

/// Objects in one answer: what kubectl asks for. A node with its images has about ten kilobytes.
const PAGE: u32 = 500;

/// How often a change is tried again that came between somebody else's reading and writing. Kubelets write every few
/// seconds, so that two conflicts in a row are rare.
const CONFLICTS_MAX: usize = 5;

/// Evictions that are asked for at once, of all drains together. By default an API server has 200 changes under way and turns
/// others away, whoever asks (`--max-mutating-requests-inflight`).
const EVICTIONS: usize = 32;

/// The API server of one cluster.
pub struct Api {
    evictions: Semaphore,
    store: Arc<dyn Store>,
    /// The client, and the kubeconfig that it was made from.
    kept: Mutex<Option<(Vec<u8>, Client)>>,
}

impl Api {
    /// The API server that the kubeconfig in this state directory leads to, whenever there is one.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Mutex::new(None), evictions: Semaphore::new(EVICTIONS) }
    }

    /// The client for the kubeconfig as it is now: another file, for example one with a new certificate, is another client.
    async fn client(&self) -> Result<Client, KubeError> {
        let not_reached = |why: String| KubeError::NotReached { why };
        let text = match self.store.read(KUBECONFIG) {
            Ok(Some(text)) => text,
            Ok(None) => {
                return Err(not_reached("there is no kubeconfig of this cluster here yet".to_owned()));
            }
            Err(why) => {
                return Err(not_reached(format!("reading {KUBECONFIG} in the state directory: {why}")));
            }
        };
        if let Some((from, client)) = &*self.kept.lock().unwrap_or_else(PoisonError::into_inner)
            && *from == text
        {
            return Ok(client.clone());
        }
        let made = client::from_kubeconfig(&text).await;
        let client =
            made.map_err(|why| not_reached(format!("{KUBECONFIG} in the state directory: {why}")))?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((text, client.clone()));
        Ok(client)
    }
}

#[async_trait]
impl Kube for Api {
    async fn look(&self) -> Result<ApiSeen, KubeError> {
        let nodes = node::all(&self.client().await?).await?;
        // Nothing that nix8s can ask tells which platforms run: they are installed in a later version.
        Ok(ApiSeen { nodes, platforms: std::collections::BTreeMap::new() })
    }

    async fn node(&self, node: &MachineName) -> Result<Option<NodeSeen>, KubeError> {
        node::one(&self.client().await?, node).await
    }

    async fn cordon(&self, node: &MachineName, owner: &str) -> Result<(), KubeError> {
        node::cordon(&self.client().await?, node, owner).await
    }

    async fn uncordon(&self, node: &MachineName) -> Result<(), KubeError> {
        node::uncordon(&self.client().await?, node).await
    }

    async fn pods(&self, node: &MachineName) -> Result<Vec<Pod>, KubeError> {
        pod::on(&self.client().await?, node).await
    }

    async fn evict(&self, pod: &Pod) -> Result<Evicted, KubeError> {
        let _turn = self.evictions.acquire().await.expect("nobody closes it");
        evict::evict(&self.client().await?, pod).await
    }

    async fn delete_node(&self, node: &MachineName, uid: &str) -> Result<(), KubeError> {
        node::delete(&self.client().await?, node, uid).await
    }

    async fn set_metadata(&self, node: &MachineName, patch: &MetadataPatch) -> Result<(), KubeError> {
        metadata::set(&self.client().await?, node, patch).await
    }

    async fn remove_etcd_member(&self, node: &MachineName) -> Result<(), KubeError> {
        etcd::remove_member(&self.client().await?, node).await
    }

    async fn install_platform(&self, platform: &str, version: &str) -> Result<(), KubeError> {
        let message = format!("{platform} {version} is installed in a later version of nix8s");
        Err(KubeError::Refused { message })
    }
}
