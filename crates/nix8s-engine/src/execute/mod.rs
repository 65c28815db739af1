//! Carries out one plan: in its order, within its lanes and the user's consent, remembering before touching.

mod access;
mod cluster;
mod failure;
mod gates;
mod held;
mod install;
mod join;
mod leave;
mod pods;
mod schedule;
mod script;
mod system;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use nix8s_core::event::Failure;
use nix8s_core::event::What;
use nix8s_core::model::Action;
use nix8s_core::model::OnFailure;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;

use crate::journal::Journal;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::stop::Level;
use crate::stop::Stop;
use crate::world::World;
pub use cluster::fetched_kubeconfig;
pub(crate) use failure::last_lines;
pub use gates::Answer;
pub use gates::Gate;
pub use gates::ask as ask_gates;
use held::Hold;
use schedule::Schedule;

/// What carrying out one step came to: a note for people, or a failure.
pub type Done = Result<Option<String>, Failure>;

/// What carrying out a plan came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Steps that were carried out.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not begun: after a failed one, not consented to, or because of a stop.
    pub skipped: usize,
    /// Machines whose new system was bad: they went back, or will.
    pub bad: Vec<nix8s_core::model::MachineName>,
}

/// What bounds the carrying out of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// No step that is riskier is begun.
    pub covered: Risk,
    /// No step is begun from then on; what runs then may finish.
    pub deadline: Timestamp,
    /// How long steps of this plan are begun; what is left then is planned anew.
    pub window: Duration,
}

/// Work that is longer than this is planned anew in between, so that what has become possible in the meantime (a
/// cluster can begin when its control planes are installed) does not wait for the last machine of a large fleet.
pub const WINDOW_MIN: Duration = Duration::from_secs(300);

/// Carries out a plan within limits.
///
/// Guarantees: a step's Started event is durable before the step touches anything; its Done or Failed event is
/// durable before a step that comes after it is begun, and before `hear` is told. When this future is dropped, or
/// `stop` reaches [`Level::Now`], what ran has no ending on record, and the next look at the world tells what became
/// of it.
///
/// # Errors
/// When an event could not be recorded: everything that runs is dropped.
pub async fn execute(
    world: &World,
    journal: &mut Journal,
    plan: &Plan,
    limits: Limits,
    stop: &mut Stop,
    hear: &mut dyn Observer,
) -> io::Result<Carried> {
    let mut carried = Carried::default();
    let mut schedule = Schedule::new(&plan.steps, world.cluster.concurrency());
    let mut running = FuturesUnordered::new();
    let (says, mut said) = held::channel();
    let closes = world.ports.clock.now() + limits.window;
    loop {
        let mut level = stop.level();
        if world.ports.clock.now() >= closes {
            schedule.close();
        }
        let is_late = world.ports.clock.now() >= limits.deadline;
        if level == Level::Go && !is_late {
            let begun = begin(world, journal, &mut schedule, limits.covered, hear, &mut carried)?;
            running
                .extend(begun.into_iter().map(|(index, step)| carry_out(world, index, step, says.clone())));
        }
        if running.is_empty() {
            break;
        }
        let next_level = if level == Level::Go { Level::AfterRunning } else { Level::Now };
        let mut ended = Vec::new();
        tokio::select! {
            biased;
            () = stop.reaches(next_level) => level = stop.level(),
            Some(end) = running.next() => ended.push(end),
            Some(held::Held { index, why }) = said.recv() => {
                let step = schedule.step(index);
                let at = world.ports.clock.now();
                journal.record([What::Held { effect: step.effect.clone(), why: why.clone() }])?;
                hear.hear(&Progress::StepHeld { at, step, why });
                continue;
            }
        }
        if level == Level::Now {
            break;
        }
        // Whatever else has ended at this moment shares the write.
        while let Some(Some(end)) = running.next().now_or_never() {
            ended.push(end);
        }
        end(world, journal, &mut schedule, ended, hear, &mut carried)?;
    }
    let why = match stop.level() {
        Level::Go if world.ports.clock.now() >= limits.deadline => "the time for this run is over",
        Level::Go => "a step before it is not in this plan",
        Level::AfterRunning | Level::Now => "stopping was asked for",
    };
    for step in schedule.left() {
        carried.skipped += 1;
        hear.hear(&Progress::StepSkipped { step, why: why.to_owned() });
    }
    Ok(carried)
}

struct End {
    index: usize,
    step: Arc<Step>,
    began: Timestamp,
    result: Done,
}

async fn carry_out(world: &World, index: usize, step: Arc<Step>, says: held::Sender) -> End {
    let began = world.ports.clock.now();
    let mut hold = Hold::new(index, says);
    let result = effect(world, &step.effect, &mut hold).await;
    End { index, step, began, result }
}

