//! Effects on the cluster as a whole and on its records: secrets, membership data, metadata, kubeconfig, platforms.

use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::event::Failure;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::Machine;
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
    let via = machine(world, via)?;
    let path = match world.cluster.distribution {
        Distribution::K3s => k3s::KUBECONFIG,
        Distribution::Kubeadm => kubeadm::KUBECONFIG,
        Distribution::K0s => return Err(not_yet()),
    };
    let output = run(world, "reading the admin kubeconfig", &on_node::read(via, path)).await?;
    let server = server(&world.cluster, via).ok_or_else(|| transient("the API server has no address yet"))?;
    let Some(text) = pointed_to(&output.stdout, &server) else {
        return Err(permanent(format!("{path} on {} names no server", via.name)));
    };
    let written = world.ports.store.write(KUBECONFIG, text.as_bytes());
    written.map_err(|e| transient(format!("writing {KUBECONFIG} into the state directory: {e}")))?;
    Ok(None)
}

/// What k0s is answered with wherever it could come up: planning never asks for it yet.
pub fn not_yet() -> Failure {
    permanent("k0s is carried out in a later version of nix8s")
}

/// The API server's address for clients here: the virtual address, or else the control plane's own.
fn server(cluster: &Cluster, via: &Machine) -> Option<String> {
    match cluster.ha.vip {
        Some(vip) => Some(format!("https://{}:{}", bracketed(&vip.to_string()), cluster.ha.port)),
        None => address(via).map(|address| format!("https://{}:6443", bracketed(&address))),
    }
}

/// A machine's address in the cluster's network, or else the one that SSH uses.
pub fn address(machine: &Machine) -> Option<String> {
    machine.ip.map(|ip| ip.to_string()).or_else(|| machine.ssh.host.clone())
}

/// An address as it stands in a URL: IPv6 in brackets (RFC 3986).
pub fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// A kubeconfig whose `server` lines name another address; `None` when it has none.
fn pointed_to(kubeconfig: &str, server: &str) -> Option<String> {
    let mut found = false;
    let lines: Vec<String> = kubeconfig
        .lines()
        .map(|line| {
            let indent = line.len() - line.trim_start().len();
            if line.trim_start().starts_with("server:") {
                found = true;
                format!("{}server: {server}", &line[..indent])
            } else {
                line.to_owned()
            }
        })
        .collect();
    found.then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubeconfig_points_to_the_address_that_works_from_here() {
        let text = "clusters:\n- cluster:\n    server: https://127.0.0.1:6443\n  name: default\n";
        let there = pointed_to(text, "https://10.0.0.1:8443").unwrap();
        assert_eq!(there, "clusters:\n- cluster:\n    server: https://10.0.0.1:8443\n  name: default\n");
        assert_eq!(pointed_to("no kubeconfig", "https://10.0.0.1:6443"), None);
    }

    #[test]
    fn ipv6_addresses_stand_in_brackets() {
        assert_eq!(bracketed("fd00::1"), "[fd00::1]");
        assert_eq!(bracketed("10.0.0.1"), "10.0.0.1");
    }
}
