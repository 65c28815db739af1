//! Live lines on a terminal: what runs on which machine, since when, and what is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Step;
use nix8s_core::plan::StepId;
use nix8s_engine::progress::Progress;

use crate::output::Paint;
use crate::output::clean;
use crate::report::event::subject;
use crate::report::lines;
use crate::report::names::count;
use crate::report::waits;

/// Running steps that have a line of their own: more would push what happened off the screen.
const RUNNING_MAX: usize = 8;

/// A step that runs.
struct Running {
    since: Timestamp,
    step: Arc<Step>,
    /// What holds it up.
    held: Option<String>,
}

/// The lines at the bottom of the terminal.
pub struct Live {
    bars: MultiProgress,
    shown: Vec<ProgressBar>,
    paint: Paint,
    running: BTreeMap<StepId, Running>,
    done: usize,
    waits: String,
    now: Option<Timestamp>,
}

impl Live {
    /// Draws to stderr, with nothing to show yet.
    pub fn new(paint: Paint) -> Self {
        Self {
            bars: MultiProgress::new(),
            shown: Vec::new(),
            paint,
            running: BTreeMap::new(),
            done: 0,
            waits: String::new(),
            now: None,
        }
    }

    /// What draws, for another thread that has something to say.
    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// Does something to the terminal while the live lines are out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }

    /// Takes in a message.
    pub fn hear(&mut self, progress: &Progress) {
        match progress {
            Progress::CycleBegan { plan, .. } => {
                self.now = Some(plan.at);
                self.waits.clear();
            }
            Progress::StepStarted { at, step } => {
                self.now = Some(*at);
                let running = Running { since: *at, step: Arc::clone(step), held: None };
                self.running.insert(step.id.clone(), running);
            }
            Progress::StepHeld { at, step, why } => {
                self.now = Some(*at);
                if let Some(running) = self.running.get_mut(&step.id) {
                    running.held = Some(clean(why));
                }
            }
            Progress::StepDone { at, step, .. } => {
                self.done += 1;
                self.ended(*at, step);
            }
            Progress::StepFailed { at, step, .. } => self.ended(*at, step),
            Progress::Waiting { waits, until } => {
                let open = waits.iter().filter(|wait| wait.cause.ends() != Ends::Info);
                self.waits = format!("until {}: {}", lines::clock(*until), waits::in_short(open));
            }
            Progress::Rested { ending, until } => {
                self.waits = format!("until {}: {}", lines::clock(*until), ending.as_str());
            }
            Progress::StepSkipped { .. } | Progress::Warning { .. } => {}
            Progress::Ended { .. } => {
                self.running.clear();
                let _ = self.bars.clear();
                return;
            }
        }
        self.draw();
    }

    fn ended(&mut self, at: Timestamp, step: &Step) {
        self.now = Some(at);
        self.running.remove(&step.id);
    }

    fn draw(&mut self) {
        let texts = self.texts();
        while self.shown.len() < texts.len() {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is a constant"));
            self.shown.push(bar);
        }
        while self.shown.len() > texts.len() {
            if let Some(bar) = self.shown.pop() {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
        }
        for (bar, text) in self.shown.iter().zip(texts) {
            bar.set_message(text);
        }
    }

    fn texts(&self) -> Vec<String> {
        let paint = self.paint;
        let mut texts: Vec<String> = Vec::new();
        for Running { since, step, held } in self.running.values().take(RUNNING_MAX) {
            let since = paint.dim(format_args!("since {}", lines::clock(*since)));
            let held = held.as_ref().map(|why| format!(": {}", paint.yellow(why))).unwrap_or_default();
            texts.push(format!("  {} {} {since}{held}", paint.cyan(">"), subject(&step.effect, paint)));
        }
        if self.running.len() > RUNNING_MAX {
            texts.push(format!(
                "  {} and {}",
                paint.cyan(">"),
                count(self.running.len() - RUNNING_MAX, "more step")
            ));
        }
        let now = self.now.map(lines::clock).unwrap_or_default();
        let waits = if self.running.is_empty() && !self.waits.is_empty() {
            format!(", {} {}", paint.yellow("waits"), self.waits)
        } else {
            String::new()
        };
        texts.push(format!("{} {} done, {} running{waits}", paint.dim(now), self.done, self.running.len()));
        texts
    }
}
