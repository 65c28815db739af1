//! Takes a member out: of etcd, of its own distribution state, of the API server.

use std::time::Duration;

use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::on_node;

use super::Done;
use super::access::machine;
use super::cluster::not_yet;
use super::failure::from_kube;
use super::failure::run;
use super::failure::transient;
use crate::world::REQUEST;
use crate::world::World;

/// How long k3s may take to act on its annotation: it looks at it every few seconds, and etcd has to agree.
const LEAVES: Duration = Duration::from_secs(180);

/// Takes a member out of etcd.
pub async fn leave_etcd(world: &World, name: &MachineName, via: &MachineName, there: bool) -> Done {
    match world.cluster.distribution {
        Distribution::K3s => {
            if there {
                run(world, "telling k3s not to come back", &on_node::stay_out(machine(world, name)?)).await?;
            }
            let result = world.kube(LEAVES, world.ports.kube.remove_etcd_member(name)).await;
            result.map_err(|e| from_kube("taking it out of etcd", &e))?;
            Ok(None)
        }
        Distribution::Kubeadm => leave_by_etcdctl(world, name, via).await,
        Distribution::K0s => Err(not_yet()),
    }
}

async fn leave_by_etcdctl(world: &World, name: &MachineName, via: &MachineName) -> Done {
    let via = machine(world, via)?;
    let asked = run(world, &format!("asking {} for etcd's members", via.name), &on_node::probe(via)).await?;
    let probe = on_node::probed(&asked.stdout).map_err(|e| transient(e.to_string()))?;
    let Some(members) = probe.etcd else {
        return Err(transient(format!("etcd on {} does not say who its members are", via.name)));
    };
    let Some(member) = members.iter().find(|member| member.name == name.as_str()) else {
        return Ok(Some("it was no member of etcd any more".to_owned()));
    };
    let doing = format!("removing etcd member {} by way of {}", member.id, via.name);
    run(world, &doing, &kubeadm::remove_etcd_member(via, &member.id)).await?;
    Ok(None)
}

/// Stops the distribution and removes its state; data disks are untouched.
pub async fn clean(world: &World, name: &MachineName) -> Done {
    let command = on_node::clean(machine(world, name)?, world.cluster.distribution);
    run(world, "removing the distribution's state", &command).await?;
    Ok(None)
}

/// Deletes the Node object that was planned, and no other of its name.
pub async fn delete_node(world: &World, name: &MachineName, uid: &str) -> Done {
    let result = world.kube(REQUEST, world.ports.kube.delete_node(name, uid)).await;
    result.map_err(|e| from_kube("deleting the node", &e))?;
    Ok(None)
}
