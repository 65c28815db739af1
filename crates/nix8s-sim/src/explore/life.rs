//! One life: phases of change, damage and convergence, with somebody who does what nix8s asks a person to do.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Wait;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::converge;
use nix8s_engine::journal::Journal;
use nix8s_engine::progress::Progress;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop::Stop;

use super::Finding;
use super::Problem;
use super::Report;
use super::Settings;
use super::Trace;
use super::change;
use super::tape::Tape;
use crate::BEGINNING;
use crate::Options;
use crate::Simulation;
use crate::check::converged::untrue;
use crate::fault::HORIZON;
use crate::fault::Level;
use crate::fleet;
use crate::make;
use crate::random::Random;
use crate::random::mix;
use crate::shared::Death;

/// A life under way.
pub(super) struct Life {
    pub(super) random: Random,
    pub(super) sim: Simulation,
    pub(super) store: Arc<Memory>,
    pub(super) fleet: Arc<Cluster>,
    /// Every machine that was ever configured, as it was last.
    pub(super) known: BTreeMap<MachineName, Arc<Machine>>,
    /// Members that were told to leave and are still configured.
    pub(super) away: BTreeSet<MachineName>,
    pub(super) permit: Permit,
    level: Level,
    trace: Trace,
    tape: Option<Arc<Tape>>,
    report: Report,
}

/// Runs within one phase before it counts as not converging.
const RUNS_MAX: u32 = 60;

/// How often somebody says `node retry` in one phase.
const RETRIES_MAX: u32 = 6;

/// What a life is lived with.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// What happens of what could happen; `None`: all of it.
    pub(super) tape: Option<Arc<Tape>>,
    /// Not 0: the world draws other durations and the like.
    pub(super) salt: u64,
}

pub(super) async fn live(seed: u64, settings: Settings, script: Script) -> Result<Report, Box<Finding>> {
    let Script { tape, salt } = script;
    let mut random = Random::new(seed, "life");
    let mut fleet = fleet::generate(&mut random);
    if let Some(tape) = &tape {
        leave_machines_out(&mut fleet, tape);
    }
    let fleet = Arc::new(fleet);
    let drawn = *random.pick(&[Level::None, Level::Some, Level::Some, Level::Many]).expect("not empty");
    let level = settings.faults.unwrap_or(drawn);
    let mut world = make::world(&fleet, if salt == 0 { seed } else { mix(seed ^ mix(salt)) }, BEGINNING);
    world.tape.clone_from(&tape);
    let options = Options { seed, faults: level, pace: None, not_before: None };
    let sim = Simulation::new(world, options);
    let permit = Permit::default();
    let known = fleet.machines.clone();
    let phases = random.between(2, 4) as u32;
    let mut life = Life {
        random,
        sim,
        store: Arc::new(Memory::new()),
        fleet,
        known,
        away: BTreeSet::new(),
        permit,
        level,
        trace: settings.trace,
        tape,
        report: Report::default(),
    };
    change::first_damage(&mut life);
    for phase in 1..=phases {
        if phase > 1 && !life.happens(|| format!("phase {phase}")) {
            continue;
        }
        if phase > 1 {
            life.permit.nodes = None;
            change::change(&mut life, phase);
            change::damage(&mut life, phase);
            let level = life.level;
            life.sim.with(|w| w.begin_faults(level, HORIZON));
        }
        life.say(|| format!("--- phase {phase}, faults {level:?}"));
        let settled = life.settle(phase).await;
        settled.map_err(|problem| Box::new(Finding { seed, phase, problem }))?;
        life.report.phases = phase;
    }
    let now = life.sim.with(|w| w.now);
    life.report.took = Duration::from_millis((now - BEGINNING) as u64);
    life.report.machines = life.fleet.machines.len();
    Ok(life.report)
}

/// How a run of nix8s ended.
enum Run {
    Ended(Ending),
    Died,
}

/// Machines of the beginning that are not there. A cluster has a control plane.
fn leave_machines_out(fleet: &mut Cluster, tape: &Tape) {
    let first = fleet.control_planes().next().map(|m| m.name.clone());
    let (mut kept, mut any) = (BTreeMap::new(), false);
    for (name, machine) in &fleet.machines {
        if tape.happens(&format!("machine {name}")) {
            any |= machine.role == Role::ControlPlane;
            kept.insert(name.clone(), Arc::clone(machine));
        }
    }
    if let Some(first) = first.filter(|_| !any) {
        kept.insert(first.clone(), Arc::clone(&fleet.machines[&first]));
    }
    fleet.machines = kept;
    change::settle_first_server(fleet);
}

