//! One run: what somebody lives through who has `apply` do it, and starts it again when it ended before its time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Step;
use nix8s_core::plan::StepId;
use nix8s_core::plan::Wait;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Report;
use nix8s_engine::converge::Settings;
use nix8s_engine::converge::converge;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Progress;
use nix8s_engine::stop::Level as StopLevel;
use nix8s_engine::stop::Stop;

use super::Start;
use crate::BEGINNING;
use crate::Options;
use crate::Simulation;
use crate::clock::SimClock;
use crate::fault::Level;
use crate::make;
use crate::watch::Watch;
use crate::world::Ms;
use crate::world::SECOND;

/// How often `apply` is started before a run counts as not converged.
pub const APPLIES_MAX: u32 = 10;

/// How long somebody takes to start `apply` again.
pub const AGAIN: Ms = 300 * SECOND;

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The seed that shows it again.
    pub seed: u64,
    /// How it ended.
    pub end: End,
    /// How much simulated time it took.
    pub took: Ms,
    /// How often `apply` was started.
    pub applies: u32,
    /// Steps that were carried out.
    pub done: usize,
    /// What was waited for, with what anybody could have done about it.
    pub waited: BTreeMap<(Cause, Option<MachineName>), Waited>,
    /// Steps that failed, by kind and machine.
    pub failed: BTreeMap<(EffectKind, Option<MachineName>), Failed>,
    /// How long steps ran, by kind and machine.
    pub busy: BTreeMap<(EffectKind, Option<MachineName>), Ms>,
    /// Machines whose new system was bad.
    pub rolled_back: BTreeSet<MachineName>,
    /// What was interrupted.
    pub watch: Watch,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// As configured.
    Converged,
    /// Something is left that needs the user's leave.
    NeedsPermit(Vec<Wait>),
    /// Something is left that waits for somebody outside.
    Waits(Vec<Wait>),
    /// Something is left after `reconciler.timeout`.
    TimedOut(Vec<Wait>),
    /// The state directory could not be written when `apply` ran last.
    StateFailed(String),
    /// Somebody stopped it.
    Interrupted,
    /// A rule was broken: a bug in nix8s.
    Bug(Bug),
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    /// Who noticed.
    pub noticed: Noticed,
    /// What.
    pub text: String,
}

/// Who noticed that a rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// nix8s' own check of its plan; nothing of the plan was carried out.
    OwnCheck,
    /// The simulated world, after it had happened.
    World,
}

/// How long something was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// All of it together.
    pub ms: Ms,
    /// What it was, when it was last told.
    pub text: String,
}

/// How often something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// How often.
    pub times: u32,
    /// What came back, the last time.
    pub message: String,
}

impl Run {
    /// One of which nothing is known yet.
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            end: End::Interrupted,
            took: 0,
            applies: 0,
            done: 0,
            waited: BTreeMap::new(),
            failed: BTreeMap::new(),
            busy: BTreeMap::new(),
            rolled_back: BTreeSet::new(),
            watch: Watch::default(),
        }
    }

    /// Whether it arrived.
    pub fn is_converged(&self) -> bool {
        self.end == End::Converged
    }
}

/// Lives through one run in a copy of what there is.
pub(super) async fn run(
    start: &Start,
    seed: u64,
    faults: Level,
    stop: &mut Stop,
    story: &mut dyn Observer,
) -> Run {
    let mut world = match &start.world {
        Some(world) => world.clone(),
        None => make::world(&start.cluster, seed, BEGINNING),
    };
    // The copy goes its own way from here: what it draws from now on is the run's.
    world.seed = seed;
    make::provide(&mut world);
    world.watch = Some(Box::default());
    let began = world.now;
    let sim = Simulation::new(world, Options { seed, faults, pace: None, not_before: None });
    let store = Arc::new(start.store.fork());
    let clock = Arc::clone(&sim.shared().clock);
    let mut ear =
        Ear { clock, story, open: Vec::new(), running: BTreeMap::new(), since: began, run: Run::of(seed) };
    loop {
        ear.run.applies += 1;
        let ended = apply(start, &sim, Arc::clone(&store), stop, &mut ear).await;
        ear.close();
        ear.run.end = end(&sim, ended, &mut ear.run);
        if is_final(&ear.run.end) || ear.run.applies >= APPLIES_MAX || stop.level() != StopLevel::Go {
            break;
        }
        sim.shared().pass(AGAIN).await;
    }
    let mut run = ear.run;
    let (now, watch) = sim.with(|w| (w.now, w.watch.take()));
    run.took = now - began;
    run.watch = watch.map(|watch| watch.closed(now)).unwrap_or_default();
    run
}

