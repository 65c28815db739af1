//! Watches every change to the world from outside, and says when one breaks a rule. None of core's code for the rules
//! is used: what is compared here is the truth of the world with what nix8s did to it.

pub mod converged;
pub mod disk;
mod intent;
pub mod quorum;
pub mod roll;
pub mod script;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::permit::Permit;

use crate::world::Ms;
use crate::world::World;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule of the design, for example `r4`.
    pub rule: &'static str,
    /// The machine that it happened to, if it was one.
    pub machine: Option<MachineName>,
    /// What happened.
    pub text: String,
    /// When.
    pub at: Ms,
    /// The calls before it, the last one last.
    pub calls: Vec<String>,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let machine = self.machine.as_ref().map_or("the cluster", |m| m.as_str());
        writeln!(f, "rule {} was broken on {machine} at {}: {}", self.rule, self.at, self.text)?;
        for call in &self.calls {
            writeln!(f, "  {call}")?;
        }
        Ok(())
    }
}

/// What the check remembers.
#[derive(Debug, Clone)]
pub struct Check {
    pub(crate) fleet: Arc<Cluster>,
    /// The user's leave for this run; rules about leave are not checked while it is not known.
    pub(crate) permit: Option<Permit>,
    /// Members that a person asked to leave.
    pub(crate) leaving: BTreeSet<MachineName>,
    /// Members that a person said are gone for good.
    pub(crate) lost: BTreeSet<MachineName>,
    /// What was found.
    pub violations: Vec<Violation>,
    pub(crate) calls: VecDeque<String>,
    /// When the configuration became what it is.
    pub(crate) fleet_since: Ms,
    /// When nix8s last began to look at everything.
    pub(crate) observed: Ms,
    /// Machines that this run interrupted or removed.
    pub(crate) affected: BTreeSet<MachineName>,
    /// Control planes that nix8s took down and that did not come back yet.
    pub(crate) taken: BTreeSet<MachineName>,
    /// When each machine last told what it is.
    pub(crate) answered: BTreeMap<MachineName, Ms>,
    /// Machines that told of a datastore when they answered last.
    pub(crate) told_datastore: BTreeSet<MachineName>,
    /// Nodes that somebody else had cordoned when nix8s looked last.
    pub(crate) foreign_cordons: BTreeSet<MachineName>,
    /// Machines whose etcd did not answer when nix8s looked last.
    pub(crate) etcd_silent: BTreeSet<MachineName>,
    /// When draining a machine was last begun.
    pub(crate) drained: BTreeMap<MachineName, Ms>,
    /// When something that was asked of a machine, or done for it, last went wrong.
    pub(crate) trouble: BTreeMap<MachineName, Ms>,
    /// When this run began.
    pub(crate) run_since: Ms,
    /// Machines whose update failed since the configuration is what it is, and when that was known.
    pub(crate) failed: BTreeMap<MachineName, Ms>,
    /// What users' scripts did.
    pub(crate) scripts: script::Scripts,
}

/// Calls that a violation shows.
const CALLS_SHOWN: usize = 30;

impl Check {
    /// A check that saw nothing yet.
    pub fn new(fleet: Arc<Cluster>) -> Self {
        Self {
            fleet,
            permit: None,
            leaving: BTreeSet::new(),
            lost: BTreeSet::new(),
            violations: Vec::new(),
            calls: VecDeque::new(),
            fleet_since: Ms::MIN,
            observed: Ms::MIN,
            affected: BTreeSet::new(),
            taken: BTreeSet::new(),
            answered: BTreeMap::new(),
            told_datastore: BTreeSet::new(),
            foreign_cordons: BTreeSet::new(),
            etcd_silent: BTreeSet::new(),
            drained: BTreeMap::new(),
            trouble: BTreeMap::new(),
            run_since: Ms::MIN,
            failed: BTreeMap::new(),
            scripts: script::Scripts::default(),
        }
    }

    /// The configuration is another one from now on: a new roll.
    pub(crate) fn new_fleet(&mut self, fleet: Arc<Cluster>, now: Ms) {
        self.fleet = fleet;
        self.fleet_since = now;
        self.failed.clear();
    }

    /// A run begins, with this leave.
    pub fn new_run(&mut self, permit: &Permit, now: Ms) {
        self.run_since = now;
        self.permit = Some(permit.clone());
        self.scripts.new_run();
        self.affected.clear();
    }

    /// Notes a call, for what a violation shows.
    pub(crate) fn called(&mut self, call: String) {
        if self.calls.len() == CALLS_SHOWN {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(crate) fn broken(&mut self, rule: &'static str, machine: Option<&MachineName>, text: String, at: Ms) {
        let calls = self.calls.iter().cloned().collect();
        self.violations.push(Violation { rule, machine: machine.cloned(), text, at, calls });
    }
}

impl World {
    pub(crate) fn broken(&mut self, rule: &'static str, machine: &MachineName, text: String) {
        let now = self.now;
        self.check.broken(rule, Some(machine), text, now);
    }

    /// Whether a person asked for a member to leave, or the configuration has it no more.
    pub(crate) fn leaves(&self, name: &MachineName) -> bool {
        self.check.leaving.contains(name) || !self.fleet.machines.contains_key(name)
    }

    /// Whether nix8s could know, when it last looked, that a machine's kubelet or etcd is not well.
    pub(crate) fn known_unwell(&self, name: &MachineName) -> bool {
        let Some(metal) = self.metal.get(name) else { return true };
        let noticed = metal.health.since.saturating_add(crate::world::node::GRACE + 5_000);
        !metal.health.well && noticed < self.check.observed
    }
}
