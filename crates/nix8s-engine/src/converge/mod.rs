//! The loop: look, plan, check, ask for consent, carry out, and again, until nothing is left or nothing can move.

mod keep;
mod patience;
#[cfg(test)]
mod tests;
mod waiting;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Observed;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::plan::Violation;
use nix8s_core::plan::Wait;
use nix8s_core::plan::check;
use nix8s_core::reconcile;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::execute::Limits;
use crate::execute::WINDOW_MIN;
use crate::execute::execute;
use crate::journal::Journal;
use crate::observe::observe;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::state::export::Exporter;
use crate::state::layout;
use crate::state::marker;
use crate::state::overview;
use crate::stop::Level;
use crate::stop::Stop;
use crate::summary;
use crate::users;
use crate::users::Came;
use crate::wake::Wake;
use crate::world::World;
pub use keep::Kept;
pub use keep::keep;
use patience::Patience;
use patience::given_up;
use patience::next_look;
use patience::patience;
use waiting::Waiting;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing is left to do; waits that are only information may remain.
    Converged,
    /// What is left needs the user's leave.
    NeedsPermit {
        /// What is left.
        waits: Vec<Wait>,
    },
    /// What is left waits for somebody or something outside, and has for long enough.
    WaitsOutside {
        /// What is left.
        waits: Vec<Wait>,
    },
    /// `reconciler.timeout` is over.
    TimedOut {
        /// What is left.
        waits: Vec<Wait>,
    },
    /// Stopping was asked for.
    Interrupted,
    /// The plan needs consent that was not given.
    Refused {
        /// The risk that it comes to.
        risk: Risk,
    },
    /// The plan broke a rule: a bug in nix8s. Nothing of it was carried out.
    Bug {
        /// Which rules, and how.
        violations: Vec<Violation>,
    },
}

impl Ending {
    /// Its name in events, reports and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::NeedsPermit { .. } => "needs-permit",
            Self::WaitsOutside { .. } => "waits-outside",
            Self::TimedOut { .. } => "timed-out",
            Self::Interrupted => "interrupted",
            Self::Refused { .. } => "refused",
            Self::Bug { .. } => "bug",
        }
    }
}

/// How a run ended, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How often it looked.
    pub cycles: u32,
    /// Steps that were carried out.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Machines whose new system was bad: exit code 6.
    pub rolled_back: Vec<MachineName>,
    /// What came of users' reconcilers that were started once at its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reconcilers: Vec<Came>,
}

impl Report {
    /// Of a run that did nothing yet.
    fn nothing() -> Self {
        Self {
            ending: Ending::Interrupted,
            cycles: 0,
            done: 0,
            failed: 0,
            rolled_back: Vec::new(),
            reconcilers: Vec::new(),
        }
    }
}

/// Asks the user, or policy, whether a plan may be carried out.
#[async_trait]
pub trait Consent: Send {
    /// Whether this plan, and what is foreseen to follow, may be carried out. `risk` is the greatest of them.
    async fn ask(&mut self, plan: &Plan, forecast: &[Step], risk: Risk) -> Answer;
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and for everything else up to this risk.
    UpTo(Risk),
    /// No.
    No,
}

/// Consent that was given beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Given(pub Risk);

#[async_trait]
impl Consent for Given {
    async fn ask(&mut self, _plan: &Plan, _forecast: &[Step], risk: Risk) -> Answer {
        if risk <= self.0 { Answer::UpTo(self.0) } else { Answer::No }
    }
}

/// How a run is to go.
pub struct Settings {
    /// The command, for the record: `apply`.
    pub command: String,
    /// Risk that is consented to already; `None`: the first plan is shown and asked for whatever its risk.
    pub covered: Option<Risk>,
    /// How long nothing may move before a run that waits for something outside gives up. 15 minutes for `apply`.
    pub patience: Duration,
}

/// What `apply` waits for machines and other things outside that do not come.
pub const PATIENCE: Duration = Duration::from_secs(900);

