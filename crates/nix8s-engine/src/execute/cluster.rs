//! Effects on the cluster as a whole and on its records: secrets, membership data, metadata, kubeconfig, platforms.

use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::event::Failure;
use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Secret;
use nix8s_core::plan::MetadataPatch;
use nix8s_core::tool::k3s;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::on_node;
use nix8s_core::tool::secrets;

use super::Done;
use super::access::machine;
use super::failure::from_kube;
use super::failure::permanent;
use super::failure::run;
use super::failure::transient;
use crate::kubeconfig;
use crate::state::layout::KUBECONFIG;
use crate::world::REQUEST;
use crate::world::World;

/// How long a platform may take to install: it pulls many images.
const PLATFORM: Duration = Duration::from_secs(1800);

/// Makes the secrets that are missing.
pub async fn generate_secrets(world: &World, missing: &BTreeSet<Secret>) -> Done {
    run(world, "generating secrets", &secrets::generate(&world.cluster.name, missing)).await?;
    Ok(None)
}

/// Writes the membership data that was planned.
pub async fn write_membership(world: &World, name: &MachineName, digest: &str) -> Done {
    let membership = world.membership();
    if membership.digest != digest {
        return Err(transient("the membership data has changed since the plan was made"));
    }
    let command = on_node::write(machine(world, name)?, on_node::MEMBERSHIP_FILE, membership.content.clone());
    run(world, "writing membership data", &command).await?;
    Ok(None)
}

/// Brings labels, taints and annotations to what is configured.
pub async fn set_metadata(world: &World, name: &MachineName, patch: &MetadataPatch) -> Done {
    let result = world.kube(REQUEST, world.ports.kube.set_metadata(name, patch)).await;
    result.map_err(|e| from_kube("setting labels, taints and annotations", &e))?;
    Ok(None)
}

/// Installs or upgrades a platform.
pub async fn install_platform(world: &World, platform: &str, version: &str) -> Done {
    let result = world.kube(PLATFORM, world.ports.kube.install_platform(platform, version)).await;
    result.map_err(|e| from_kube(&format!("installing {platform} {version}"), &e))?;
    Ok(None)
}

/// Fetches the admin kubeconfig, makes it point to an address that is reachable from here, and keeps it.
pub async fn fetch_kubeconfig(world: &World, via: &MachineName) -> Done {
    let text = fetched_kubeconfig(world, via).await?;
    let written = world.ports.store.write(KUBECONFIG, text.as_bytes());
    written.map_err(|e| transient(format!("writing {KUBECONFIG} into the state directory: {e}")))?;
    Ok(None)
}

/// An admin kubeconfig from this control plane, made to work from here.
///
/// # Errors
/// When it could not be had.
pub async fn fetched_kubeconfig(world: &World, via: &MachineName) -> Result<String, Failure> {
    let via = machine(world, via)?;
    let path = match world.cluster.distribution {
        Distribution::K3s => k3s::KUBECONFIG,
        Distribution::Kubeadm => kubeadm::KUBECONFIG,
        Distribution::K0s => return Err(not_yet()),
    };
    let output = run(world, "reading the admin kubeconfig", &on_node::read(via, path)).await?;
    let server = kubeconfig::server(&world.cluster, via);
    let server = server.ok_or_else(|| transient("the API server has no address yet"))?;
    let prepared = kubeconfig::prepared(&output.stdout, &server, world.cluster.name.as_str());
    prepared.map_err(|why| permanent(format!("{path} on {}: {why}", via.name)))
}

/// What k0s is answered with wherever it could come up: planning never asks for it yet.
pub fn not_yet() -> Failure {
    permanent("k0s is carried out in a later version of nix8s")
}
