//! Holds a finished plan against the rules: a second opinion that shares no decision with the planner.
//!
//! Runs on every plan, in release builds too. If it fires, nothing runs: it is a fault of nix8s.

mod whole;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use super::Effect;
use super::EffectKind;
use super::Plan;
use super::Step;
use super::rule::Rule;
use super::rule::holds;
use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::Strategy;
use crate::model::Version;
use crate::observed::ApiSeen;
use crate::observed::Cordon;
use crate::observed::EtcdMember;
use crate::observed::Mark;
use crate::observed::NodeSeen;
use crate::observed::Observed;
use crate::observed::Os;
use crate::observed::Probe;
use crate::past::MachinePast;
use crate::permit::EraseScope;
use crate::permit::Permit;
use crate::permit::Risk;

/// A rule that a plan would break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// By which step.
    pub step: String,
    /// How.
    pub text: String,
}

/// Every rule that this plan would break; none, if nix8s is right.
pub fn check(cluster: &Cluster, seen: &Observed, plan: &Plan, permit: &Permit) -> Vec<Violation> {
    let mut by_machine: BTreeMap<&MachineName, Vec<&Effect>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(machine) = step.effect.machine() {
            by_machine.entry(machine).or_default().push(&step.effect);
        }
    }
    let down = whole::goes_down(&by_machine);
    let nodes = seen.api.known().into_iter().flat_map(|api| &api.nodes);
    let mut check = Check {
        cluster,
        seen,
        permit,
        by_machine,
        down,
        control_planes: nodes.filter(|(_, node)| node.control_plane).collect(),
        etcd: whole::etcd(seen),
        failed: whole::failed(cluster, seen),
        found: Vec::new(),
    };
    for step in &plan.steps {
        check.knowledge(step);
        check.erasing(step);
        check.initialising(step);
        check.copying(step);
        check.halting(step);
        check.order(step);
        check.leaving(step);
        check.cordons(step);
    }
    check.quorum();
    check.availability();
    check.radius();
    check.found
}

struct Check<'a> {
    cluster: &'a Cluster,
    seen: &'a Observed,
    permit: &'a Permit,
    by_machine: BTreeMap<&'a MachineName, Vec<&'a Effect>>,
    /// Machines whose Kubernetes services this plan takes away for a while or for good.
    down: BTreeSet<&'a MachineName>,
    /// What is asked of the whole cluster for each step, found once.
    control_planes: Vec<(&'a MachineName, &'a NodeSeen)>,
    etcd: Option<&'a [EtcdMember]>,
    /// Machines on which the systems that are wanted now failed.
    failed: u32,
    found: Vec<Violation>,
}

impl<'a> Check<'a> {
    fn broken(&mut self, rule: Rule, step: &str, text: String) {
        if holds(rule) {
            self.found.push(Violation { rule, step: step.to_owned(), text });
        }
    }