/// How old the overview may become while there is something to do. It holds every machine: writing it after each of
/// many short cycles would take longer than they do. Events tell what came after it.
const OVERVIEW_EVERY: Duration = Duration::from_secs(60);

/// The longest that a window grows to on account of a fleet's size alone: a thousand machines take a day to install.
const WINDOW_LARGE_MAX: Duration = Duration::from_secs(3600);

/// Looks, plans and carries out until the plan is empty, only justified waits are left, or it has to stop.
///
/// # Errors
/// When the state directory cannot be read or written. What was under way is dropped; the next run resumes.
pub async fn converge(
    world: &World,
    settings: &Settings,
    consent: &mut dyn Consent,
    stop: &mut Stop,
    hear: &mut dyn Observer,
) -> io::Result<Report> {
    let ports = &world.ports;
    let mut journal = Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone())?;
    let mut run = Run::new(world, settings, ports.clock.now());
    run.open(&mut journal)?;
    let ending = loop {
        if let Some(ending) = run.cycle(&mut journal, consent, stop, hear).await? {
            break ending;
        }
    };
    run.close(&mut journal, &ending, hear)?;
    let whole = world.permit.nodes.is_none() && world.permit.phase.is_none();
    if ending == Ending::Converged && whole {
        run.report.reconcilers = reconcilers(world, hear).await;
    }
    hear.hear(&Progress::Ended { ending });
    Ok(run.report)
}

/// Starts users' one-shots once: what they do, too, is part of being as configured.
async fn reconcilers(world: &World, hear: &mut dyn Observer) -> Vec<Came> {
    let (tell, mut told) = mpsc::channel(users::MESSAGES);
    let came = users::once(world, &tell).await;
    while let Ok(text) = told.try_recv() {
        hear.hear(&Progress::Warning { text });
    }
    came
}

