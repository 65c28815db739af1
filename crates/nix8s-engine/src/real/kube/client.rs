//! A kubeconfig made into a client: with what stands in it, and nothing from around it.

use std::time::Duration;

use kube::Client;
use kube::Config;
use kube::config::AuthInfo;
use kube::config::Cluster;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;

/// How long a connection may take: machines that are away do not answer at all.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer, or the next part of one, may take. Within the limit of every call ([`crate::world::REQUEST`]).
const ANSWER: Duration = Duration::from_secs(30);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// It is no YAML, or not of that form.
    #[error("it is no kubeconfig: {0}")]
    NotAKubeconfig(String),
    /// Something is missing.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// It says how to connect in a way that leads out of the file, or is not safe.
    #[error("it has {0}, which nix8s does not use")]
    Unused(&'static str),
}

/// A client that trusts the authority in this kubeconfig and no other, and shows the credentials in it and no others.
/// No proxy and no setting of the environment is between.
///
/// # Errors
/// When the kubeconfig cannot be read, or leads to other files, programs or a connection that nobody verifies.
pub async fn from_kubeconfig(text: &[u8]) -> Result<Client, NoClient> {
    let wrong = |why: &dyn std::error::Error| NoClient::NotAKubeconfig(super::failure::chain(why));
    let text = std::str::from_utf8(text).map_err(|why| wrong(&why))?;
    let kubeconfig = Kubeconfig::from_yaml(text).map_err(|why| wrong(&why))?;
    let context = kubeconfig.current_context.as_ref().ok_or(NoClient::Lacks("current-context"))?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == *context);
    let context = context.and_then(|named| named.context.as_ref()).ok_or(NoClient::Lacks("such context"))?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let user = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
    check_cluster(cluster.and_then(|named| named.cluster.as_ref()).ok_or(NoClient::Lacks("such cluster"))?)?;
    check_user(user.and_then(|named| named.auth_info.as_ref()).ok_or(NoClient::Lacks("such user"))?)?;

    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|why| wrong(&why))?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(ANSWER);
    // $HTTPS_PROXY is for the world outside; the machines are asked directly over SSH too.
    config.proxy_url = None;
    // An eviction that a budget refuses would be asked for again at once.
    config.default_retry = false;
    Client::try_from(config).map_err(|why| wrong(&why))
}

fn check_cluster(cluster: &Cluster) -> Result<(), NoClient> {
    let server = cluster.server.as_deref().ok_or(NoClient::Lacks("server"))?;
    if !server.starts_with("https://") {
        return Err(NoClient::Unused("a server without https"));
    }
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Err(NoClient::Unused("insecure-skip-tls-verify"));
    }
    if cluster.proxy_url.is_some() {
        return Err(NoClient::Unused("proxy-url"));
    }
    match cluster.certificate_authority_data {
        Some(_) => Ok(()),
        None => Err(NoClient::Lacks("certificate-authority-data")),
    }
}

fn check_user(user: &AuthInfo) -> Result<(), NoClient> {
    let unused = [
        (user.exec.is_some(), "exec"),
        (user.auth_provider.is_some(), "auth-provider"),
        (user.token_file.is_some(), "tokenFile"),
        (user.client_certificate.is_some(), "client-certificate"),
        (user.client_key.is_some(), "client-key"),
        (user.impersonate.is_some(), "as"),
    ];
    if let Some((_, what)) = unused.iter().find(|(is_there, _)| *is_there) {
        return Err(NoClient::Unused(what));
    }
    let has_certificate = user.client_certificate_data.is_some() && user.client_key_data.is_some();
    if has_certificate || user.token.is_some() { Ok(()) } else { Err(NoClient::Lacks("client certificate")) }
}