    fn probe(&self, name: &MachineName) -> Option<&'a Probe> {
        self.seen.machines.get(name)?.probe.as_ref()
    }

    fn api(&self) -> Option<&'a ApiSeen> {
        self.seen.api.known()
    }

    fn node(&self, name: &MachineName) -> Option<&'a NodeSeen> {
        self.api()?.nodes.get(name)
    }

    fn has(&self, name: &MachineName, kind: EffectKind) -> bool {
        self.by_machine.get(name).is_some_and(|effects| effects.iter().any(|e| e.kind() == kind))
    }

    /// Rule 1.
    fn knowledge(&mut self, step: &Step) {
        let Some(name) = step.effect.machine() else { return };
        let lost = self.seen.past.machines.get(name).is_some_and(|p| p.lost);
        let answered = self.probe(name).is_some();
        let (machine_known, api_known) = match step.effect.kind() {
            EffectKind::Drain | EffectKind::Cordon | EffectKind::LeaveEtcd | EffectKind::DeleteNode => {
                (answered || lost, self.api().is_some())
            }
            EffectKind::Clean => {
                (answered, self.api().is_some() || !self.probe(name).is_some_and(|p| p.datastore))
            }
            EffectKind::Install | EffectKind::Switch | EffectKind::Init => (answered, true),
            EffectKind::GenerateSecrets
            | EffectKind::ElectFirstServer
            | EffectKind::Adopt
            | EffectKind::WriteMembership
            | EffectKind::Join
            | EffectKind::Build
            | EffectKind::Copy
            | EffectKind::UpgradeComponents
            | EffectKind::CheckGates
            | EffectKind::Rollback
            | EffectKind::Uncordon
            | EffectKind::Restart
            | EffectKind::Forget
            | EffectKind::SetMetadata
            | EffectKind::FetchKubeconfig
            | EffectKind::InstallPlatform
            | EffectKind::RunScript => (true, true),
        };
        if !machine_known {
            self.broken(Rule::UnknownIsNotAbsent, &step.id, format!("{name} did not answer"));
        }
        if !api_known {
            self.broken(Rule::UnknownIsNotAbsent, &step.id, "the API server did not answer".to_owned());
        }
    }

    /// Rule 2.
    fn erasing(&mut self, step: &Step) {
        let Effect::Install { machine, scope, hardware, .. } = &step.effect else { return };
        let past = self.seen.past.machines.get(machine);
        let provisioned = past.and_then(|p| p.provisioned.as_ref());
        // An installation that was begun here and never started is no installation yet.
        let begun = past.and_then(|p| p.installing.as_deref());
        let marked = self.probe(machine).is_some_and(|probe| {
            let half = |mark: &Mark| {
                probe.os == Os::Installer && !mark.booted && begun == Some(mark.installation.as_str())
            };
            probe.mark.as_ref().is_some_and(|mark| !half(mark))
        });
        let known = provisioned.is_some() || past.is_some_and(|p| p.joined.is_some()) || marked;
        let used = self.seen.past.installed.contains(machine);
        let named = self.permit.erase.get(machine).filter(|_| !used);
        if known && named.is_none() {
            self.broken(
                Rule::NeverErasedTwice,
                &step.id,
                format!("{machine} was provisioned and is not named"),
            );
        }
        if let Some(uuid) = provisioned.and_then(|p| p.uuid.as_ref())
            && *uuid != hardware.uuid
        {
            self.broken(
                Rule::NeverErasedTwice,
                &step.id,
                format!("{machine} is other metal than was provisioned"),
            );
        }
        let allowed = named.copied().unwrap_or(EraseScope::System);
        let fresh = self.permit.erase_all_new && !known;
        if *scope > allowed.max(EraseScope::Foreign)
            || (*scope > EraseScope::System && named.is_none() && !fresh)
        {
            self.broken(
                Rule::NeverErasedTwice,
                &step.id,
                format!("more of {machine} is erased than is allowed"),
            );
        }
    }

    /// Rule 3.
    fn initialising(&mut self, step: &Step) {
        let Effect::Init { machine } = &step.effect else { return };
        if self.seen.past.first_server.as_ref() != Some(machine) {
            self.broken(
                Rule::InitialisedOnce,
                &step.id,
                format!("{machine} is not the elected first server"),
            );
        }
        if self.api().is_some() {
            self.broken(Rule::InitialisedOnce, &step.id, "the cluster's API server answers".to_owned());
        }
        let joined = self
            .seen
            .past
            .machines
            .iter()
            .filter(|(_, p)| p.joined.as_ref().is_some_and(|j| j.role == Role::ControlPlane));
        let names: BTreeSet<&MachineName> =
            self.cluster.control_planes().map(|m| &m.name).chain(joined.map(|(name, _)| name)).collect();
        for name in names {
            match self.probe(name) {
                None => self.broken(Rule::InitialisedOnce, &step.id, format!("{name} was not observed")),
                Some(probe) if probe.datastore => {
                    self.broken(Rule::InitialisedOnce, &step.id, format!("{name} holds a datastore"));
                }
                Some(_) => {}
            }
        }
    }

    /// Rule 6.
    fn copying(&mut self, step: &Step) {
        let Effect::Switch { machine, system, .. } = &step.effect else { return };
        let drained = self.has(machine, EffectKind::Cordon) || self.has(machine, EffectKind::Drain);
        let there = self.probe(machine).is_some_and(|p| p.copied.contains(system));
        if drained && !there {
            self.broken(Rule::CopyBeforeDrain, &step.id, format!("the new system is not on {machine} yet"));
        }
    }

    /// Rules 7 and 16.
    fn halting(&mut self, step: &Step) {
        let Effect::Switch { machine, system, .. } = &step.effect else { return };
        let past = self.seen.past.machines.get(machine);
        if past.is_some_and(|p| p.bad.contains_key(system)) {
            self.broken(Rule::BadSystems, &step.id, format!("{system} failed on {machine} before"));
        }
        if self.failed > self.cluster.upgrade.failure_budget && self.node(machine).is_some() {
            self.broken(Rule::RollHalts, &step.id, format!("{machine} would follow machines that failed"));
        }
    }

    /// Rule 8.
    fn order(&mut self, step: &Step) {
        if let Effect::Init { machine } | Effect::Join { machine, .. } = &step.effect
            && self.probe(machine).is_some_and(|p| p.armed)
        {
            let text =
                format!("{machine} is going back to another system, and whose version that has is not known");
            self.broken(Rule::Order, &step.id, text);
        }
        let (machine, wanted) = match &step.effect {
            Effect::Switch { machine, system, .. } => (machine, self.version_of(machine, system)),
            Effect::Join { machine, role: Role::Worker, .. } => {
                (machine, self.probe(machine).and_then(|p| p.running.as_ref()?.version.as_ref()))
            }
            _ => return,
        };
        let Some(node) = self.node(machine) else {
            // A machine that is in no cluster may run what it likes; it is what joins that counts.
            if step.effect.kind() == EffectKind::Join {
                self.not_newer(step, machine, wanted);
            }
            return;
        };
        let Some(wanted) = wanted else { return };
        if wanted.minor > node.version.minor + 1 {
            self.broken(Rule::Order, &step.id, format!("{} to {wanted} skips a minor release", node.version));
        }
        if !node.control_plane {
            self.not_newer(step, machine, Some(wanted));
        } else if *wanted == node.version && self.runs_version(machine, wanted) {
            self.workers_first(step, machine);
        }
    }

    fn runs_version(&self, machine: &MachineName, version: &Version) -> bool {
        let running = self.probe(machine).and_then(|p| p.running.as_ref()?.version.as_ref());
        running == Some(version)
    }

    fn version_of(&self, machine: &MachineName, path: &crate::model::StorePath) -> Option<&'a Version> {
        let system = self.seen.wanted.known()?.get(machine)?;
        if system.path == *path { system.version.as_ref() } else { None }
    }

    fn not_newer(&mut self, step: &Step, machine: &MachineName, wanted: Option<&Version>) {
        let rises = self.node(machine).is_none_or(|n| wanted.is_some_and(|w| *w > n.version));
        let mut control_planes = self.control_planes.iter();
        let back = control_planes.find(|(name, _)| self.has(name, EffectKind::Rollback));
        if let Some((who, _)) = back.filter(|_| rises) {
            let text = format!("{machine} may be newer than {who}, which goes back in the same plan");
            self.broken(Rule::Order, &step.id, text);
        }
        let runs = |name| self.probe(name).and_then(|p| p.running.as_ref()?.version.as_ref());
        let versions = self.control_planes.iter().flat_map(|(name, n)| [Some(&n.version), runs(name)]);
        let Some(lowest) = versions.flatten().min() else { return };
        if wanted.is_some_and(|w| w > lowest) {
            self.broken(
                Rule::Order,
                &step.id,
                format!("{machine} would be newer than a control plane ({lowest})"),
            );
        }
    }

    /// Within a version a control plane that runs another system waits for workers that could be updated.
    fn workers_first(&mut self, step: &Step, machine: &MachineName) {
        if self.cluster.upgrade.control_planes_first
            || self.node(machine).is_some_and(|n| n.cordon == Cordon::Ours)
        {
            return;
        }
        let Some(wanted) = self.seen.wanted.known() else { return };
        let earlier = self.cluster.machines.values().find(|m| {
            let differs = |p: &Probe| {
                let running = p.running.as_ref();
                wanted
                    .get(&m.name)
                    .is_some_and(|w| running.is_some_and(|r| r.path != w.path && r.version == w.version))
            };
            let named = self.permit.nodes.as_ref().is_none_or(|nodes| nodes.contains(&m.name));
            let past = self.seen.past.machines.get(&m.name);
            let script_failed = |p: &MachinePast| p.scripts.values().any(|script| script.failed.is_some());
            let failed = |p: &MachinePast| !p.bad.is_empty() || !p.failures.is_empty() || script_failed(p);
            let held = |p: &MachinePast| {
                p.held.as_ref().map(|held| &held.system) == wanted.get(&m.name).map(|w| &w.path)
            };
            let held = |p: &MachinePast| p.held.is_some() && held(p);
            let given_up = past.is_some_and(|p| p.delete || p.removed || failed(p) || held(p));
            m.role == Role::Worker
                && !m.skip
                && named
                && !given_up
                && self.node(&m.name).is_some_and(|n| n.ready && !n.control_plane)
                && self.probe(&m.name).is_some_and(differs)
        });
        if let Some(worker) = earlier {
            self.broken(Rule::Order, &step.id, format!("{machine} comes before {}", worker.name));
        }
    }

    /// Rule 9.
    fn leaving(&mut self, step: &Step) {
        let (Effect::DeleteNode { machine, .. } | Effect::Clean { machine, .. }) = &step.effect else {
            return;
        };
        let control_plane = self.node(machine).is_some_and(|n| n.control_plane);
        match self.etcd {
            Some(members) => {
                let member = members.iter().any(|m| m.name == machine.as_str());
                if member && !self.has(machine, EffectKind::LeaveEtcd) {
                    self.broken(
                        Rule::LeaveBeforeDelete,
                        &step.id,
                        format!("{machine} is still an etcd member"),
                    );
                }
            }
            None if control_plane => {
                self.broken(
                    Rule::LeaveBeforeDelete,
                    &step.id,
                    format!("whether {machine} is in etcd is not known"),
                );
            }
            None => {}
        }
    }

    /// Rule 14.
    fn cordons(&mut self, step: &Step) {
        let Effect::Uncordon { machine } = &step.effect else { return };
        if self.node(machine).is_some_and(|n| n.cordon == Cordon::Foreign) {
            self.broken(Rule::CordonOwner, &step.id, format!("somebody else cordoned {machine}"));
        }
    }

    /// Rule 4. A restart takes a vote away for a moment; where there is no working vote, there is none to take.
    fn quorum(&mut self) {
        let Some(members) = self.etcd else { return };
        let is_member = |n: &MachineName| members.iter().any(|m| m.name == n.as_str());
        let votes = |n: &MachineName| members.iter().any(|m| m.name == n.as_str() && m.healthy);
        let down = self.down.iter().copied().filter(|n| is_member(n));
        let serves = members.len() >= 3 || self.api().is_some();
        let restarted = self
            .by_machine
            .keys()
            .copied()
            .filter(|n| serves && self.has(n, EffectKind::Restart) && votes(n));
        let voters: BTreeSet<&MachineName> = down.chain(restarted).collect();
        let voters: Vec<&MachineName> = voters.into_iter().collect();
        let Some(first) = voters.first().copied() else { return };
        if voters.len() > 1 {
            self.broken(Rule::EtcdQuorum, first.as_str(), format!("{} control planes at once", voters.len()));
        }
        let leaving = self.has(first, EffectKind::LeaveEtcd);
        let healthy = members.iter().filter(|m| m.healthy && m.name != first.as_str()).count();
        let needed = members.len() / 2 + 1;
        if members.len() >= 3 && healthy < needed {
            let text = format!("without {first} {healthy} of {} etcd members are healthy", members.len());
            self.broken(Rule::EtcdQuorum, first.as_str(), text);
        }
        if members.len() < 3 && !leaving && !self.permit.allows(Risk::Interrupts) {
            self.broken(Rule::EtcdQuorum, first.as_str(), "an outage of the API is not permitted".to_owned());
        }
    }

    /// Rule 5.
    fn availability(&mut self) {
        if self.cluster.upgrade.strategy == Strategy::Parallel {
            return;
        }
        let Some(api) = self.api() else { return };
        let skipped = |name: &MachineName| self.cluster.machines.get(name).is_some_and(|m| m.skip);
        let ours = |name: &MachineName| {
            self.cluster.machines.contains_key(name)
                || self
                    .seen
                    .past
                    .machines
                    .get(name)
                    .is_some_and(|p| p.joined.is_some() || p.provisioned.is_some())
        };
        let already = |node: &NodeSeen| !node.ready || node.cordon != Cordon::None;
        let workers =
            || api.nodes.iter().filter(|(name, n)| !n.control_plane && !skipped(name) && ours(name));
        let before = workers().filter(|(_, n)| already(n)).count();
        let added: Vec<&MachineName> = workers()
            .filter(|(name, n)| self.down.contains(name) && !already(n))
            .map(|(name, _)| name)
            .collect();
        let max = self.cluster.upgrade.max_unavailable as usize;
        if let Some(first) = added.first()
            && before + added.len() > max
        {
            let text = format!("{before} workers are down, {} more would be, and {max} may be", added.len());
            self.broken(Rule::MaxUnavailable, first.as_str(), text);
        }
    }

    /// Rule 17.
    fn radius(&mut self) {
        let affected: BTreeSet<&MachineName> =
            self.down.iter().copied().chain(&self.seen.past.affected).collect();
        let workers = self.cluster.machines.values().filter(|m| m.role == Role::Worker).count() as u32;
        let max =
            self.permit.max_affected.or(self.cluster.policy.max_affected).unwrap_or((workers / 2).max(5));
        let new = self.down.iter().find(|name| {
            !self.seen.past.affected.contains(**name)
                && self.node(name).is_none_or(|n| n.cordon != Cordon::Ours)
        });
        if let Some(first) = new
            && affected.len() as u32 > max
        {
            let text = format!("{} machines are affected, and {max} may be", affected.len());
            self.broken(Rule::BlastRadius, first.as_str(), text);
        }
        let roles: Vec<&MachineName> =
            self.down.iter().copied().filter(|name| self.changes_role(name)).collect();
        for name in roles {
            if !self.permit.nodes.as_ref().is_some_and(|nodes| nodes.contains(name)) {
                self.broken(
                    Rule::BlastRadius,
                    name.as_str(),
                    format!("{name} changes its role and is not named"),
                );
            }
        }
    }

    fn changes_role(&self, name: &MachineName) -> bool {
        let leaves = self.seen.past.machines.get(name).is_some_and(|p| p.delete);
        match (self.cluster.machines.get(name), self.node(name)) {
            (Some(machine), Some(node)) => {
                !leaves && (machine.role == Role::ControlPlane) != node.control_plane
            }
            _ => false,
        }
    }
}