/// A run under way.
struct Run<'a> {
    world: &'a World,
    command: &'a str,
    /// Since when it is on record; `None`: it is not yet, because nothing had to be done.
    began: Option<Timestamp>,
    covered: Option<Risk>,
    patience: Duration,
    deadline: Timestamp,
    /// When something last moved.
    moved: Timestamp,
    /// What was waited for after the last look.
    waited: Vec<(Option<MachineName>, Cause)>,
    /// Which waits are on record.
    waiting: Waiting,
    exporter: Exporter,
    overviews: overview::Keeper,
    /// When the overview was last written.
    overview: Option<Timestamp>,
    /// How often in a row the same steps were planned.
    repeats: u32,
    is_held_back: bool,
    /// The last plan.
    plan: Option<Arc<Plan>>,
    /// Who may ask for another look while it pauses.
    wake: Option<Wake>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(world: &'a World, settings: &'a Settings, now: Timestamp) -> Self {
        Self {
            world,
            command: &settings.command,
            began: None,
            covered: settings.covered,
            patience: settings.patience,
            deadline: now + world.cluster.reconciler.timeout,
            moved: now,
            waited: Vec::new(),
            waiting: Waiting::default(),
            exporter: Exporter::default(),
            overviews: overview::Keeper::default(),
            overview: None,
            repeats: 0,
            is_held_back: false,
            plan: None,
            wake: None,
            report: Report::nothing(),
        }
    }

    /// Puts on record that it began, if it is not yet.
    fn open(&mut self, journal: &mut Journal) -> io::Result<()> {
        if self.began.is_none() {
            journal.record([What::RunStarted { command: self.command.to_owned() }])?;
            self.began = Some(self.world.ports.clock.now());
        }
        Ok(())
    }

    /// Puts on record how it ended, if it is on record that it began.
    fn close(&mut self, journal: &mut Journal, ending: &Ending, hear: &mut dyn Observer) -> io::Result<()> {
        let Some(began) = self.began.take() else { return Ok(()) };
        journal.record([What::RunEnded { outcome: ending.as_str().to_owned() }])?;
        self.waiting = Waiting::default();
        self.report.ending = ending.clone();
        summary::keep(self.world, self.command, began, &self.report, self.plan.as_deref(), hear);
        if let Err(error) = journal.keep_snapshot() {
            hear.hear(&Progress::Warning { text: format!("writing {}: {error}", layout::SNAPSHOT) });
        }
        Ok(())
    }

    /// Pauses, unless it is asked to stop, or to look again.
    async fn pause(&mut self, pause: Duration, stop: &mut Stop) -> Option<Ending> {
        let called = async {
            match &mut self.wake {
                Some(wake) => wake.called().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.reaches(Level::AfterRunning) => Some(Ending::Interrupted),
            () = called => None,
            () = self.world.sleep(pause) => None,
        }
    }

    /// One look, and what follows from it.
    async fn cycle(
        &mut self,
        journal: &mut Journal,
        consent: &mut dyn Consent,
        stop: &mut Stop,
        hear: &mut dyn Observer,
    ) -> io::Result<Option<Ending>> {
        let world = self.world;
        marker::take_in(&*world.ports.store, &world.cluster, journal)?;
        let looking = observe(world, journal, hear);
        let seen = tokio::select! {
            biased;
            () = stop.reaches(Level::AfterRunning) => return Ok(Some(Ending::Interrupted)),
            seen = looking => seen?,
        };
        let now = world.ports.clock.now();
        let plan = Arc::new(reconcile::plan(&world.cluster, &seen, now, &world.permit));
        self.report.cycles += 1;
        let cycle = self.report.cycles;
        let before = self.plan.replace(plan.clone());
        hear.hear(&Progress::CycleBegan { cycle, plan: plan.clone() });
        let violations = check(&world.cluster, &seen, &plan, &world.permit);
        if !violations.is_empty() {
            return Ok(Some(Ending::Bug { violations }));
        }
        if self.began.is_some() {
            journal.record(self.waiting.changes(&plan.waits, now))?;
        }
        self.export(&seen, hear);
        self.overview(&seen, &plan, hear);
        if plan.steps.is_empty() {
            return Ok(self.wait(&plan, now, stop, hear).await);
        }
        if now >= self.deadline {
            return Ok(Some(Ending::TimedOut { waits: plan.waits.clone() }));
        }
        if self.is_repeated(before.as_deref(), &plan) {
            return Ok(self.hold_back(stop).await);
        }
        let covered = match self.consented(&plan, &seen, consent).await {
            Ok(covered) => covered,
            Err(ending) => return Ok(Some(ending)),
        };
        self.open(journal)?;
        let limits =
            Limits { covered, deadline: self.deadline, window: window(seen.at, now, seen.machines.len()) };
        let carried = execute(world, journal, &plan, limits, stop, hear).await?;
        self.report.done += carried.done;
        self.report.failed += carried.failed;
        self.report.rolled_back.extend(carried.bad);
        self.moved = world.ports.clock.now();
        if stop.level() != Level::Go { Ok(Some(Ending::Interrupted)) } else { Ok(None) }
    }

    /// Exports are for people: that they could not be written is said, and tried again, and stops nothing.
    fn export(&mut self, seen: &Observed, hear: &mut dyn Observer) {
        let world = self.world;
        let store = &*world.ports.store;
        if let Err(error) = self.exporter.export(store, &world.cluster, &world.former, seen) {
            let text = format!("writing exports into the state directory: {error}");
            hear.hear(&Progress::Warning { text });
        }
        for text in store.take_warnings() {
            hear.hear(&Progress::Warning { text });
        }
    }

    /// Keeps what `status` shows: now and then, and whenever there is nothing to do but to wait.
    fn overview(&mut self, seen: &Observed, plan: &Plan, hear: &mut dyn Observer) {
        let world = self.world;
        let is_due = self.overview.is_none_or(|last| plan.at >= last + OVERVIEW_EVERY);
        if !is_due && !plan.steps.is_empty() {
            return;
        }
        self.overview = Some(plan.at);
        let store = &*world.ports.store;
        if let Err(error) = self.overviews.write(store, &world.cluster, seen, plan, &world.permit) {
            hear.hear(&Progress::Warning { text: format!("writing {}: {error}", layout::OVERVIEW) });
        }
    }

    async fn consented(
        &mut self,
        plan: &Plan,
        seen: &Observed,
        consent: &mut dyn Consent,
    ) -> Result<Risk, Ending> {
        let risk_now = plan.steps.iter().map(|step| step.risk).max().unwrap_or(Risk::None);
        if let Some(covered) = self.covered.filter(|covered| risk_now <= *covered) {
            return Ok(covered);
        }
        let forecast = reconcile::forecast(&self.world.cluster, seen, plan, &self.world.permit);
        let risk = forecast.iter().map(|step| step.risk).max().unwrap_or(Risk::None).max(risk_now);
        match consent.ask(plan, &forecast, risk).await {
            Answer::UpTo(covered) if covered >= risk_now => {
                self.covered = Some(covered);
                Ok(covered)
            }
            Answer::UpTo(_) | Answer::No => Err(Ending::Refused { risk }),
        }
    }

    /// Whether these steps are the same as last time, and were not held back yet: they were carried out, or failed,
    /// and nothing came of it.
    fn is_repeated(&mut self, before: Option<&Plan>, plan: &Plan) -> bool {
        if before.is_none_or(|before| before.steps != plan.steps) {
            self.repeats = 0;
            self.is_held_back = false;
        } else {
            self.is_held_back = !self.is_held_back;
        }
        self.is_held_back
    }

    /// Pauses before another look: twice as long every time, up to the interval.
    async fn hold_back(&mut self, stop: &mut Stop) -> Option<Ending> {
        let interval = self.world.cluster.reconciler.interval;
        let pause = Duration::from_secs(1 << self.repeats.min(10)).min(interval);
        self.repeats += 1;
        self.pause(pause, stop).await
    }

    /// There is nothing to do now: ends, or pauses until a look can help.
    async fn wait(
        &mut self,
        plan: &Plan,
        now: Timestamp,
        stop: &mut Stop,
        hear: &mut dyn Observer,
    ) -> Option<Ending> {
        let waits: Vec<(Option<MachineName>, Cause)> =
            plan.waits.iter().map(|wait| (wait.machine.clone(), wait.cause)).collect();
        if waits != self.waited {
            self.waited = waits;
            self.moved = now;
        }
        let settings = &self.world.cluster.reconciler;
        let limit = patience(&plan.waits, settings.interval, self.patience);
        match limit {
            Patience::NoneLeft => return Some(Ending::Converged),
            Patience::For(limit) if now.duration_since(self.moved) >= signed(limit) => {
                return Some(given_up(plan.waits.clone()));
            }
            Patience::For(_) | Patience::UntilTimeout => {}
        }
        if now >= self.deadline {
            return Some(Ending::TimedOut { waits: plan.waits.clone() });
        }
        let until = next_look(&plan.waits, now, settings.interval).min(self.deadline);
        hear.hear(&Progress::Waiting { waits: Arc::new(plan.waits.clone()), until });
        self.pause(Duration::try_from(until.duration_since(now)).unwrap_or_default(), stop).await
    }
}

/// How long steps of one plan are begun: a large fleet takes a while to look at, and of a run's time at most a
/// twentieth is to go into looking; less the larger it is, as far as nothing that has become possible in the meantime
/// waits for longer than [`WINDOW_LARGE_MAX`].
fn window(looked: Timestamp, now: Timestamp, machines: usize) -> Duration {
    let look = Duration::try_from(now.duration_since(looked)).unwrap_or_default();
    let large = u32::try_from(machines / 200).unwrap_or(u32::MAX);
    let longer = look.saturating_mul(large.saturating_add(20)).min(WINDOW_LARGE_MAX);
    (look * 20).max(longer).max(WINDOW_MIN)
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
