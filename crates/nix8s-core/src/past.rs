//! What events say about before: a fold over the event log.

mod machine;
mod script;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::event::Event;
use crate::event::Failure;
use crate::event::Migrated;
use crate::event::What;
use crate::model::Action;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::StorePath;
use crate::model::Transition;
use crate::observed::Hardware;
use crate::plan::Effect;
use crate::plan::EffectKind;

pub use machine::*;
pub use script::*;

/// Everything that planning remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The control plane that was elected to initialise the cluster; once, for ever.
    pub first_server: Option<MachineName>,
    /// When the cluster was initialised, or initialising was begun.
    pub initialized: Option<Timestamp>,
    /// What is remembered of machines.
    pub machines: BTreeMap<MachineName, MachinePast>,
    /// Failures of steps that concern the cluster as a whole.
    pub failures: BTreeMap<EffectKind, Failures>,
    /// When a machine last came back from a roll: `upgrade.pause` counts from here.
    pub last_roll_step: Option<Timestamp>,
    /// Since when the API server of an existing cluster does not answer.
    pub api_silent_since: Option<Timestamp>,
    /// Machines that this run has interrupted or removed (rule 17).
    pub affected: BTreeSet<MachineName>,
    /// A run began, and none has found everything as configured since.
    #[serde(default)]
    pub is_under_way: bool,
    /// Machines that this run has begun to install: a permit to erase is good for once.
    pub installed: BTreeSet<MachineName>,
    /// How many runs were begun: scripts that run in every run count by it.
    #[serde(default)]
    pub runs: u32,
    /// How many undertakings were begun: from a run that found something to do to one that found everything done.
    #[serde(default)]
    pub undertakings: u32,
    /// Scripts of the cluster, by name.
    #[serde(default)]
    pub scripts: BTreeMap<String, ScriptPast>,
    /// Hooks that are configured, and since when that is known.
    #[serde(default)]
    pub hooks: BTreeMap<String, Timestamp>,
    /// When each last happened to any machine.
    #[serde(default)]
    pub transitions: BTreeMap<Transition, Timestamp>,
    /// How often something failed that was well before.
    #[serde(default)]
    pub errors: Option<Happened>,
}

