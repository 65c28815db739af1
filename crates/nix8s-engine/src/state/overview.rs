//! What a cluster looked like when it was last looked at, in one file: what `status` reads, however large the cluster.
//!
//! An export: nothing is planned from it. Events after it bring it up to date.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::lifecycle;
use nix8s_core::lifecycle::Stage;
use nix8s_core::model::Action;
use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterName;
use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::Scope;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::Observed;
use nix8s_core::past::MachinePast;
use nix8s_core::past::Past;
use nix8s_core::past::ScriptPast;
use nix8s_core::permit::Permit;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::FailureClass;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Wait;
use nix8s_core::reconcile::cx::Cx;
use serde::Deserialize;
use serde::Serialize;

use super::layout;
use crate::port::Place;
use crate::port::Store;
use crate::users;
use crate::users::Came;

/// The version of this file's shape; another one is not read.
const SCHEMA: u32 = 1;

/// A cluster as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    schema: u32,
    /// The events that are in it end here.
    place: Place,
    /// Which cluster.
    pub cluster: ClusterName,
    /// What runs Kubernetes.
    pub distribution: Distribution,
    /// The configured version.
    pub version: Version,
    /// When it was looked at, or when something last happened.
    pub at: Timestamp,
    /// Steps that could be carried out then.
    pub steps: usize,
    /// What was waited for then.
    pub waits: Vec<Wait>,
    /// Every machine that is configured or remembered.
    pub machines: BTreeMap<MachineName, MachineOverview>,
    /// Users' scripts that ran.
    #[serde(default)]
    pub scripts: Vec<ScriptOverview>,
    /// Users' reconcilers that were started.
    #[serde(default)]
    pub reconcilers: Vec<Came>,
}

/// What came of a script, for everything that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScriptOverview {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub when: String,
    /// For how many it was done.
    pub done: usize,
    /// For how many of these its condition did not hold.
    pub not_needed: usize,
    /// For how many it failed.
    pub failed: usize,
    /// When it last ran.
    pub last: Timestamp,
    /// What was said when it last failed, if it did not run well since.
    pub message: Option<String>,
}

/// A machine as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineOverview {
    /// What it is configured to do; `None`: it has left the configuration.
    pub role: Option<Role>,
    /// Where in its life it is.
    pub stage: Stage,
    /// Since when, as far as nix8s has looked.
    pub since: Timestamp,
    /// The version of its kubelet.
    pub version: Option<Version>,
    /// The system that runs.
    pub system: Option<StorePath>,
    /// The system that runs after a restart, as far as that is known.
    #[serde(default)]
    pub boots: Option<StorePath>,
    /// The system that should run.
    pub wanted: Option<StorePath>,
    /// Steps that failed since they last succeeded.
    pub errors: Vec<ErrorOverview>,
    /// The step that runs and what holds it up.
    #[serde(default)]
    pub held: Option<HeldOverview>,
}

/// A step that is held up while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOverview {
    /// What runs.
    pub step: EffectKind,
    /// Since when it is held up by this.
    pub since: Timestamp,
    /// By what.
    pub why: String,
}

/// Failures of one kind of step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorOverview {
    /// What failed.
    pub step: EffectKind,
    /// How often in a row.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
    /// Whether trying again can help.
    pub class: FailureClass,
    /// What was said.
    pub message: String,
}

/// The overview that is kept, brought up to date by the events after it; `None` when nobody has looked yet.
///
/// # Errors
/// When the state directory cannot be read. An overview that cannot be understood counts as none: it is made again by
/// the next look.
pub fn read(store: &dyn Store) -> io::Result<Option<Overview>> {
    let Some(bytes) = store.read(layout::OVERVIEW)? else { return Ok(None) };
    let overview = serde_json::from_slice::<Overview>(&bytes).ok();
    let Some(mut overview) = overview.filter(|overview| overview.schema == SCHEMA) else { return Ok(None) };
    let (events, _) = store.events_after(overview.place)?;
    for event in &events {
        overview.take_in(event);
    }
    overview.reconcilers = users::read(store)?;
    Ok(Some(overview))
}

/// Writes overviews, and remembers the last: whoever holds the lock is the only one who writes them.
#[derive(Debug, Default)]
pub struct Keeper {
    last: Option<Overview>,
}

