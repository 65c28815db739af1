//! What a run says while it runs: one stream that text, live lines and JSON all read.

use std::sync::Arc;

use jiff::Timestamp;
use nix8s_core::event::Failure;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::plan::Wait;

use crate::converge::Ending;

/// One message.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A look at the world has led to a plan, which is carried out now.
    CycleBegan {
        /// Counts from 1.
        cycle: u32,
        /// The plan.
        plan: Arc<Plan>,
    },
    /// A step began.
    StepStarted {
        /// When.
        at: Timestamp,
        /// Which.
        step: Arc<Step>,
    },
    /// A step that runs is held up, and was not before, or not by this.
    StepHeld {
        /// When.
        at: Timestamp,
        /// Which.
        step: Arc<Step>,
        /// By what, for people.
        why: String,
    },
    /// A step was carried out.
    StepDone {
        /// When.
        at: Timestamp,
        /// Which.
        step: Arc<Step>,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What there is to say about it.
        note: Option<String>,
    },
    /// A step failed.
    StepFailed {
        /// When.
        at: Timestamp,
        /// Which.
        step: Arc<Step>,
        /// How.
        failure: Failure,
    },
    /// A step was not begun.
    StepSkipped {
        /// Which.
        step: Arc<Step>,
        /// Why, for people.
        why: String,
    },
    /// There is nothing to do now; the world is looked at again later.
    Waiting {
        /// For what.
        waits: Arc<Vec<Wait>>,
        /// When it is looked at again.
        until: Timestamp,
    },
    /// A loop that never ends by itself rests: what an `apply` would have ended with.
    Rested {
        /// How it stands.
        ending: Ending,
        /// When it looks again, unless it is woken before.
        until: Timestamp,
    },
    /// Something that a person should know and that stops nothing.
    Warning {
        /// What.
        text: String,
    },
    /// The run ended.
    Ended {
        /// How.
        ending: Ending,
    },
}

/// Hears what a run says.
pub trait Observer: Send {
    /// Takes one message. Must not block for long: the run waits.
    fn hear(&mut self, progress: &Progress);
}

/// Hears nothing.
#[derive(Debug)]
pub struct Silent;

impl Observer for Silent {
    fn hear(&mut self, _progress: &Progress) {}
}

impl<F: FnMut(&Progress) + Send> Observer for F {
    fn hear(&mut self, progress: &Progress) {
        self(progress);
    }
}