/// Begins every step that can begin; their Started events share one write.
fn begin(
    world: &World,
    journal: &mut Journal,
    schedule: &mut Schedule,
    covered: Risk,
    hear: &mut dyn Observer,
    carried: &mut Carried,
) -> io::Result<Vec<(usize, Arc<Step>)>> {
    let mut begun = Vec::new();
    while let Some((index, step)) = schedule.next() {
        if step.risk <= covered {
            begun.push((index, step));
            continue;
        }
        for (step, why) in schedule.drop_with_followers(index, "it needs more leave than was given") {
            carried.skipped += 1;
            hear.hear(&Progress::StepSkipped { step, why });
        }
    }
    journal.record(begun.iter().map(|(_, step)| What::Started { effect: step.effect.clone() }))?;
    let at = world.ports.clock.now();
    for (_, step) in &begun {
        hear.hear(&Progress::StepStarted { at, step: step.clone() });
    }
    Ok(begun)
}

/// Records how steps ended; their events share one write.
fn end(
    world: &World,
    journal: &mut Journal,
    schedule: &mut Schedule,
    ended: Vec<End>,
    hear: &mut dyn Observer,
    carried: &mut Carried,
) -> io::Result<()> {
    let at = world.ports.clock.now();
    let took = |end: &End| u64::try_from(at.duration_since(end.began).as_millis()).unwrap_or(0);
    journal.record(ended.iter().map(|end| {
        let effect = end.step.effect.clone();
        match &end.result {
            Ok(note) => What::Done { effect, took_ms: took(end), note: note.clone() },
            Err(failure) => What::Failed { effect, failure: failure.clone() },
        }
    }))?;
    for end in ended {
        let took_ms = took(&end);
        let (index, step) = (end.index, end.step);
        match end.result {
            Ok(note) => {
                carried.done += 1;
                schedule.succeeded(index);
                hear.hear(&Progress::StepDone { at, step, took_ms, note });
            }
            Err(failure) => {
                carried.failed += 1;
                if let (Some(_), Some(machine)) = (&failure.bad_system, step.effect.machine()) {
                    carried.bad.push(machine.clone());
                }
                let why = format!("{} failed", step.id);
                let goes_on =
                    matches!(step.effect, Effect::RunScript { on_failure: OnFailure::Continue, .. });
                hear.hear(&Progress::StepFailed { at, step, failure });
                if goes_on {
                    schedule.succeeded(index);
                    continue;
                }
                for (step, why) in schedule.failed(index, &why) {
                    carried.skipped += 1;
                    hear.hear(&Progress::StepSkipped { step, why });
                }
            }
        }
    }
    Ok(())
}

/// One effect. Each arm is one function; whatever an effect needs stands in it.
async fn effect(world: &World, effect: &Effect, hold: &mut Hold) -> Done {
    match effect {
        Effect::GenerateSecrets { missing } => cluster::generate_secrets(world, missing).await,
        Effect::ElectFirstServer { .. } | Effect::Forget { .. } => Ok(None),
        Effect::Install { machine, system, version, scope, installation, hardware, again, provisioner } => {
            let install = install::Install {
                system,
                version,
                scope: *scope,
                installation,
                hardware,
                again: *again,
                provisioner: *provisioner,
            };
            install::install(world, machine, install).await
        }
        Effect::Adopt { machine, installation, hardware } => {
            install::adopt(world, machine, installation, hardware).await
        }
        Effect::WriteMembership { machine, digest } => {
            cluster::write_membership(world, machine, digest).await
        }
        Effect::Init { machine } => join::init(world, machine).await,
        Effect::Join { machine, role, via } => join::join(world, machine, *role, via).await,
        Effect::Build { machine, system, version } => system::build(world, machine, system, version).await,
        Effect::Copy { machine, system } => system::copy(world, machine, system).await,
        Effect::Cordon { machine } => pods::cordon(world, machine).await,
        Effect::Drain { machine, timeout } => pods::drain(world, machine, *timeout, hold).await,
        Effect::UpgradeComponents { machine, system, version, apply } => {
            system::upgrade_components(world, machine, system, version, *apply).await
        }
        Effect::Switch { machine, system, reboot: _, action: Action::Boot } => {
            system::set_boot(world, machine, system).await
        }
        Effect::Switch { machine, system, reboot, action } => {
            system::switch(world, machine, system, *reboot, *action).await
        }
        Effect::CheckGates { machine, system } => gates::check(world, machine, system, hold).await,
        Effect::Rollback { machine, to } => system::rollback(world, machine, to).await,
        Effect::Uncordon { machine } => pods::uncordon(world, machine).await,
        Effect::Restart { machine, voted } => system::restart(world, machine, *voted).await,
        Effect::LeaveEtcd { machine, via, there } => leave::leave_etcd(world, machine, via, *there).await,
        Effect::Clean { machine, orphan: _ } => leave::clean(world, machine).await,
        Effect::DeleteNode { machine, uid } => leave::delete_node(world, machine, uid).await,
        Effect::SetMetadata { machine, patch } => cluster::set_metadata(world, machine, patch).await,
        Effect::FetchKubeconfig { via } => cluster::fetch_kubeconfig(world, via).await,
        Effect::InstallPlatform { platform, version } => {
            cluster::install_platform(world, platform, version).await
        }
        Effect::RunScript { script, machine, digest, .. } => {
            script::run(world, script, machine.as_ref(), digest).await
        }
    }
}

/// Between two looks at something that takes its time.
const POLL: Duration = Duration::from_secs(5);
