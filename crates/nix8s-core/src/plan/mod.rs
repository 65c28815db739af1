//! A plan: steps, their order, and what is waited for. So specific that the executor has nothing left to decide.

pub mod check;
pub mod effect;
pub mod rule;
pub mod wait;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::ClusterName;
use crate::permit::Risk;

pub use check::Violation;
pub use check::check;
pub use effect::*;
pub use wait::*;

/// What to do now for one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Whose.
    pub cluster: ClusterName,
    /// When it was made.
    pub at: Timestamp,
    /// What can run now. Steps that name no other in `after` may run at once, bounded by their lane.
    pub steps: Vec<Step>,
    /// What cannot, and why.
    pub waits: Vec<Wait>,
}

/// One effect on one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Unique within a plan and the same in the next plan for the same work: `<kind>:<subject>`.
    pub id: StepId,
    /// What is done.
    pub effect: Effect,
    /// Why, for a person.
    pub reason: String,
    /// The reconciler that asked for it.
    pub by: String,
    /// What it may do to running things.
    pub risk: Risk,
    /// Steps of this plan that must have succeeded first; if one fails, this one is not begun.
    pub after: Vec<StepId>,
}

/// A step's name within its plan.
pub type StepId = String;

impl Plan {
    /// Whether there is nothing to do and nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.waits.is_empty()
    }
}
