//! What a look shows that the past does not know: the events that observing adds.

use std::collections::BTreeSet;

use nix8s_core::event::What;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Moment;
use nix8s_core::model::Role;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::NodeSeen;
use nix8s_core::observed::Observed;
use nix8s_core::observed::Os;
use nix8s_core::observed::Probe;
use nix8s_core::observed::Reach;
use nix8s_core::past::MachinePast;

use crate::world::World;

/// Events for what has changed. `seen.past` is the past before this look.
pub fn changes(world: &World, seen: &Observed) -> Vec<What> {
    let mut changes = Vec::new();
    if seen.past.initialized.is_none() && cluster_exists(world, seen) {
        changes.push(What::ClusterFound);
    }
    match (seen.api.known(), seen.past.api_silent_since) {
        (None, None) if seen.past.initialized.is_some() => changes.push(What::ApiLost),
        (Some(_), Some(_)) => changes.push(What::ApiBack),
        (None, None | Some(_)) | (Some(_), None) => {}
    }
    let unknown = MachinePast::default();
    for (name, machine) in &seen.machines {
        let past = seen.past.machines.get(name).unwrap_or(&unknown);
        let marked = recognised(world, name, machine, past, &mut changes);
        let node = seen.api.known().and_then(|api| api.nodes.get(name));
        sight(name, machine, past, &mut changes);
        if let Some(node) = node {
            if marked {
                joined(world.cluster.machines.get(name).map(|m| &**m), name, node, past, &mut changes);
            }
            readiness(name, machine, node, past, &mut changes);
        }
    }
    changes.extend(hooks(world, seen));
    for (name, past) in &seen.past.machines {
        let tombstone = past.removed && past.joined.is_none();
        if tombstone && !world.cluster.machines.contains_key(name) {
            changes.push(What::Undeleted { machine: name.clone() });
        }
    }
    changes
}

/// Hooks after something are about what happens from when they are known on.
fn hooks(world: &World, seen: &Observed) -> Option<What> {
    let after = |moment: &Moment| matches!(moment, Moment::After(_) | Moment::OnError);
    let scripts = world.cluster.bootstrap.scripts.iter().filter(|script| after(&script.when));
    let names: BTreeSet<String> = scripts.map(|script| script.name.clone()).collect();
    (!names.iter().eq(seen.past.hooks.keys())).then_some(What::HooksKnown { names })
}

fn cluster_exists(world: &World, seen: &Observed) -> bool {
    let datastore = |m: &std::sync::Arc<Machine>| {
        let probe = seen.machines.get(&m.name).and_then(|seen| seen.probe.as_ref());
        // A datastore under a foreign system goes with that system; it is not this cluster's.
        probe.is_some_and(|p| p.datastore && matches!(p.os, Os::NixOs { .. }))
    };
    seen.api.known().is_some() || world.cluster.control_planes().any(datastore)
}

fn is_ours(world: &World, name: &MachineName, mark: &nix8s_core::observed::Mark) -> bool {
    mark.cluster == world.cluster.name.as_str() && mark.machine == name.as_str()
}

/// Whether the machine carries our mark on the hardware that we know; adds the event if the past did not know.
fn recognised(
    world: &World,
    name: &MachineName,
    machine: &MachineSeen,
    past: &MachinePast,
    changes: &mut Vec<What>,
) -> bool {
    let Some(probe) = &machine.probe else { return false };
    let Some(mark) = probe.mark.as_ref().filter(|mark| is_ours(world, name, mark)) else { return false };
    // An installation that was broken off before its first start is none yet.
    if probe.os == Os::Installer && !mark.booted && past.installing.as_ref() == Some(&mark.installation) {
        return false;
    }
    let Some(known) = &past.provisioned else {
        let (installation, uuid) = (mark.installation.clone(), probe.hardware.uuid.clone());
        changes.push(What::Recognised { machine: name.clone(), installation, uuid });
        return true;
    };
    // Our disk in other hardware, or an older disk put back: for a person to look at, not for us to accept.
    if known.uuid.as_ref().is_some_and(|uuid| *uuid != probe.hardware.uuid) {
        return false;
    }
    if known.installation != mark.installation || known.uuid.is_none() {
        let (installation, uuid) = (mark.installation.clone(), probe.hardware.uuid.clone());
        changes.push(What::Recognised { machine: name.clone(), installation, uuid });
    }
    true
}

fn joined(
    machine: Option<&Machine>,
    name: &MachineName,
    node: &NodeSeen,
    past: &MachinePast,
    changes: &mut Vec<What>,
) {
    let known = past.joined.as_ref().and_then(|joined| joined.uid.as_deref());
    if known == Some(node.uid.as_str()) || machine.is_some_and(|m| m.role == Role::None) {
        return;
    }
    let role = if node.control_plane { Role::ControlPlane } else { Role::Worker };
    changes.push(What::Joined { machine: name.clone(), uid: node.uid.clone(), role });
}

fn sight(name: &MachineName, machine: &MachineSeen, past: &MachinePast, changes: &mut Vec<What>) {
    match machine.reach {
        Reach::Answered if past.silent_since.is_some() => {
            changes.push(What::Sighted { machine: name.clone() });
        }
        // Silence counts from here only for machines that once were there; of others nothing was expected yet.
        Reach::Refused | Reach::TimedOut if past.silent_since.is_none() && past.provisioned.is_some() => {
            changes.push(What::LostSight { machine: name.clone() });
        }
        Reach::Answered
        | Reach::Refused
        | Reach::TimedOut
        | Reach::WrongKey { .. }
        | Reach::UnknownKey { .. }
        | Reach::Denied { .. }
        | Reach::Unknown => {}
    }
}

fn readiness(
    name: &MachineName,
    machine: &MachineSeen,
    node: &NodeSeen,
    past: &MachinePast,
    changes: &mut Vec<What>,
) {
    // What the API server says of a node is up to 40 seconds old (node-monitor-grace-period): that a restart is over, the machine
    // itself must show, and a member of etcd that it votes again.
    let is_back = |probe: &Probe| probe.kubelet && (!probe.datastore || probe.sqlite || probe.etcd.is_some());
    let runs = || machine.probe.as_ref().is_some_and(is_back);
    match (node.ready, past.not_ready_since) {
        (true, since)
            if (since.is_some() && past.restarts.is_none()) || (past.restarts.is_some() && runs()) =>
        {
            changes.push(What::Ready { machine: name.clone() });
        }
        (false, None) => changes.push(What::NotReady { machine: name.clone() }),
        (true, _) | (false, Some(_)) => {}
    }
}
