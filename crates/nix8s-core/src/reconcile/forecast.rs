//! What follows a plan until convergence, as far as can be foreseen: effects fed back into planning.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;

use super::cx::Cx;
use crate::event::EVENT_VERSION;
use crate::event::Event;
use crate::event::What;
use crate::model::Action;
use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::StorePath;
use crate::model::Version;
use crate::observed::ApiSeen;
use crate::observed::Cordon;
use crate::observed::EtcdMember;
use crate::observed::Known;
use crate::observed::KubeconfigSeen;
use crate::observed::MachineSeen;
use crate::observed::Mark;
use crate::observed::NodeSeen;
use crate::observed::Observed;
use crate::observed::Os;
use crate::observed::Probe;
use crate::observed::Reach;
use crate::observed::System;
use crate::permit::Permit;
use crate::plan::Effect;
use crate::plan::MetadataPatch;
use crate::plan::Plan;
use crate::plan::Step;

/// Rounds of foresight. A cluster from nothing needs about a dozen, a step of an upgrade half of that; what needs
/// more than this is cut off, which a person who reads that far will forgive.
const ROUNDS_MAX: usize = 64;

/// What follows after `plan` if everything goes well. Turns are given in order but not one by one, so that a roll
/// over many machines is foreseen at the price of one.
pub fn forecast(cluster: &Cluster, seen: &Observed, plan: &Plan, permit: &Permit) -> Vec<Step> {
    let mut seen = seen.clone();
    let mut steps: Vec<Step> = Vec::new();
    let mut now = plan.at;
    let mut next = plan.steps.clone();
    let mut told: BTreeSet<(String, Version)> = BTreeSet::new();
    for round in 0..ROUNDS_MAX {
        for step in &next {
            expect(cluster, &mut seen, &step.effect, now);
            told.insert((step.id.clone(), seen.wanted_version.clone()));
        }
        now += SignedDuration::from_mins(5);
        seen.at = now;
        evaluate_next(cluster, &mut seen);
        if round > 0 {
            steps.append(&mut next);
        }
        next = super::plan_in(&Cx::foreseeing(cluster, &seen, now, permit)).steps;
        // What was foreseen already and is still wanted is not going to happen by being repeated.
        next.retain(|step| !told.contains(&(step.id.clone(), seen.wanted_version.clone())));
        if next.is_empty() {
            break;
        }
    }
    steps
}

/// When a minor release has been reached everywhere, systems of the next are wanted. Nothing has evaluated them yet:
/// their paths are made up, and never leave the forecast.
fn evaluate_next(cluster: &Cluster, seen: &mut Observed) {
    let next = super::next_version(cluster, &seen.api);
    if next == seen.wanted_version {
        return;
    }
    if let Known::Known(systems) = &mut seen.wanted {
        for system in systems.values_mut().filter(|s| s.version.is_some()) {
            system.path = StorePath::new(&format!("{}-{next}", system.path));
            system.parts.kubernetes = next.to_string();
            system.version = Some(next.clone());
        }
    }
    seen.wanted_version = next;
}

fn expect(cluster: &Cluster, seen: &mut Observed, effect: &Effect, now: Timestamp) {
    let event = |what| Event { v: EVENT_VERSION, seq: 0, at: now, run: String::new(), what };
    seen.past.apply(&event(What::Started { effect: effect.clone() }));
    seen.past.apply(&event(What::Done { effect: effect.clone(), took_ms: 0, note: None }));
    // The run's limit on affected machines was weighed before; foresight shows what it would lead to.
    seen.past.affected.clear();
    match effect {
        Effect::GenerateSecrets { missing } => {
            if let Known::Known(secrets) = &mut seen.secrets {
                secrets.extend(missing.iter().cloned());
            }
        }
        Effect::Install { machine, installation, .. } => installed(cluster, seen, machine, installation),
        Effect::Adopt { machine, installation, .. } => {
            let mark = mark(cluster, machine, installation);
            change_probe(seen, machine, |probe| probe.mark = Some(mark));
        }
        Effect::WriteMembership { machine, digest } => {
            change_probe(seen, machine, |probe| probe.membership = Some(digest.clone()));
        }
        Effect::Init { machine } => {
            seen.api = Known::Known(ApiSeen::default());
            becomes_node(cluster, seen, machine, Role::ControlPlane);
        }
        Effect::Join { machine, role, .. } => becomes_node(cluster, seen, machine, *role),
        Effect::Copy { machine, system } => {
            change_probe(seen, machine, |probe| {
                probe.copied.insert(system.clone());
            });
        }
        Effect::Cordon { machine } => change_node(seen, machine, |node| node.cordon = Cordon::Ours),
        Effect::Uncordon { machine } => change_node(seen, machine, |node| node.cordon = Cordon::None),
        Effect::UpgradeComponents { machine, version, .. } => {
            change_probe(seen, machine, |probe| probe.components = Some(version.clone()));
        }
        Effect::Switch { machine, system, action, .. } => {
            if *action != Action::Boot {
                switched(seen, machine, system);
            }
            if *action != Action::Test {
                change_probe(seen, machine, |probe| probe.boots = Some(system.clone()));
            }
        }
        Effect::Rollback { machine, to } => {
            let _ = to;
            change_probe(seen, machine, |probe| probe.running = None);
        }
        Effect::Restart { machine, .. } => change_node(seen, machine, |node| node.ready = true),
        Effect::LeaveEtcd { machine, .. } => left_etcd(seen, machine),
        Effect::Clean { machine, .. } => change_probe(seen, machine, |probe| {
            probe.kubelet = false;
            (probe.datastore, probe.sqlite) = (false, false);
            probe.distribution_state = false;
            probe.etcd = None;
        }),
        Effect::DeleteNode { machine, .. } => {
            if let Known::Known(api) = &mut seen.api {
                api.nodes.remove(machine);
            }
        }
        Effect::SetMetadata { machine, patch } => change_node(seen, machine, |node| patched(node, patch)),
        Effect::FetchKubeconfig { .. } => seen.kubeconfig = Known::Known(KubeconfigSeen::Works),
        Effect::InstallPlatform { platform, version } => {
            if let Known::Known(api) = &mut seen.api {
                api.platforms.insert(platform.clone(), version.clone());
            }
        }
        Effect::ElectFirstServer { .. }
        | Effect::Build { .. }
        | Effect::Drain { .. }
        | Effect::CheckGates { .. }
        | Effect::Forget { .. }
        | Effect::RunScript { .. } => {}
    }
}