async fn apply(
    start: &Start,
    sim: &Simulation,
    store: Arc<nix8s_engine::state::memory::Memory>,
    stop: &mut Stop,
    hear: &mut dyn Observer,
) -> std::io::Result<Report> {
    sim.new_run(&start.permit);
    let ports = sim.ports(store);
    let cluster = Arc::clone(&start.cluster);
    let world = nix8s_engine::world::World::new(cluster, ports, ".".to_owned(), start.permit.clone())?;
    let settings =
        Settings { command: "rehearse".to_owned(), covered: Some(Risk::Erases), patience: PATIENCE };
    converge(&world, &settings, &mut Given(Risk::Erases), stop, hear).await
}

fn end(sim: &Simulation, ended: std::io::Result<Report>, run: &mut Run) -> End {
    if let Some(violation) = sim.violations().into_iter().next() {
        return End::Bug(Bug { noticed: Noticed::World, text: violation.to_string().trim_end().to_owned() });
    }
    let report = match ended {
        Ok(report) => report,
        Err(error) => return End::StateFailed(error.to_string()),
    };
    run.done += report.done;
    run.rolled_back.extend(report.rolled_back);
    match report.ending {
        Ending::Converged => End::Converged,
        Ending::NeedsPermit { waits } => End::NeedsPermit(waits),
        Ending::WaitsOutside { waits } => End::Waits(waits),
        Ending::TimedOut { waits } => End::TimedOut(waits),
        Ending::Interrupted => End::Interrupted,
        // All consent was given beforehand.
        Ending::Refused { risk } => End::NeedsPermit(vec![Wait {
            machine: None,
            cause: Cause::NeedsPermit,
            text: format!("the plan was refused: {risk:?}"),
            until: None,
        }]),
        Ending::Bug { violations } => {
            let broken = violations.iter().map(|v| {
                format!("rule {} ({}), {}: {}", v.rule.row().number, v.rule.row().name, v.step, v.text)
            });
            End::Bug(Bug { noticed: Noticed::OwnCheck, text: broken.collect::<Vec<_>>().join("; ") })
        }
    }
}

/// Whether starting `apply` again would come to nothing else.
fn is_final(end: &End) -> bool {
    match end {
        End::Converged | End::NeedsPermit(_) | End::Interrupted | End::Bug(_) => true,
        End::Waits(_) | End::TimedOut(_) | End::StateFailed(_) => false,
    }
}

/// Hears a run, and passes on what it hears.
struct Ear<'a> {
    clock: Arc<SimClock>,
    story: &'a mut dyn Observer,
    /// What has been waited for since the last look.
    open: Vec<Wait>,
    since: Ms,
    /// Steps that run, and since when.
    running: BTreeMap<StepId, (Arc<Step>, Ms)>,
    run: Run,
}

impl Ear<'_> {
    /// A step has ended, or is dropped.
    fn ended(&mut self, id: &StepId) {
        let Some((step, since)) = self.running.remove(id) else { return };
        let key = (step.effect.kind(), step.effect.machine().cloned());
        *self.run.busy.entry(key).or_default() += self.clock.ms() - since;
    }

    /// What runs and what was waited for counts until now.
    fn close(&mut self) {
        while let Some(id) = self.running.keys().next().cloned() {
            self.ended(&id);
        }
        let now = self.clock.ms();
        let lasted = now - self.since;
        self.since = now;
        // A machine may wait twice for the same kind of thing; its time passes once.
        let open = std::mem::take(&mut self.open);
        let open: BTreeMap<_, String> = open.into_iter().map(|w| ((w.cause, w.machine), w.text)).collect();
        for (key, text) in open {
            let waited = self.run.waited.entry(key).or_insert_with(|| Waited { ms: 0, text: String::new() });
            waited.ms += lasted;
            waited.text = text;
        }
    }
}

impl Observer for Ear<'_> {
    fn hear(&mut self, progress: &Progress) {
        self.story.hear(progress);
        match progress {
            Progress::CycleBegan { plan, .. } => {
                self.close();
                let open = plan.waits.iter().filter(|wait| wait.cause.ends() != Ends::Info);
                self.open = open.cloned().collect();
            }
            Progress::StepStarted { step, .. } => {
                self.running.insert(step.id.clone(), (Arc::clone(step), self.clock.ms()));
            }
            Progress::StepDone { step, .. } => self.ended(&step.id),
            Progress::StepFailed { step, failure, .. } => {
                self.ended(&step.id);
                let key = (step.effect.kind(), step.effect.machine().cloned());
                let failed =
                    self.run.failed.entry(key).or_insert_with(|| Failed { times: 0, message: String::new() });
                failed.times += 1;
                failed.message.clone_from(&failure.message);
            }
            Progress::StepHeld { .. }
            | Progress::StepSkipped { .. }
            | Progress::Waiting { .. }
            | Progress::Rested { .. }
            | Progress::Warning { .. }
            | Progress::Ended { .. } => {}
        }
    }
}
