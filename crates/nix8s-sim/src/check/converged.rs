//! Whether what nix8s says at the end is true: every wait's cause holds in the world, and where nothing waits, what is
//! wanted is the case.

use std::collections::BTreeSet;

use nix8s_core::membership;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::observed::Cordon;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Wait;

use crate::world::World;
use crate::world::metal::Content;
use crate::world::metal::Running;

/// Labels and annotations of the generated configurations begin with this; others are somebody else's.
const OURS: &str = "example.com/";

/// Everything that is not as nix8s says. `away`: members that were told to leave and are still configured.
pub fn untrue(world: &World, waits: &[Wait], away: &BTreeSet<MachineName>) -> Vec<String> {
    let blocking: Vec<&Wait> =
        waits.iter().filter(|w| matches!(w.cause.ends(), Ends::Outside | Ends::Permit)).collect();
    // Others may wait for a control plane that is left alone, or for a machine that is and is not as it should be.
    let mut skipped = world.fleet.machines.values().filter(|m| m.skip && !away.contains(&m.name));
    let others_block = skipped
        .any(|m| m.role == Role::ControlPlane || not_as_wanted(world, m, false).is_some())
        || !blocking.is_empty()
        || workers_down(world) >= world.fleet.upgrade.max_unavailable as usize;
    let mut wrong: Vec<String> =
        waits.iter().filter_map(|w| wait_untrue(world, w, away, others_block)).collect();
    let all_wait = blocking.iter().any(|w| w.machine.is_none());
    let waiting: BTreeSet<&MachineName> =
        waits.iter().filter(|w| w.cause.ends() != Ends::Info).filter_map(|w| w.machine.as_ref()).collect();
    for machine in world.fleet.machines.values().filter(|m| !m.skip && !away.contains(&m.name)) {
        if !waiting.contains(&machine.name) && !all_wait {
            wrong.extend(
                not_as_wanted(world, machine, !waiting.is_empty())
                    .map(|why| format!("{}: {why}, and nothing says so", machine.name)),
            );
        }
    }
    for name in world.metal.keys().filter(|n| away.contains(*n) || !world.fleet.machines.contains_key(*n)) {
        if !waiting.contains(name) && !all_wait {
            wrong.extend(not_gone(world, name).map(|why| format!("{name}: {why}, and nothing says so")));
        }
    }
    wrong.extend(world.nodes.iter().filter_map(|(name, node)| {
        let good =
            world.metal.get(name).is_some_and(|m| m.running().is_some_and(|p| !m.failed.contains_key(p)));
        // What leaves, and waits with that, stays cordoned (seed 547458).
        let leaves =
            (away.contains(name) || !world.fleet.machines.contains_key(name)) && waiting.contains(name);
        let left = node.ready && good && node.cordon() == Cordon::Ours && !leaves;
        left.then(|| format!("{name}: it is Ready on a good system and still cordoned by nix8s (r14)"))
    }));
    wrong
}

fn wait_untrue(
    world: &World,
    wait: &Wait,
    away: &BTreeSet<MachineName>,
    others_block: bool,
) -> Option<String> {
    let metal = wait.machine.as_ref().and_then(|name| world.metal.get(name));
    let node = wait.machine.as_ref().and_then(|name| world.nodes.get(name));
    let system_failed = || world.metal.values().any(|m| !m.failed.is_empty());
    let holds = match wait.cause {
        Cause::Silent | Cause::NotThereYet => !metal.is_some_and(|m| m.answers(world.now)),
        Cause::WrongKey => metal.is_some_and(|m| !m.key_known),
        Cause::NotOurMachine => metal.is_some_and(|m| {
            let marked = m
                .installed
                .as_ref()
                .and_then(|i| i.mark.as_ref())
                .is_some_and(|k| k.machine == m.name.as_str());
            m.uuid.starts_with("other-") || !marked
        }),
        Cause::WrongSystem => metal.is_some_and(|m| m.os != Running::NixOs || m.installed.is_none()),
        Cause::NeedsErase => metal.is_some_and(|m| {
            let foreign = m.disks.iter().any(|d| matches!(d.content, Content::Foreign(_)));
            foreign || m.installed.is_some() || matches!(m.os, Running::Foreign(_))
        }),
        Cause::BadSystem => system_failed(),
        Cause::Halted => system_failed() || !world.check.scripts.failed.is_empty(),
        Cause::GivenUp => {
            let script = !world.check.scripts.failed.is_empty() && wait.text.contains("script");
            system_failed() || script || has_bare_pod(world, wait.machine.as_ref())
        }
        Cause::Unknown => !world.api_answers() || metal.is_some_and(|m| !m.answers(world.now)),
        Cause::NotReady => !world.api_answers() || node.is_none_or(|n| !n.ready),
        Cause::BackOff | Cause::Pause => has_bare_pod(world, wait.machine.as_ref()),
        Cause::Earlier | Cause::Unavailable | Cause::Quorum => others_block,
        // None of these lives goes backwards, and somebody gives every permit.
        // Every other leave has been given by the time that this is asked.
        Cause::NeedsPermit => world.common.etcd.as_ref().is_some_and(|e| e.members.len() == 1),
        Cause::VersionSkew | Cause::NotNamed => false,
        Cause::LaterVersion => true,
        Cause::ForeignNode => wait.machine.as_ref().is_none_or(|n| !world.fleet.machines.contains_key(n)),
        Cause::Skipped => {
            wait.machine.as_ref().is_some_and(|n| world.fleet.machines.get(n).is_some_and(|m| m.skip))
        }
        // What a restart brings or takes away.
        Cause::AsAsked => metal.is_some_and(|m| {
            let (installed, held) = (m.installed.as_ref(), m.held.as_ref());
            installed.is_some_and(|i| held.is_some_and(|held| i.running != i.default || i.running != *held))
        }),
        Cause::Tombstone => wait.machine.as_ref().is_some_and(|n| away.contains(n)),
    };
    let machine = wait.machine.as_ref().map_or("the cluster", |m| m.as_str());
    (!holds).then(|| format!("{machine}: {:?} is not so: {}", wait.cause, wait.text))
}