impl Keeper {
    /// Writes the overview of a look and the plan that was made from it.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn write(
        &mut self,
        store: &dyn Store,
        cluster: &Cluster,
        seen: &Observed,
        plan: &Plan,
        permit: &Permit,
    ) -> io::Result<()> {
        // Without a place in the log nobody could bring it up to date.
        let Some(place) = store.end() else { return Ok(()) };
        if self.last.is_none() {
            let kept = store.read(layout::OVERVIEW)?;
            self.last = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
        let overview = overview(cluster, seen, plan, permit, place, self.last.as_ref());
        let written =
            store.write(layout::OVERVIEW, &serde_json::to_vec(&overview).map_err(io::Error::other)?);
        // What was not written, or perhaps not, is read again.
        self.last = written.is_ok().then_some(overview);
        written
    }
}

fn overview(
    cluster: &Cluster,
    seen: &Observed,
    plan: &Plan,
    permit: &Permit,
    place: Place,
    before: Option<&Overview>,
) -> Overview {
    let cx = Cx::new(cluster, seen, plan.at, permit);
    let machines = lifecycle::stages(&cx, plan).into_iter().map(|(name, stage)| {
        let view = &cx.views[name];
        let was = before.and_then(|overview| overview.machines.get(name)).filter(|was| was.stage == stage);
        let machine = MachineOverview {
            role: view.machine.map(|machine| machine.role),
            stage,
            since: was.map_or(plan.at, |was| was.since),
            version: view.node_seen().map(|node| node.version.clone()),
            system: view.running().map(|system| system.path.clone()),
            boots: view.probe.and_then(|probe| probe.boots.clone()),
            wanted: view.wanted.map(|system| system.path.clone()),
            errors: errors(view.past),
            held: None,
        };
        (name.clone(), machine)
    });
    Overview {
        schema: SCHEMA,
        place,
        cluster: cluster.name.clone(),
        distribution: cluster.distribution,
        version: cluster.version.clone(),
        at: plan.at,
        steps: plan.steps.len(),
        waits: plan.waits.clone(),
        machines: machines.collect(),
        scripts: scripts(cluster, &seen.past),
        reconcilers: Vec::new(),
    }
}

/// Scripts that are configured and ran, in their order.
fn scripts(cluster: &Cluster, past: &Past) -> Vec<ScriptOverview> {
    let mut all: Vec<ScriptOverview> = Vec::new();
    for script in &cluster.bootstrap.scripts {
        let of_cluster = past.scripts.get(&script.name).filter(|_| script.scope == Scope::Cluster);
        let mine = |(name, past): (&MachineName, &'_ MachinePast)| {
            (script.scope == Scope::Node && script.concerns(name))
                .then(|| past.scripts.get(&script.name).cloned())?
        };
        let ran: Vec<ScriptPast> =
            of_cluster.cloned().into_iter().chain(past.machines.iter().filter_map(mine)).collect();
        let times = |past: &ScriptPast| {
            [past.done.as_ref().map(|done| done.at), past.failed.as_ref().map(|failed| failed.at)]
        };
        let Some(last) = ran.iter().flat_map(times).flatten().max() else { continue };
        let failed = || ran.iter().filter_map(|past| past.failed.as_ref());
        let is_skipped = |past: &&ScriptPast| past.done.as_ref().is_some_and(|done| done.note.is_some());
        all.push(ScriptOverview {
            name: script.name.clone(),
            when: script.when.to_string(),
            done: ran.iter().filter(|past| past.failed.is_none() && past.done.is_some()).count(),
            not_needed: ran.iter().filter(is_skipped).count(),
            failed: failed().count(),
            last,
            message: failed().max_by_key(|failed| failed.at).map(|failed| failed.message.clone()),
        });
    }
    all
}

fn errors(past: &MachinePast) -> Vec<ErrorOverview> {
    let error = |(step, failures): (&EffectKind, &nix8s_core::past::Failures)| ErrorOverview {
        step: *step,
        count: failures.count,
        last: failures.last,
        class: failures.class,
        message: failures.message.clone(),
    };
    past.failures.iter().map(error).collect()
}