fn mark(cluster: &Cluster, machine: &MachineName, installation: &str) -> Mark {
    Mark {
        cluster: cluster.name.to_string(),
        machine: machine.to_string(),
        installation: installation.to_owned(),
        booted: true,
    }
}

fn change_probe(seen: &mut Observed, machine: &MachineName, change: impl FnOnce(&mut Probe)) {
    if let Some(probe) = seen.machines.get_mut(machine).and_then(|m| m.probe.as_mut()) {
        change(probe);
    }
}

fn change_node(seen: &mut Observed, machine: &MachineName, change: impl FnOnce(&mut NodeSeen)) {
    if let Known::Known(api) = &mut seen.api
        && let Some(node) = api.nodes.get_mut(machine)
    {
        change(node);
    }
}

fn wanted(seen: &Observed, machine: &MachineName) -> Option<System> {
    seen.wanted.known()?.get(machine).cloned()
}

fn installed(cluster: &Cluster, seen: &mut Observed, machine: &MachineName, installation: &str) {
    let system = wanted(seen, machine);
    let hardware = seen.machines.get(machine).and_then(|m| m.probe.as_ref()).map(|p| p.hardware.clone());
    let Some(hardware) = hardware else { return };
    let probe = Probe {
        mark: Some(mark(cluster, machine, installation)),
        copied: system.iter().map(|s| s.path.clone()).collect(),
        running: system,
        ..Probe::bare(Os::NixOs { release: cluster.version.to_string() }, hardware)
    };
    seen.machines.insert(machine.clone(), MachineSeen { reach: Reach::Answered, probe: Some(probe) });
}

fn becomes_node(cluster: &Cluster, seen: &mut Observed, machine: &MachineName, role: Role) {
    let version = wanted(seen, machine).and_then(|s| s.version).unwrap_or_else(|| cluster.version.clone());
    let node = NodeSeen {
        uid: format!("foreseen-{machine}"),
        ready: true,
        cordon: Cordon::None,
        version: version.clone(),
        control_plane: role == Role::ControlPlane,
        labels: Default::default(),
        annotations: Default::default(),
        taints: Default::default(),
    };
    if let Known::Known(api) = &mut seen.api {
        api.nodes.insert(machine.clone(), node);
    }
    let mut etcd: Vec<EtcdMember> =
        seen.machines.values().filter_map(|m| m.probe.as_ref()?.etcd.clone()).next().unwrap_or_default();
    if role == Role::ControlPlane {
        etcd.push(EtcdMember { id: machine.to_string(), name: machine.to_string(), healthy: true });
        for member in etcd.clone() {
            if let Ok(name) = member.name.parse() {
                change_probe(seen, &name, |probe| probe.etcd = Some(etcd.clone()));
            }
        }
    }
    change_probe(seen, machine, |probe| {
        probe.kubelet = true;
        probe.distribution_state = true;
        probe.datastore = role == Role::ControlPlane;
        probe.components = Some(version);
        probe.etcd = (role == Role::ControlPlane).then_some(etcd);
    });
}

fn switched(seen: &mut Observed, machine: &MachineName, path: &StorePath) {
    let system = wanted(seen, machine).filter(|s| s.path == *path);
    if let Some(version) = system.as_ref().and_then(|s| s.version.clone()) {
        change_node(seen, machine, |node| node.version = version);
    }
    change_node(seen, machine, |node| node.ready = true);
    change_probe(seen, machine, |probe| {
        probe.copied.insert(path.clone());
        probe.running = system;
    });
}

fn left_etcd(seen: &mut Observed, machine: &MachineName) {
    for probe in seen.machines.values_mut().filter_map(|m| m.probe.as_mut()) {
        if let Some(members) = &mut probe.etcd {
            members.retain(|m| m.name != machine.as_str());
        }
    }
}

fn patched(node: &mut NodeSeen, patch: &MetadataPatch) {
    let MetadataPatch { labels, annotations, add_taints, remove_taints } = patch;
    for (map, changes) in [(&mut node.labels, labels), (&mut node.annotations, annotations)] {
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
    }
    node.taints.retain(|t| !remove_taints.contains(t));
    node.taints.extend(add_taints.iter().cloned());
}
