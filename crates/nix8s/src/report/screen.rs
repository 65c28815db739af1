//! Where a run's messages go: lines on stdout, live lines below them on a terminal, or JSON lines.

use std::io::IsTerminal;
use std::io::Write;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Progress;
use serde_json::Value;

use crate::output::Detail;
use crate::output::Format;
use crate::output::Output;
use crate::report::json;
use crate::report::lines::Lines;
use crate::report::lines::Starts;
use crate::report::live::Live;

/// Shows a run. Everything that prints during a run goes through it, so that live lines are never torn.
pub struct Screen<'a> {
    out: &'a Output,
    inner: Mutex<Inner>,
}

struct Inner {
    lines: Lines,
    live: Option<Live>,
    began: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// How fast a run's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// For people: they see what runs.
    Passes,
    /// It jumps whenever nothing runs.
    Jumps,
}

impl<'a> Screen<'a> {
    /// Shows to this output. There are live lines when both streams are the same terminal as far as anyone can tell.
    pub fn new(out: &'a Output, time: Time) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let is_live = terminal && out.format == Format::Text && out.detail != Detail::Quiet;
        let live = is_live.then(|| Live::new(out.paint_err));
        let starts = match (out.detail, time, is_live) {
            (Detail::Verbose, _, _) => Starts::All,
            (Detail::Quiet | Detail::Normal, Time::Passes, false) => Starts::Long,
            (Detail::Quiet | Detail::Normal, Time::Passes, true) | (_, Time::Jumps, _) => Starts::None,
        };
        let lines = Lines { paint: out.paint, detail: out.detail, starts, told: Vec::new(), rested: None };
        Self { out, inner: Mutex::new(Inner { lines, live, began: None, last: None }) }
    }

    /// Writes data between the messages.
    pub fn data(&self, text: &str) {
        self.inner().aside(|| self.out.data(text));
    }

    /// Writes a line for programs between the messages.
    pub fn json(&self, document: &Value) {
        self.inner().aside(|| self.out.json_line(document));
    }

    /// Says something that is not data, or asks something.
    pub fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.inner().aside(say)
    }

    /// Tells something from another thread without tearing the live lines.
    pub fn teller(&self) -> impl FnMut(&str) + Send + 'static {
        let bars = self.inner().live.as_ref().map(Live::bars);
        move |text| {
            // A terminal that is gone must not keep the run from stopping.
            let say = || drop(writeln!(std::io::stderr(), "\n{text}"));
            match &bars {
                Some(bars) => bars.suspend(say),
                None => say(),
            }
        }
    }

    /// How much of the run's own time has passed, in milliseconds.
    pub fn took_ms(&self) -> u64 {
        let inner = self.inner();
        match (inner.began, inner.last) {
            (Some(began), Some(last)) => u64::try_from(last.duration_since(began).as_millis()).unwrap_or(0),
            (None, _) | (_, None) => 0,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, progress: &Progress) {
        let mut inner = self.inner();
        if let Some(at) = time(progress) {
            inner.began.get_or_insert(at);
            inner.last = Some(at);
        }
        match self.out.format {
            Format::Json => {
                if let Some(document) = json::progress(progress) {
                    self.out.json_line(&document);
                }
            }
            Format::Text => {
                if let Some(live) = &mut inner.live {
                    live.hear(progress);
                }
                let quiet = self.out.detail == Detail::Quiet && !matters(progress);
                if let Some(line) = inner.lines.line(progress).filter(|_| !quiet) {
                    inner.aside(|| self.out.data(&format!("{line}\n")));
                }
            }
        }
    }
}

impl Inner {
    fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.aside(say),
            None => say(),
        }
    }
}

/// Whether a message is a problem: `-q` shows only those.
fn matters(progress: &Progress) -> bool {
    match progress {
        Progress::StepFailed { .. } | Progress::StepHeld { .. } | Progress::Warning { .. } => true,
        Progress::CycleBegan { .. }
        | Progress::StepStarted { .. }
        | Progress::StepDone { .. }
        | Progress::StepSkipped { .. }
        | Progress::Waiting { .. }
        | Progress::Rested { .. }
        | Progress::Ended { .. } => false,
    }
}

fn time(progress: &Progress) -> Option<Timestamp> {
    match progress {
        Progress::CycleBegan { plan, .. } => Some(plan.at),
        Progress::StepStarted { at, .. }
        | Progress::StepHeld { at, .. }
        | Progress::StepDone { at, .. }
        | Progress::StepFailed { at, .. } => Some(*at),
        Progress::StepSkipped { .. }
        | Progress::Waiting { .. }
        | Progress::Rested { .. }
        | Progress::Warning { .. }
        | Progress::Ended { .. } => None,
    }
}

/// The ear of a run.
pub struct Ear<'a>(pub &'a Screen<'a>);

impl Observer for Ear<'_> {
    fn hear(&mut self, progress: &Progress) {
        self.0.hear(progress);
    }
}