/// Workers that are not there for pods, whoever's doing it is.
fn workers_down(world: &World) -> usize {
    world.nodes.values().filter(|n| !n.control_plane && (!n.ready || n.cordon() != Cordon::None)).count()
}

fn has_bare_pod(world: &World, name: Option<&MachineName>) -> bool {
    let bare = |p: &crate::world::pod::WorldPod| {
        world.workload(p).is_some_and(|w| w.replicas == 0 || w.min_available.is_some())
    };
    name.is_some_and(|name| world.pods.values().any(|p| p.node.as_ref() == Some(name) && bare(p)))
}

/// How a machine is not as it is wanted.
fn not_as_wanted(world: &World, machine: &Machine, blocked: bool) -> Option<String> {
    let name = &machine.name;
    let Some(metal) = world.metal.get(name) else { return Some("there is no such metal".to_owned()) };
    let Some(kind) = world.system_of(name, &world.fleet.version) else {
        return Some("it has no system".to_owned());
    };
    if metal.os != Running::NixOs {
        return Some(format!("it runs {:?}", metal.os));
    }
    let marked =
        metal.installed.as_ref().and_then(|i| i.mark.as_ref()).is_some_and(|k| k.machine == name.as_str());
    if !marked {
        return Some("it carries no identity mark".to_owned());
    }
    let on_the_way = blocked
        && (1..world.fleet.version.minor).any(|m| {
            let below = world.system_of(name, &crate::fleet::minor(m));
            below.is_some_and(|k| metal.running() == Some(&k.system.path))
        });
    if on_the_way {
        return None;
    }
    if metal.running() != Some(&kind.system.path) {
        return Some(format!("it runs {:?}, not {}", metal.running(), kind.system.path));
    }
    if metal.membership.as_deref() != Some(membership::render(&world.fleet).digest.as_str()) {
        return Some("its membership data is old".to_owned());
    }
    if machine.role == Role::None {
        return world.nodes.contains_key(name).then(|| "it is still a Node".to_owned());
    }
    let Some(node) = world.nodes.get(name) else { return Some("it is no Node".to_owned()) };
    if !node.ready {
        return Some("its Node is not Ready".to_owned());
    }
    if Some(&node.version) != kind.system.version.as_ref() {
        return Some(format!("its kubelet is {}", node.version));
    }
    let member = world.common.etcd.as_ref().is_some_and(|e| e.members.contains_key(name));
    if member != (machine.role == Role::ControlPlane) {
        return Some(format!("it is wanted as a {}, and etcd thinks otherwise", machine.role));
    }
    let ours = |map: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        map.iter().filter(|(k, _)| k.starts_with(OURS)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    if ours(&node.labels) != ours(&machine.node.labels)
        || ours(&node.annotations) != ours(&machine.node.annotations)
    {
        return Some("its labels or annotations are others".to_owned());
    }
    (node.taints != machine.node.taints).then(|| format!("its taints are {:?}", node.taints))
}

/// What is left of a member that should be gone.
fn not_gone(world: &World, name: &MachineName) -> Option<String> {
    let node = world.nodes.get(name);
    if node.is_some_and(|n| !n.uid.starts_with("foreign-")) {
        return Some("its Node is still there".to_owned());
    }
    if world.common.etcd.as_ref().is_some_and(|e| e.members.contains_key(name)) {
        return Some("it is still a member of etcd".to_owned());
    }
    let lost = world.check.lost.contains(name);
    let metal = world.metal.get(name)?;
    (metal.kube.state.is_some() && !lost && metal.answers(world.now))
        .then(|| "its distribution's state is still there".to_owned())
}
