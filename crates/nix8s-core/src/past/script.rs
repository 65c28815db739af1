//! What is remembered of users' scripts, and of what they are about: transitions of machines, and errors.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::MachinePast;
use super::Past;
use crate::event::Failure;
use crate::model::MachineName;
use crate::model::OnFailure;
use crate::model::Place;
use crate::model::Transition;
use crate::plan::Effect;

/// Something that happens again and again: how often, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// How often.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
}

/// What is remembered of a script, for the cluster or for one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptPast {
    /// The last time that it was done.
    pub done: Option<ScriptDone>,
    /// It failed since, and under which circumstances.
    pub failed: Option<ScriptFailed>,
    /// It ran on the machine itself, so that its traces go with the disk.
    pub on_machine: bool,
}

/// A time that a script was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptDone {
    /// Which time this was.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// What there is to say about it.
    pub note: Option<String>,
}

/// A script's failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFailed {
    /// Which time this was.
    pub key: String,
    /// The content that failed.
    pub digest: String,
    /// When.
    pub at: Timestamp,
    /// What was said.
    pub message: String,
}

/// One more.
fn again(before: Option<Happened>, at: Timestamp) -> Happened {
    Happened { count: before.map_or(0, |before| before.count) + 1, last: at }
}

impl MachinePast {
    /// How often this happened to it.
    pub fn happened(&self, transition: Transition) -> u32 {
        self.transitions.get(&transition).map_or(0, |happened| happened.count)
    }

    /// Whether it was installed or a member at some time: what never was there does not leave.
    pub fn was_there(&self) -> bool {
        let came = self.happened(Transition::Provision) + self.happened(Transition::Join);
        self.provisioned.is_some() || self.joined.is_some() || came > 0
    }
}

impl Past {
    /// What is remembered of a script.
    pub fn script(&self, name: &str, machine: Option<&MachineName>) -> Option<&ScriptPast> {
        match machine {
            Some(machine) => self.machines.get(machine)?.scripts.get(name),
            None => self.scripts.get(name),
        }
    }

    fn script_mut(&mut self, name: &str, machine: Option<&MachineName>) -> &mut ScriptPast {
        let scripts = match machine {
            Some(machine) => &mut self.machine(machine).scripts,
            None => &mut self.scripts,
        };
        scripts.entry(name.to_owned()).or_default()
    }

    pub(super) fn script_done(&mut self, effect: &Effect, note: Option<&str>, at: Timestamp) {
        let Effect::RunScript { script, machine, key, place, .. } = effect else { return };
        let past = self.script_mut(script, machine.as_ref());
        past.done = Some(ScriptDone { key: key.clone(), at, note: note.map(str::to_owned) });
        past.failed = None;
        past.on_machine = *place == Place::Node;
    }

    pub(super) fn script_failed(&mut self, effect: &Effect, failure: &Failure, at: Timestamp) {
        let Effect::RunScript { script, machine, when, key, digest, place, on_failure } = effect else {
            return;
        };
        let (key, digest, message) = (key.clone(), digest.clone(), failure.message.clone());
        let past = self.script_mut(script, machine.as_ref());
        past.on_machine = *place == Place::Node;
        if *on_failure == OnFailure::Continue {
            past.done = Some(ScriptDone { key: key.clone(), at, note: None });
        }
        past.failed = Some(ScriptFailed { key, digest, at, message });
        // What runs because of an error is no reason to run it again.
        if when != "on-error" {
            self.error(machine.as_ref(), at);
        }
    }

    /// Something went wrong that was well before.
    pub(super) fn error(&mut self, machine: Option<&MachineName>, at: Timestamp) {
        if let Some(machine) = machine {
            let past = self.machine(machine);
            past.errors = Some(again(past.errors, at));
        }
        self.errors = Some(again(self.errors, at));
    }

    /// Something happened to a machine that hooks may be about.
    pub(super) fn happens(&mut self, machine: &MachineName, transition: Transition, at: Timestamp) {
        let past = self.machine(machine);
        let happened = again(past.transitions.get(&transition).copied(), at);
        past.transitions.insert(transition, happened);
        self.transitions.insert(transition, at);
    }

    /// Hooks are about what happens from when they are known on.
    pub(super) fn know_hooks(&mut self, names: &BTreeSet<String>, at: Timestamp) {
        let before = std::mem::take(&mut self.hooks);
        let since = |name: &String| before.get(name).copied().unwrap_or(at);
        self.hooks = names.iter().map(|name| (name.clone(), since(name))).collect();
    }

    /// A person has mended something: what failed may be tried again.
    pub(super) fn forgive_scripts(&mut self, machine: &MachineName) {
        let forgive = |scripts: &mut BTreeMap<String, ScriptPast>| {
            scripts.values_mut().for_each(|script| script.failed = None);
        };
        forgive(&mut self.machine(machine).scripts);
        forgive(&mut self.scripts);
    }

    /// A machine that is erased has lost what scripts did on it.
    pub(super) fn lose_scripts(&mut self, machine: &MachineName) {
        self.machine(machine).scripts.retain(|_, script| !script.on_machine);
    }
}