impl Past {
    /// Everything that these events say.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut past = Self::default();
        for event in events {
            past.apply(event);
        }
        past
    }

    /// What is remembered of a machine, to be changed.
    pub fn machine(&mut self, name: &MachineName) -> &mut MachinePast {
        self.machines.entry(name.clone()).or_default()
    }

    /// Takes in one more event.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.what {
            What::RunStarted { command } => {
                // A loop that was restarted before everything was as configured goes on with what it had affected:
                // restarting it gives no new leave (rule 17).
                if !(self.is_under_way && command == "run") {
                    self.affected.clear();
                    self.runs += 1;
                }
                self.undertakings += u32::from(!self.is_under_way);
                self.installed.clear();
                self.is_under_way = true;
            }
            What::RunEnded { outcome } => self.is_under_way = outcome != "converged",
            What::Started { effect } => self.started(effect, at),
            What::Done { effect, note, .. } => {
                self.done(effect, at);
                self.script_done(effect, note.as_deref(), at);
            }
            What::Failed { effect, failure } => self.failed(effect, failure, at),
            What::Recognised { machine, installation, uuid } => {
                self.came_of_installing(machine, installation, at);
                let past = self.machine(machine);
                past.provisioned =
                    Some(Provisioned { installation: installation.clone(), uuid: Some(uuid.clone()), at });
                // Whatever was said of installing it: it is installed.
                past.failures.remove(&EffectKind::Install);
            }
            What::Joined { machine, uid, role } => {
                // Nobody heard how joining it ended, or how the cluster began on it: once, for ever.
                let began = self.first_server.as_ref() == Some(machine) && self.initialized.is_some();
                let past = self.machine(machine);
                if past.joining || (began && past.happened(Transition::Join) == 0) {
                    self.happens(machine, Transition::Join, at);
                }
                let past = self.machine(machine);
                past.joined = Some(Joined { role: *role, uid: Some(uid.clone()), at });
                past.joining = false;
            }
            What::ClusterFound => {
                self.initialized.get_or_insert(at);
            }
            What::ApiLost => {
                self.api_silent_since.get_or_insert(at);
            }
            What::ApiBack => self.api_silent_since = None,
            What::LostSight { machine } => self.machine(machine).silent_since = Some(at),
            What::Sighted { machine } => self.machine(machine).silent_since = None,
            What::NotReady { machine } => self.machine(machine).not_ready_since = Some(at),
            What::Ready { machine } => {
                let past = self.machine(machine);
                past.not_ready_since = None;
                past.restarts = None;
            }
            What::MarkedDelete { machine, lost } => {
                let past = self.machine(machine);
                past.delete = true;
                past.lost = *lost;
            }
            What::Undeleted { machine } => {
                let past = self.machine(machine);
                past.delete = false;
                past.lost = false;
                past.removed = false;
            }
            What::Retry { machine } => {
                let past = self.machine(machine);
                past.failures.clear();
                past.bad.clear();
                past.held = None;
                // What concerns the cluster as a whole is forgiven with any of its machines.
                self.failures.clear();
                self.forgive_scripts(machine);
            }
            // Told for people: nothing is planned from what was waited for.
            What::Held { .. } | What::WaitBegan { .. } | What::WaitEnded { .. } => {}
            What::HooksKnown { names } => self.know_hooks(names, at),
            What::Rebuild { machine, action } => {
                let past = self.machine(machine);
                past.rebuild = true;
                past.rebuild_by = *action;
                past.held = None;
            }
            What::Reinstall { machine, scope } => self.machine(machine).reinstall = *scope,
            What::Migrated { from: _, initialized, first_server, machines } => {
                if *initialized {
                    self.initialized.get_or_insert(at);
                }
                if self.first_server.is_none() {
                    self.first_server.clone_from(first_server);
                }
                for (name, migrated) in machines {
                    self.migrated(name, migrated, at);
                }
            }
        }
    }

    /// A machine that an earlier design installed: its mark, and the hardware that it is on, are still to be seen.
    fn migrated(&mut self, name: &MachineName, migrated: &Migrated, at: Timestamp) {
        let past = self.machine(name);
        past.installs = past.installs.max(1);
        let installation = format!("migrated-{name}");
        past.provisioned.get_or_insert(Provisioned { installation, uuid: None, at });
        past.delete |= migrated.delete;
        if let (None, Some(role)) = (&past.joined, migrated.joined) {
            past.joined = Some(Joined { role, uid: None, at });
        }
    }

    fn failed(&mut self, effect: &Effect, failure: &Failure, at: Timestamp) {
        if let Effect::RunScript { .. } = effect {
            return self.script_failed(effect, failure, at);
        }
        // A bad system is an answer, not a failure of the step: what follows is a rollback, not another try.
        if let (Some(name), Some(bad)) = (effect.machine(), &failure.bad_system) {
            let past = self.machine(&name.clone());
            past.bad.insert(bad.clone(), failure.message.clone());
            past.failures.remove(&effect.kind());
            if past.good.as_ref() == Some(bad) {
                past.good = None;
            }
            past.updating = None;
            let name = name.clone();
            return self.error(Some(&name), at);
        }
        if let Effect::Restart { machine, .. } = effect {
            self.restarted(&machine.clone(), at);
        }
        let failures = match effect.machine() {
            Some(name) => &mut self.machine(name).failures,
            None => &mut self.failures,
        };
        let was_well = failures.is_empty();
        let count = failures.get(&effect.kind()).map_or(0, |f| f.count) + 1;
        let (class, message) = (failure.class, failure.message.clone());
        failures.insert(effect.kind(), Failures { count, last: at, class, message });
        if was_well {
            self.error(effect.machine(), at);
        }
    }

    fn restarted(&mut self, machine: &MachineName, at: Timestamp) {
        let past = self.machine(machine);
        let count = past.restarts.as_ref().map_or(0, |r| r.count) + 1;
        past.restarts = Some(Restarts { count, last: at });
    }

    fn started(&mut self, effect: &Effect, at: Timestamp) {
        if effect.interrupts()
            && let Some(machine) = effect.machine()
        {
            self.affected.insert(machine.clone());
        }
        match effect {
            Effect::Install { machine, installation, .. } => {
                self.installed.insert(machine.clone());
                if self.machine(machine).provisioned.is_some() {
                    self.lose_scripts(machine);
                }
                let past = self.machine(machine);
                past.installs += 1;
                past.installing = Some(installation.clone());
                // An erased machine is not who it was, whatever comes of the installation.
                past.provisioned = None;
                past.joined = None;
                past.joining = false;
                past.good = None;
                past.held = None;
            }
            Effect::Init { .. } => {
                self.initialized.get_or_insert(at);
            }
            Effect::Join { machine, .. } => self.machine(machine).joining = true,
            Effect::Switch { machine, system, .. } => self.machine(machine).updating = Some(system.clone()),
            Effect::CheckGates { machine, system } => self.switched(machine, system, at),
            _ => {}
        }
    }

    fn done(&mut self, effect: &Effect, at: Timestamp) {
        match effect.machine() {
            Some(name) => {
                self.machine(&name.clone()).failures.remove(&effect.kind());
            }
            None => {
                self.failures.remove(&effect.kind());
            }
        }
        match effect {
            Effect::ElectFirstServer { machine } => self.first_server = Some(machine.clone()),
            Effect::Install { machine, installation, hardware, .. } => {
                self.provisioned(machine, installation, Some(hardware), at);
                self.happens(machine, Transition::Provision, at);
                let past = self.machine(machine);
                past.installing = None;
                past.reinstall = None;
            }
            Effect::Adopt { machine, installation, hardware } => {
                if self.machine(machine).provisioned.is_none() {
                    self.happens(machine, Transition::Provision, at);
                }
                self.provisioned(machine, installation, Some(hardware), at);
            }
            Effect::Init { machine } => {
                self.initialized.get_or_insert(at);
                self.happens(machine, Transition::Join, at);
                self.machine(machine).joined = Some(Joined { role: Role::ControlPlane, uid: None, at });
            }
            Effect::Join { machine, role, .. } => {
                self.happens(machine, Transition::Join, at);
                let past = self.machine(machine);
                past.joined = Some(Joined { role: *role, uid: None, at });
                past.joining = false;
            }
            Effect::CheckGates { machine, system } => {
                let past = self.machine(machine);
                past.good = Some(system.clone());
            }
            Effect::Switch { machine, system, action, .. } => {
                let past = self.machine(machine);
                past.rebuild = false;
                past.rebuild_by = None;
                past.held = (!action.is_switch()).then(|| Held { system: system.clone(), action: *action });
                // What comes with a restart has not come yet.
                if *action != Action::Boot {
                    self.switched(machine, system, at);
                    self.machine(machine).drains += 1;
                }
            }
            Effect::Uncordon { machine } => {
                self.last_roll_step = Some(at);
                self.machine(machine).drains += 1;
            }
            Effect::Restart { machine, .. } => self.restarted(machine, at),
            Effect::Drain { machine, .. } => self.happens(machine, Transition::Drain, at),
            Effect::Clean { machine, .. } => {
                let past = self.machine(machine);
                past.drains += 1;
                past.joined = None;
                past.joining = false;
            }
            Effect::DeleteNode { machine, .. } => {
                let past = self.machine(machine);
                past.joined = None;
                past.not_ready_since = None;
            }
            Effect::Forget { machine, tombstone } => {
                if *tombstone && self.machine(machine).lost {
                    // What comes back under this name is other metal.
                    let installs = self.machine(machine).installs;
                    *self.machine(machine) =
                        MachinePast { removed: true, installs, ..MachinePast::default() };
                    self.happens(machine, Transition::Delete, at);
                } else if *tombstone {
                    if self.machine(machine).was_there() {
                        self.happens(machine, Transition::Delete, at);
                    }
                    let past = self.machine(machine);
                    past.joined = None;
                    past.removed = true;
                    past.delete = false;
                    past.reinstall = None;
                    past.failures.clear();
                } else {
                    if self.machines.remove(machine).is_some_and(|past| past.was_there()) {
                        self.transitions.insert(Transition::Delete, at);
                    }
                }
            }
            _ => {}
        }
    }

    /// A machine runs the system that it was switched to.
    fn switched(&mut self, name: &MachineName, system: &StorePath, at: Timestamp) {
        if self.machine(name).updating.take_if(|begun| begun == system).is_some() {
            self.happens(name, Transition::Update, at);
        }
    }

    /// A mark tells what became of an installation without an answer: its own, it was done; an earlier one, nothing was
    /// erased, and the permit that it was begun with is not used up.
    fn came_of_installing(&mut self, name: &MachineName, found: &str, at: Timestamp) {
        let past = self.machine(name);
        match past.installing.take() {
            Some(begun) if begun == found => {
                past.reinstall = None;
                self.happens(name, Transition::Provision, at);
            }
            Some(_) => {
                self.installed.remove(name);
            }
            None => {}
        }
    }

    fn provisioned(&mut self, name: &MachineName, id: &str, hardware: Option<&Hardware>, at: Timestamp) {
        self.machine(name).provisioned =
            Some(Provisioned { installation: id.to_owned(), uuid: hardware.map(|h| h.uuid.clone()), at });
    }

    /// Machines that nix8s made members and that have not left.
    pub fn members(&self) -> BTreeSet<&MachineName> {
        self.machines.iter().filter(|(_, past)| past.joined.is_some()).map(|(name, _)| name).collect()
    }
}
