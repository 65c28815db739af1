//! What is known of a loop: taken from what it says, read by whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::plan::Cause;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Ends;
use nix8s_engine::converge::Ending;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Progress;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Result {
    /// Carried out.
    Done,
    /// It failed.
    Failed,
    /// Not begun, because what it needs failed.
    Skipped,
}

/// What is known of a loop.
#[derive(Debug, Clone)]
pub struct Board {
    /// The cluster's name.
    pub cluster: String,
    /// When the loop began.
    pub began: Timestamp,
    /// When it last said anything.
    pub heard: Timestamp,
    /// How often it looked at the world.
    pub looks: u64,
    /// When it last looked.
    pub looked: Option<Timestamp>,
    /// How it rested last, and since when it has rested like that.
    pub rested: Option<(&'static str, Timestamp)>,
    /// When everything was last as configured.
    pub converged: Option<Timestamp>,
    /// Steps of the last plan.
    pub steps: usize,
    /// What is waited for, by cause.
    pub waits: BTreeMap<Cause, u64>,
    /// Steps so far, by kind and how they ended.
    pub ended: BTreeMap<(&'static str, Result), u64>,
    /// Plans that would have broken a rule: bugs.
    pub violations: u64,
    /// How often another configuration was taken up.
    pub reloads: u64,
    /// What is wrong with the configuration as it is now; the one before is kept.
    pub wrong: Option<String>,
    /// How long the loop may be silent: longer than any step may take.
    pub patience: Duration,
}

impl Board {
    /// Of a loop that begins now.
    pub fn new(cluster: &str, now: Timestamp, patience: Duration) -> Self {
        Self {
            cluster: cluster.to_owned(),
            began: now,
            heard: now,
            looks: 0,
            looked: None,
            rested: None,
            converged: None,
            steps: 0,
            waits: BTreeMap::new(),
            ended: BTreeMap::new(),
            violations: 0,
            reloads: 0,
            wrong: None,
            patience,
        }
    }

    /// Takes in what the loop says, at this time.
    pub fn hear(&mut self, progress: &Progress, now: Timestamp) {
        self.heard = now;
        match progress {
            Progress::CycleBegan { plan, .. } => {
                self.looks += 1;
                self.looked = Some(now);
                self.steps = plan.steps.len();
                self.waits.clear();
                for wait in &plan.waits {
                    *self.waits.entry(wait.cause).or_default() += 1;
                }
            }
            Progress::StepDone { step, .. } => self.count(step.effect.kind(), Result::Done),
            Progress::StepFailed { step, .. } => self.count(step.effect.kind(), Result::Failed),
            Progress::StepSkipped { step, .. } => self.count(step.effect.kind(), Result::Skipped),
            Progress::Rested { ending, .. } => {
                let same = self.rested.filter(|(before, _)| *before == ending.as_str());
                self.rested = Some((ending.as_str(), same.map_or(now, |(_, since)| since)));
                match ending {
                    Ending::Converged => self.converged = Some(now),
                    Ending::Bug { .. } => self.violations += 1,
                    Ending::NeedsPermit { .. }
                    | Ending::WaitsOutside { .. }
                    | Ending::TimedOut { .. }
                    | Ending::Interrupted
                    | Ending::Refused { .. } => {}
                }
            }
            Progress::StepStarted { .. }
            | Progress::StepHeld { .. }
            | Progress::Waiting { .. }
            | Progress::Warning { .. }
            | Progress::Ended { .. } => {}
        }
    }

    fn count(&mut self, kind: EffectKind, result: Result) {
        *self.ended.entry((kind.as_str(), result)).or_default() += 1;
    }

    /// Why the loop is not alive; restarting the process helps.
    pub fn is_dead(&self, now: Timestamp) -> Option<String> {
        let silent = Duration::try_from(now.duration_since(self.heard)).unwrap_or_default();
        (silent > self.patience).then(|| {
            format!(
                "the loop has said nothing for {} s; it may be silent for {} s",
                silent.as_secs(),
                self.patience.as_secs()
            )
        })
    }

    /// Why the loop is of no use at the moment; a person has to look at it.
    pub fn is_unready(&self) -> Option<String> {
        if let Some(wrong) = &self.wrong {
            return Some(format!("the configuration is not taken up: {wrong}"));
        }
        if self.looked.is_none() {
            return Some("it has not looked at the machines yet".to_owned());
        }
        let broken = self.rested.is_some_and(|(how, _)| how == "bug");
        broken.then(|| "its plan would break a rule, so nothing is carried out".to_owned())
    }

    /// How many wait for a cause that a person has to end.
    pub fn needs_a_person(&self) -> u64 {
        // The others end by themselves: machines come back, time passes, what is ahead is done.
        let person = |cause: Cause| match cause.ends() {
            Ends::Permit => true,
            Ends::Outside => {
                !matches!(cause, Cause::Silent | Cause::NotThereYet | Cause::Unknown | Cause::NotReady)
            }
            Ends::Info | Ends::Time => false,
        };
        self.waits.iter().filter(|(cause, _)| person(**cause)).map(|(_, number)| number).sum()
    }
}

/// A board that several threads share.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Board>>);

impl Shared {
    /// Shares a board.
    pub fn new(board: Board) -> Self {
        Self(Arc::new(Mutex::new(board)))
    }

    /// The board as it is now.
    pub fn get(&self) -> Board {
        self.lock().clone()
    }

    /// Changes the board.
    pub fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears a loop for a board, and hands on what it hears.
pub struct Ear<'a> {
    /// The board.
    pub board: &'a Shared,
    /// Who hears it as well.
    pub also: &'a mut dyn Observer,
    /// Called with every look, at its real time.
    pub looked: &'a mut (dyn FnMut(&Board) + Send),
}

impl Observer for Ear<'_> {
    fn hear(&mut self, progress: &Progress) {
        self.board.change(|board| board.hear(progress, Timestamp::now()));
        if let Progress::CycleBegan { .. } = progress {
            (self.looked)(&self.board.get());
        }
        self.also.hear(progress);
    }
}