impl Life {
    /// Whether something happens that could as well not.
    pub(super) fn happens(&self, decision: impl FnOnce() -> String) -> bool {
        self.tape.as_ref().is_none_or(|tape| tape.happens(&decision()))
    }

    /// A part of the life begins.
    pub(super) fn begin(&mut self, part: impl FnOnce() -> String) {
        if let Some(tape) = &self.tape {
            tape.begin(&part(), &mut self.random);
        }
    }

    pub(super) fn say(&self, text: impl FnOnce() -> String) {
        if self.trace == Trace::Print {
            let at = self.sim.with(|w| w.now - BEGINNING) / 1000;
            println!("{at:>7} {}", text());
        }
    }

    /// Runs nix8s, again and again, until it has converged to what is configured and stays so.
    async fn settle(&mut self, phase: u32) -> Result<(), Problem> {
        self.begin(|| format!("settling {phase}"));
        let mut kills = if self.level == Level::None { 0 } else { self.random.between(0, 4) };
        let (mut retries, mut calm) = (0, 0);
        for number in 1..=RUNS_MAX {
            let death = self.death(kills, || format!("{phase}.{number}"));
            let run = self.run(death).await?;
            let ending = match run {
                Run::Died => {
                    kills = kills.saturating_sub(1);
                    continue;
                }
                Run::Ended(ending) => ending,
            };
            self.say(|| format!("ended: {ending:?}"));
            if let Ending::Bug { violations } = &ending {
                return Err(Problem::OwnCheck(format!("{violations:?}")));
            }
            if self.sim.with(|w| w.now < w.common.faults_until) {
                self.wait_for_calm(|| format!("calm {phase}.{number}")).await;
                continue;
            }
            let waits = waits_of(&ending);
            if retries < RETRIES_MAX && self.help(&waits)? {
                retries += 1;
                continue;
            }
            calm += 1;
            if calm >= 2 {
                let wrong = self.sim.with(|w| untrue(w, &waits, &self.away));
                if wrong.is_empty() {
                    return Ok(());
                }
                if calm >= 4 {
                    return Err(Problem::NotConverged(wrong));
                }
            }
            self.sim.shared().pass(1_800_000).await;
        }
        Err(Problem::NotConverged(vec![format!("it did not come to rest in {RUNS_MAX} runs")]))
    }

    /// When a run dies.
    fn death(&mut self, kills: u64, run: impl FnOnce() -> String) -> Death {
        let random = &mut self.random;
        let mut draw = || {
            let reach = *random.pick(&[20, 100, 500, 2000]).expect("not empty");
            random.between(1, reach)
        };
        let Some(tape) = &self.tape else {
            return if kills > 0 { Death::Silent(draw()) } else { Death::Never };
        };
        let run = run();
        match tape.drawn(format!("death {run}"), || if kills > 0 { draw() } else { 0 }) {
            Some(at @ 1..) if tape.happens(&format!("kill {run}")) => Death::Silent(at),
            Some(_) | None => Death::Never,
        }
    }

    /// Half of the time, what goes wrong goes on; else it ends now.
    async fn wait_for_calm(&mut self, which: impl FnOnce() -> String) {
        let random = &mut self.random;
        let mut draw = || random.chance(500);
        let ends = match &self.tape {
            None => draw(),
            Some(tape) => tape.drawn(which(), || u64::from(draw())) != Some(0),
        };
        if ends {
            self.sim.with(|w| w.common_mut().faults_until = w.now);
        } else {
            self.sim.shared().pass(1_200_000).await;
        }
    }

    async fn run(&mut self, death: Death) -> Result<Run, Problem> {
        self.report.runs += 1;
        let shared = Arc::clone(self.sim.shared());
        shared.revive(death);
        self.sim.new_run(&self.permit);
        let ports = self.sim.ports(Arc::clone(&self.store) as _);
        let world = nix8s_engine::world::World::new(
            Arc::clone(&self.fleet),
            ports,
            "simulated".to_owned(),
            self.permit.clone(),
        );
        let Ok(world) = world else {
            // A failing state directory is a fault like others: the run ends, and the next one begins.
            return Ok(Run::Died);
        };
        let settings = nix8s_engine::converge::Settings {
            command: "apply".to_owned(),
            covered: Some(Risk::Erases),
            patience: PATIENCE,
        };
        let print = self.trace == Trace::Print;
        let clock = Arc::clone(&shared.clock);
        let mut hear = move |progress: &Progress| {
            if print {
                show(clock.ms() - BEGINNING, progress);
            }
        };
        let (mut consent, mut stop) = (Given(Risk::Erases), Stop::never());
        let ended = tokio::select! {
            biased;
            () = shared.death() => None,
            ended = converge(&world, &settings, &mut consent, &mut stop, &mut hear) => Some(ended),
        };
        let dead = shared.is_dead();
        shared.revive(Death::Never);
        if let Some(violation) = self.sim.violations().into_iter().next() {
            return Err(Problem::Rule(violation));
        }
        Ok(match ended {
            Some(Ok(report)) if !dead => {
                self.report.steps += report.done;
                self.report.failed += report.failed;
                Run::Ended(report.ending)
            }
            Some(Ok(_) | Err(_)) | None => {
                self.say(|| format!("killed, or stopped by its state: {:?}", ended.map(|e| e.map(|_| ()))));
                self.report.kills += 1;
                self.sim.with(crate::world::World::forget_heard);
                Run::Died
            }
        })
    }