impl Overview {
    /// Takes in an event that came after it, as far as it says where a machine is in its life.
    fn take_in(&mut self, event: &Event) {
        self.at = self.at.max(event.at);
        if let What::Started { effect } | What::Done { effect, .. } | What::Failed { effect, .. } =
            &event.what
            && let Some(machine) = self.machine(effect)
        {
            machine.held = None;
        }
        match &event.what {
            What::Held { effect, why } => {
                let held = HeldOverview { step: effect.kind(), since: event.at, why: why.clone() };
                if let Some(machine) = self.machine(effect) {
                    machine.held = Some(held);
                }
            }
            What::Started { effect } => self.moves(effect, begun(effect), event.at),
            What::Done { effect, .. } => {
                self.moves(effect, done(effect), event.at);
                if let Some(machine) = self.machine(effect) {
                    machine.errors.retain(|error| error.step != effect.kind());
                    match effect {
                        Effect::Switch { action: Action::Boot, system, .. } => {
                            machine.boots = Some(system.clone());
                        }
                        Effect::Switch { action: Action::Test, system, .. } => {
                            machine.system = Some(system.clone());
                        }
                        Effect::Switch { action: Action::Switch, system, .. }
                        | Effect::Install { system, .. } => {
                            machine.system = Some(system.clone());
                            machine.boots = Some(system.clone());
                        }
                        _ => {}
                    }
                }
            }
            What::Failed { effect, failure } => {
                let step = effect.kind();
                let Some(machine) = self.machine(effect) else { return };
                let count =
                    machine.errors.iter().find(|error| error.step == step).map_or(0, |error| error.count);
                machine.errors.retain(|error| error.step != step);
                let (class, message) = (failure.class, failure.message.clone());
                machine.errors.push(ErrorOverview { step, count: count + 1, last: event.at, class, message });
            }
            What::Ready { machine } => self.stage(machine, Stage::Ready, event.at),
            What::NotReady { machine } => self.stage(machine, Stage::Joined, event.at),
            What::RunStarted { .. }
            | What::RunEnded { .. }
            | What::Recognised { .. }
            | What::Joined { .. }
            | What::ClusterFound
            | What::ApiLost
            | What::ApiBack
            | What::LostSight { .. }
            | What::Sighted { .. }
            | What::MarkedDelete { .. }
            | What::Undeleted { .. }
            | What::Retry { .. }
            | What::WaitBegan { .. }
            | What::WaitEnded { .. }
            | What::HooksKnown { .. }
            | What::Rebuild { .. }
            | What::Reinstall { .. }
            | What::Migrated { .. } => {}
        }
    }

    fn machine(&mut self, effect: &Effect) -> Option<&mut MachineOverview> {
        self.machines.get_mut(effect.machine()?)
    }

    fn moves(&mut self, effect: &Effect, stage: Option<Stage>, at: Timestamp) {
        if let (Some(name), Some(stage)) = (effect.machine(), stage) {
            self.stage(name, stage, at);
        }
    }

    fn stage(&mut self, name: &MachineName, stage: Stage, at: Timestamp) {
        if let Some(machine) = self.machines.get_mut(name).filter(|machine| machine.stage != stage) {
            machine.stage = stage;
            machine.since = at;
        }
    }
}

/// Where a machine is while a step runs, if the step says so.
fn begun(effect: &Effect) -> Option<Stage> {
    match effect.kind() {
        EffectKind::Install | EffectKind::Adopt => Some(Stage::Provisioning),
        EffectKind::Init | EffectKind::Join => Some(Stage::Joining),
        EffectKind::UpgradeComponents | EffectKind::Switch | EffectKind::Rollback => Some(Stage::Updating),
        EffectKind::LeaveEtcd | EffectKind::DeleteNode => Some(Stage::Deleting),
        EffectKind::GenerateSecrets
        | EffectKind::ElectFirstServer
        | EffectKind::WriteMembership
        | EffectKind::Build
        | EffectKind::Copy
        | EffectKind::Cordon
        | EffectKind::Drain
        | EffectKind::CheckGates
        | EffectKind::Uncordon
        | EffectKind::Restart
        | EffectKind::Clean
        | EffectKind::Forget
        | EffectKind::SetMetadata
        | EffectKind::FetchKubeconfig
        | EffectKind::InstallPlatform
        | EffectKind::RunScript => None,
    }
}

/// Where a machine is once a step is done, if the step says so.
fn done(effect: &Effect) -> Option<Stage> {
    match effect.kind() {
        EffectKind::Install | EffectKind::Adopt => Some(Stage::Provisioned),
        EffectKind::Init | EffectKind::Join => Some(Stage::Joined),
        EffectKind::CheckGates => Some(Stage::Ready),
        EffectKind::Forget => Some(Stage::Gone),
        EffectKind::UpgradeComponents
        | EffectKind::Switch
        | EffectKind::Rollback
        | EffectKind::LeaveEtcd
        | EffectKind::DeleteNode
        | EffectKind::GenerateSecrets
        | EffectKind::ElectFirstServer
        | EffectKind::WriteMembership
        | EffectKind::Build
        | EffectKind::Copy
        | EffectKind::Cordon
        | EffectKind::Drain
        | EffectKind::Uncordon
        | EffectKind::Restart
        | EffectKind::Clean
        | EffectKind::SetMetadata
        | EffectKind::FetchKubeconfig
        | EffectKind::InstallPlatform
        | EffectKind::RunScript => None,
    }
}
