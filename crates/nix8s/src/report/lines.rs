//! What a run says, one line a message: when, what became of it, on which machine, what, how long, why.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix8s_core::model::size::show_duration;
use nix8s_core::plan::Ends;
use nix8s_core::plan::FailureClass;
use nix8s_core::plan::Lane;
use nix8s_core::plan::Step;
use nix8s_core::plan::Wait;
use nix8s_engine::converge::Ending;
use nix8s_engine::progress::Progress;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::event::subject;
use crate::report::names::count;
use crate::report::waits;

/// Which beginnings of steps are worth a line of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// Those of steps that take long: otherwise nobody would know what is waited for.
    Long,
    /// None: time jumps, or live lines show them.
    None,
    /// All.
    All,
}

/// Turns messages into lines.
pub struct Lines {
    /// Colour.
    pub paint: Paint,
    /// How much is said.
    pub detail: Detail,
    /// Which beginnings are told.
    pub starts: Starts,
    /// The waits that were told last: the same ones are not told again.
    pub told: Vec<Wait>,
    /// How a loop rested when that was told last.
    pub rested: Option<&'static str>,
}

impl Lines {
    /// The line for a message, if it is worth one.
    pub fn line(&mut self, progress: &Progress) -> Option<String> {
        let paint = self.paint;
        match progress {
            Progress::CycleBegan { cycle, plan } => (self.detail == Detail::Verbose).then(|| {
                let steps = count(plan.steps.len(), "step");
                format!("{} {} {steps}", time(plan.at, paint), paint.dim(format_args!("round {cycle}:")))
            }),
            Progress::StepStarted { at, step } => self.is_told(step).then(|| {
                format!(
                    "{} {}  {} {}",
                    time(*at, paint),
                    paint.cyan("begins"),
                    subject(&step.effect, paint),
                    why(step, paint)
                )
            }),
            Progress::StepHeld { at, step, why } => Some(format!(
                "{} {}    {}: {}",
                time(*at, paint),
                paint.yellow("held"),
                subject(&step.effect, paint),
                clean(why)
            )),
            Progress::StepDone { at, step, took_ms, note } => {
                // A person who read the reason when the step began need not read it again.
                let why = if self.is_told(step) { String::new() } else { format!(" {}", why(step, paint)) };
                let note = note.as_ref().map(|note| format!(": {}", clean(note))).unwrap_or_default();
                let took = took(*took_ms);
                Some(format!(
                    "{} {}    {}{note}, {took}{why}",
                    time(*at, paint),
                    paint.green("done"),
                    subject(&step.effect, paint)
                ))
            }
            Progress::StepFailed { at, step, failure } => {
                let again = match failure.class {
                    FailureClass::Transient => "it is tried again",
                    FailureClass::Permanent => "it is not tried again by itself",
                };
                let hint = failure.hint.as_ref().map(|hint| format!(" {}", clean(hint))).unwrap_or_default();
                let message = clean(&failure.message);
                let head =
                    format!("{} {}  {}", time(*at, paint), paint.red("failed"), subject(&step.effect, paint));
                Some(format!("{head}: {message}; {again}.{hint}"))
            }
            Progress::StepSkipped { step, why } => (self.detail == Detail::Verbose).then(|| {
                format!("{}          {}: {}", paint.dim("skipped"), subject(&step.effect, paint), clean(why))
            }),
            Progress::Waiting { waits, until } => self.waiting(waits, *until),
            Progress::Rested { ending, until } => self.rested(ending, *until),
            Progress::Warning { text } => Some(format!("{} {}", paint.yellow("warning:"), clean(text))),
            Progress::Ended { .. } => None,
        }
    }

    fn is_told(&self, step: &Step) -> bool {
        match self.starts {
            Starts::All => true,
            Starts::None => false,
            Starts::Long => match step.effect.lane() {
                Lane::Free => false,
                Lane::Build | Lane::Copy | Lane::Install | Lane::Join | Lane::Script => true,
            },
        }
    }

    /// How a loop stands, when that changes.
    fn rested(&mut self, ending: &Ending, until: Timestamp) -> Option<String> {
        let waits: &[Wait] = match ending {
            Ending::NeedsPermit { waits } | Ending::WaitsOutside { waits } | Ending::TimedOut { waits } => {
                waits
            }
            Ending::Converged | Ending::Interrupted | Ending::Refused { .. } | Ending::Bug { .. } => &[],
        };
        let before = self.rested.replace(ending.as_str());
        if !waits.is_empty() {
            return self.waiting(waits, until);
        }
        self.told.clear();
        let text = match ending {
            Ending::Bug { violations } => {
                let first = violations.first().map_or("", |v| v.text.as_str());
                format!(
                    "the plan would break a rule, so nothing of it is done: {first}. This is a bug in nix8s"
                )
            }
            Ending::Converged
            | Ending::Interrupted
            | Ending::Refused { .. }
            | Ending::NeedsPermit { .. }
            | Ending::WaitsOutside { .. }
            | Ending::TimedOut { .. } => "everything is as configured".to_owned(),
        };
        let is_news = before != Some(ending.as_str()) || self.detail == Detail::Verbose;
        is_news.then(|| format!("         {}   until {}: {text}", self.paint.green("rests"), clock(until)))
    }

    fn waiting(&mut self, waits: &[Wait], until: Timestamp) -> Option<String> {
        let serious = |wait: &&Wait| wait.cause.ends() != Ends::Info;
        let news: Vec<&Wait> = waits
            .iter()
            .filter(serious)
            .filter(|wait| {
                !self.told.iter().any(|told| told.cause == wait.cause && told.machine == wait.machine)
            })
            .collect();
        if news.is_empty() && self.detail != Detail::Verbose {
            return None;
        }
        self.told = waits.to_vec();
        let text = waits::in_short(news.into_iter());
        let until = clock(until);
        Some(format!("         {}   until {until}: {text}", self.paint.yellow("waits")))
    }
}

fn why(step: &Step, paint: Paint) -> String {
    paint.dim(format_args!("({})", clean(&step.reason)))
}

fn time(at: Timestamp, paint: Paint) -> String {
    paint.dim(clock(at))
}

/// The time of day, UTC: machines and the people who run them are in many zones.
pub fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// How long something took, without digits that nobody needs.
pub fn took(ms: u64) -> String {
    match ms {
        0 => "at once".to_owned(),
        1..1_000 => format!("{ms}ms"),
        1_000..10_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        _ => show_duration(Duration::from_secs(ms / 1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_no_digits_that_nobody_needs() {
        assert_eq!([0, 14, 2_596, 34_870, 229_000].map(took), ["at once", "14ms", "2.5s", "34s", "3m49s"]);
    }
}
