//! Makes a machine a member: initialises the cluster once, or joins by way of a healthy control plane.

use std::time::Duration;

use nix8s_core::event::Failure;
use nix8s_core::model::Distribution;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::tool::k3s;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::on_node;

use super::Done;
use super::POLL;
use super::access::machine;
use super::cluster::fetch_kubeconfig;
use super::cluster::not_yet;
use super::failure::hint;
use super::failure::permanent;
use super::failure::run;
use super::failure::transient;
use crate::kubeconfig::address;
use crate::kubeconfig::bracketed;
use crate::port::KubeError;
use crate::world::REQUEST;
use crate::world::World;

/// How long a node may take to appear after it was told to: image pulls over slow links included.
const APPEAR: Duration = Duration::from_secs(600);

/// Initialises the cluster, unless the machine turns out to hold a datastore (rule 3, asked again right before).
pub async fn init(world: &World, name: &MachineName) -> Done {
    let machine = machine(world, name)?;
    let asked = run(world, "asking whether it holds a datastore", &on_node::probe(machine)).await?;
    let probe = on_node::probed(&asked.stdout).map_err(|e| transient(e.to_string()))?;
    if probe.datastore {
        return Err(transient("a datastore has appeared since the plan was made; it is used, not made anew"));
    }
    match world.cluster.distribution {
        Distribution::K3s => {
            run(world, "telling k3s to initialise the cluster", &k3s::init(machine)).await?;
        }
        Distribution::Kubeadm => {
            run(world, "kubeadm init", &kubeadm::init(machine)).await?;
        }
        Distribution::K0s => return Err(not_yet()),
    }
    appears(world, name, Some(name)).await
}

/// Joins a machine. Join material of kubeadm is made, used and forgotten in here (rule 13).
pub async fn join(world: &World, name: &MachineName, role: Role, via: &MachineName) -> Done {
    let (machine, via) = (machine(world, name)?, machine(world, via)?);
    match world.cluster.distribution {
        Distribution::K3s => {
            let server = address(via).ok_or_else(|| transient(format!("{} has no address yet", via.name)))?;
            let command = k3s::join(machine, role, &bracketed(&server));
            run(world, "telling k3s which server to join", &command).await?;
        }
        Distribution::Kubeadm => join_kubeadm(world, machine, role, via).await?,
        Distribution::K0s => return Err(not_yet()),
    }
    appears(world, name, None).await
}

async fn join_kubeadm(world: &World, machine: &Machine, role: Role, via: &Machine) -> Result<(), Failure> {
    let not_understood = |e: nix8s_core::tool::NotUnderstood| permanent(e.to_string());
    let key = match role {
        Role::ControlPlane => {
            let doing = format!("making a certificate key on {}", via.name);
            let output = run(world, &doing, &kubeadm::upload_certs(via)).await?;
            Some(kubeadm::certificate_key(&output.stdout).map_err(not_understood)?)
        }
        Role::Worker | Role::None => None,
    };
    let doing = format!("making a join token on {}", via.name);
    let output = run(world, &doing, &kubeadm::make_token(via)).await?;
    let arguments = kubeadm::join_arguments(&output.stdout).map_err(not_understood)?;
    run(world, "kubeadm join", &kubeadm::join(machine, role, arguments, key.as_deref())).await?;
    Ok(())
}

/// Waits until the API server shows the node.
///
/// `first`: the control plane that begins the cluster, if this is it.
async fn appears(world: &World, name: &MachineName, first: Option<&MachineName>) -> Done {
    let deadline = world.ports.clock.now() + APPEAR;
    let mut last = String::new();
    loop {
        let seen = match world.kube(REQUEST, world.ports.kube.node(name)).await {
            Ok(Some(_)) => return Ok(None),
            Ok(None) | Err(KubeError::NotFound { .. }) => "the API server shows no such node",
            Err(KubeError::Unreachable) => "the API server does not answer",
            Err(KubeError::NotReached { .. }) => {
                // The cluster begins: whoever asks its API server gets to know how from its first control plane.
                if let Some(via) = first
                    && let Err(why) = fetch_kubeconfig(world, via).await
                {
                    last = why.message;
                }
                "the API server cannot be reached"
            }
            Err(KubeError::NotAccepted { .. } | KubeError::Forbidden { .. } | KubeError::Refused { .. }) => {
                "the API server refuses to say"
            }
        };
        if world.ports.clock.now() >= deadline {
            let last = if last.is_empty() { last } else { format!(" ({last})") };
            let failure = transient(format!("it did not appear within 10 minutes: {seen}{last}"));
            return Err(hint(failure, format!("`nix8s logs {name}` shows what its kubelet says")));
        }
        world.sleep(POLL).await;
    }
}
