//! One life: phases of change, damage and convergence, with somebody who does what nix8s asks a person to do.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
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
use crate::BEGINNING;
use crate::Options;
use crate::Simulation;
use crate::check::converged::untrue;
use crate::fault::HORIZON;
use crate::fault::Level;
use crate::fleet;
use crate::make;
use crate::random::Random;
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
    report: Report,
}

/// Runs within one phase before it counts as not converging.
const RUNS_MAX: u32 = 60;

/// How often somebody says `node retry` in one phase.
const RETRIES_MAX: u32 = 6;

pub(super) async fn live(seed: u64, settings: Settings) -> Result<Report, Box<Finding>> {
    let mut random = Random::new(seed, "life");
    let fleet = Arc::new(fleet::generate(&mut random));
    let drawn = *random.pick(&[Level::None, Level::Some, Level::Some, Level::Many]).expect("not empty");
    let level = settings.faults.unwrap_or(drawn);
    let world = make::world(&fleet, seed, BEGINNING);
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
        report: Report::default(),
    };
    change::first_damage(&mut life);
    for phase in 1..=phases {
        if phase > 1 {
            life.permit.nodes = None;
            change::change(&mut life, phase);
            change::damage(&mut life);
            let level = life.level;
            life.sim.with(|w| w.begin_faults(level, HORIZON));
        }
        life.say(|| format!("--- phase {phase}, faults {level:?}"));
        let settled = life.settle().await;
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

impl Life {
    pub(super) fn say(&self, text: impl FnOnce() -> String) {
        if self.trace == Trace::Print {
            let at = self.sim.with(|w| w.now - BEGINNING) / 1000;
            println!("{at:>7} {}", text());
        }
    }

    /// Runs nix8s, again and again, until it has converged to what is configured and stays so.
    async fn settle(&mut self) -> Result<(), Problem> {
        let mut kills = if self.level == Level::None { 0 } else { self.random.between(0, 4) };
        let (mut retries, mut calm) = (0, 0);
        for _ in 0..RUNS_MAX {
            let death = if kills > 0 { self.draw_death() } else { Death::Never };
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
                self.wait_for_calm().await;
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

    fn draw_death(&mut self) -> Death {
        let reach = *self.random.pick(&[20, 100, 500, 2000]).expect("not empty");
        Death::Silent(self.random.between(1, reach))
    }

    /// Half of the time, what goes wrong goes on; else it ends now.
    async fn wait_for_calm(&mut self) {
        if self.random.chance(500) {
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
