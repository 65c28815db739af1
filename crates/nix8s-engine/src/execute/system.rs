//! Brings a machine to a system: build, copy, switch with a way back, and what goes with it.

use std::time::Duration;

use nix8s_core::event::Failure;
use nix8s_core::model::Action;
use nix8s_core::model::Distribution;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Reboot;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::needs_vote_of;
use nix8s_core::observed::votes;
use nix8s_core::tool::k3s;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::nix;
use nix8s_core::tool::on_node;

use super::Done;
use super::POLL;
use super::access::machine;
use super::cluster::not_yet;
use super::failure::bad_system;
use super::failure::hint;
use super::failure::no_answer;
use super::failure::permanent;
use super::failure::run;
use super::failure::transient;
use super::failure::unknown_output;
use crate::port::ExecError;
use crate::world::World;

/// How long a machine may take to come back after a switch: it boots, waits ten minutes for its confirmation in vain,
/// goes back, and boots again; servers with much memory and many disks take minutes for each.
const COMES_BACK: Duration = Duration::from_secs(1800);

/// Builds a system here; what comes out must be what was planned.
pub async fn build(world: &World, name: &MachineName, system: &StorePath, version: &Version) -> Done {
    let command = nix::build(&world.flake, &world.cluster.name, name, version);
    let output = run(world, "building its system", &command).await?;
    let built = nix::built(&output.stdout).map_err(|e| permanent(e.to_string()))?;
    if built != *system {
        let message = format!("evaluating gave {system} and building gave {built}");
        return Err(hint(
            permanent(message),
            "the configuration is impure or changed meanwhile; then `nix8s node retry`",
        ));
    }
    Ok(None)
}

/// Copies a system's closure to its machine.
pub async fn copy(world: &World, name: &MachineName, system: &StorePath) -> Done {
    run(world, "copying its system", &nix::copy(machine(world, name)?, system)).await?;
    Ok(None)
}

/// Activates a copied system, armed: unless it is confirmed over a new connection, the machine goes back by itself
/// (rule 12).
pub async fn switch(
    world: &World,
    name: &MachineName,
    system: &StorePath,
    reboot: Reboot,
    action: Action,
) -> Done {
    let machine = machine(world, name)?;
    let nonce = world.ports.rng.next();
    match world.exec(&on_node::switch(machine, system, reboot, action, nonce)).await {
        Ok(output) if output.status == 0 => {}
        Ok(output) if output.status == on_node::ROLLED_BACK => {
            return Err(rolled_back(system, &unknown_output("switching", &output).message));
        }
        Ok(output) => return Err(unknown_output("switching", &output)),
        // The switch itself may cut the connection, or reboot: confirming tells.
        Err(ExecError::Lost | ExecError::TimedOut) => {}
        Err(
            error @ (ExecError::Refused
            | ExecError::WrongKey { .. }
            | ExecError::UnknownKey { .. }
            | ExecError::Denied { .. }
            | ExecError::NoAddress
            | ExecError::Missing { .. }),
        ) => return Err(no_answer("switching", &error)),
    }
    confirm(world, machine, system, nonce).await
}

/// Makes a copied system the one that runs after a restart.
pub async fn set_boot(world: &World, name: &MachineName, system: &StorePath) -> Done {
    run(world, "making it the system to start", &on_node::set_boot(machine(world, name)?, system)).await?;
    Ok(None)
}

async fn confirm(world: &World, machine: &Machine, system: &StorePath, nonce: u64) -> Done {
    let doing = "confirming the switch over a new connection";
    let deadline = world.ports.clock.now() + COMES_BACK;
    loop {
        match world.exec(&on_node::confirm_switch(machine, nonce)).await {
            Ok(output) if output.status == 0 => return Ok(None),
            Ok(output) if output.status == on_node::ROLLED_BACK => {
                return Err(rolled_back(system, &unknown_output(doing, &output).message));
            }
            Ok(output) if output.status == on_node::NO_SUCH_SWITCH => {
                return Err(unknown_output("switching: it never began", &output));
            }
            // Whatever else it says, the switch is armed: asked again, it may still be confirmed before it is undone.
            Ok(output) if world.ports.clock.now() >= deadline => return Err(unknown_output(doing, &output)),
            Err(error) if world.ports.clock.now() >= deadline => {
                let failure = no_answer(doing, &error);
                return Err(Failure { message: format!("{} within 30 minutes", failure.message), ..failure });
            }
            Ok(_) | Err(_) => {}
        }
        world.sleep(POLL).await;
    }
}

fn rolled_back(system: &StorePath, said: &str) -> Failure {
    bad_system(system, format!("the machine went back to the system before: {said}"))
}

/// Goes back to a system that was good.
pub async fn rollback(world: &World, name: &MachineName, to: &StorePath) -> Done {
    run(world, "going back", &on_node::rollback(machine(world, name)?, to)).await?;
    Ok(None)
}

/// kubeadm: upgrades a control plane's components before its kubelet.
pub async fn upgrade_components(
    world: &World,
    name: &MachineName,
    system: &StorePath,
    version: &Version,
    apply: bool,
) -> Done {
    run(world, "kubeadm upgrade", &kubeadm::upgrade(machine(world, name)?, system, version, apply)).await?;
    Ok(None)
}

/// Restarts k3s or the kubelet. Rule 4 is asked again right before: a member of etcd that works again is left alone, and
/// so is one whose vote has become needed.
pub async fn restart(world: &World, name: &MachineName, voted: bool) -> Done {
    let machine = machine(world, name)?;
    let asked = run(world, "asking how its etcd is", &on_node::probe(machine)).await?;
    let probe = on_node::probed(&asked.stdout).map_err(|e| transient(e.to_string()))?;
    let members = probe.etcd.unwrap_or_default();
    if !voted && votes(&members, name) {
        return Ok(Some("not restarted: its etcd works again".to_owned()));
    }
    if members.len() >= 3 && needs_vote_of(&members, name) {
        return Ok(Some("not restarted: its vote in etcd is needed".to_owned()));
    }
    let command = match world.cluster.distribution {
        Distribution::K3s => k3s::restart(machine),
        Distribution::Kubeadm => kubeadm::restart(machine),
        Distribution::K0s => return Err(not_yet()),
    };
    run(world, "restarting its kubelet", &command).await?;
    Ok(None)
}