    /// Does what the waits ask a person for; whether there was anything to do.
    fn help(&mut self, waits: &[Wait]) -> Result<bool, Problem> {
        let mut helped = false;
        let mut said = Vec::new();
        for wait in waits {
            match (wait.cause, &wait.machine) {
                (Cause::GivenUp, Some(machine)) => {
                    let failed =
                        self.sim.with(|w| w.metal.get(machine).is_some_and(|m| !m.failed.is_empty()));
                    if !failed {
                        said.push(What::Retry { machine: machine.clone() });
                    }
                }
                // The cluster's scripts are forgiven with any machine.
                (Cause::GivenUp, None) => {
                    said.extend(
                        self.fleet.machines.keys().next().map(|m| What::Retry { machine: m.clone() }),
                    );
                }
                (Cause::NeedsPermit, Some(machine)) => {
                    self.permit.max_affected = Some(1000);
                    let roles = wait.text.contains("--node");
                    if roles {
                        self.permit
                            .nodes
                            .get_or_insert_with(|| self.known.keys().cloned().collect())
                            .insert(machine.clone());
                    }
                    helped = true;
                }
                (Cause::NeedsPermit, None) => {
                    self.permit.max_affected = Some(1000);
                    helped = true;
                }
                _ => {}
            }
        }
        helped |= !said.is_empty();
        self.record(said)?;
        Ok(helped)
    }

    /// Records events as a command beside `apply` would.
    pub(super) fn record(&mut self, whats: Vec<What>) -> Result<(), Problem> {
        if whats.is_empty() {
            return Ok(());
        }
        for what in &whats {
            self.say(|| format!("somebody: {what:?}"));
            if let What::Retry { machine } = what {
                self.sim.with(|w| w.forgive(machine));
            }
        }
        let clock = Arc::clone(&self.sim.shared().clock) as _;
        let failed =
            |e: std::io::Error| Problem::NotConverged(vec![format!("the event log is damaged: {e}")]);
        let mut journal =
            Journal::open(Arc::clone(&self.store) as _, clock, "person".to_owned()).map_err(failed)?;
        journal.record(whats).map_err(failed)
    }
}

fn waits_of(ending: &Ending) -> Vec<Wait> {
    match ending {
        Ending::NeedsPermit { waits } | Ending::WaitsOutside { waits } | Ending::TimedOut { waits } => {
            waits.clone()
        }
        Ending::Converged | Ending::Interrupted | Ending::Refused { .. } | Ending::Bug { .. } => Vec::new(),
    }
}

fn show(at: i64, progress: &Progress) {
    let at = at / 1000;
    match progress {
        Progress::CycleBegan { cycle, plan } => {
            println!("{at:>7} cycle {cycle}: {} steps, {} waits", plan.steps.len(), plan.waits.len());
            for wait in &plan.waits {
                println!("{at:>7}     waits {:?} {:?}: {}", wait.machine, wait.cause, wait.text);
            }
        }
        Progress::StepStarted { step, .. } => println!("{at:>7}   start {}: {}", step.id, step.reason),
        Progress::StepHeld { step, why, .. } => println!("{at:>7}   held  {}: {why}", step.id),
        Progress::StepDone { step, note, .. } => {
            println!("{at:>7}   done  {} {}", step.id, note.as_deref().unwrap_or(""));
        }
        Progress::StepFailed { step, failure, .. } => {
            println!("{at:>7}   FAIL  {}: {}", step.id, failure.message);
        }
        Progress::StepSkipped { step, why } => println!("{at:>7}   skip  {}: {why}", step.id),
        Progress::Waiting { .. } | Progress::Rested { .. } => {}
        Progress::Warning { text } => println!("{at:>7}   warning: {text}"),
        Progress::Ended { ending } => println!("{at:>7} {}", ending.as_str()),
    }
}
