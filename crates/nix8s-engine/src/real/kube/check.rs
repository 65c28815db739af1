//! Whether a kept kubeconfig works: the question that `nix8s kubeconfig --check` answers.

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use nix8s_core::model::Cluster;
use nix8s_core::observed::KubeconfigSeen;

use super::client;
use super::failure;
use crate::kubeconfig;
use crate::port::KubeError;

/// How rustls begins when it does not accept a server's certificate.
const NOT_VERIFIED: &str = "invalid peer certificate";

/// Asks the API server with a kubeconfig for what only somebody with rights is told.
///
/// # Errors
/// When nobody answers, so that nothing is known about it.
pub async fn check(kept: Option<&[u8]>, cluster: &Cluster) -> Result<KubeconfigSeen, KubeError> {
    let Some(kept) = kept else { return Ok(KubeconfigSeen::Missing) };
    let server = std::str::from_utf8(kept).ok().and_then(|text| kubeconfig::server_in(text).ok());
    if !server.is_some_and(|server| kubeconfig::servers(cluster).contains(&server)) {
        return Ok(KubeconfigSeen::Stale);
    }
    let Ok(client) = client::from_kubeconfig(kept).await else { return Ok(KubeconfigSeen::Stale) };
    let api: Api<Node> = Api::all(client);
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(KubeconfigSeen::Works),
        Err(why) => match failure::of("list of nodes", &why) {
            KubeError::NotAccepted { .. } | KubeError::Forbidden { .. } => Ok(KubeconfigSeen::Stale),
            // Another authority's: the cluster that it was for is no more.
            KubeError::NotReached { why } if why.contains(NOT_VERIFIED) => Ok(KubeconfigSeen::Stale),
            other => Err(other),
        },
    }
}
