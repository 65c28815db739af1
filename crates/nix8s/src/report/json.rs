//! What a run says, for programs: one object a line, each with `type`. New types and keys may be added; a reader
//! ignores what it does not know. Anything else raises `version`, which the first line carries.

use nix8s_engine::progress::Progress;
use serde_json::Value;
use serde_json::json;

use crate::report::plan::View;

/// The version of every document that nix8s prints.
pub const VERSION: u32 = 1;

/// A plan with its forecast.
pub fn plan(view: View<'_>) -> Value {
    let View { cluster, plan, forecast } = view;
    json!({
        "cluster": cluster.name,
        "at": plan.at,
        "steps": plan.steps,
        "waits": plan.waits,
        "forecast": forecast,
    })
}

/// The line for a message. `None` for the end, of which the summary tells more.
pub fn progress(progress: &Progress) -> Option<Value> {
    Some(match progress {
        Progress::CycleBegan { cycle, plan } => json!({
            "type": "round-began",
            "at": plan.at,
            "round": cycle,
            "steps": plan.steps.len(),
            "waits": plan.waits.len(),
        }),
        Progress::StepStarted { at, step } => json!({ "type": "step-started", "at": at, "step": step }),
        Progress::StepHeld { at, step, why } => json!({
            "type": "step-held",
            "at": at,
            "id": step.id,
            "machine": step.effect.machine(),
            "kind": step.effect.kind(),
            "why": why,
        }),
        Progress::StepDone { at, step, took_ms, note } => json!({
            "type": "step-done",
            "at": at,
            "id": step.id,
            "machine": step.effect.machine(),
            "kind": step.effect.kind(),
            "took_ms": took_ms,
            "note": note,
        }),
        Progress::StepFailed { at, step, failure } => json!({
            "type": "step-failed",
            "at": at,
            "id": step.id,
            "machine": step.effect.machine(),
            "kind": step.effect.kind(),
            "failure": failure,
        }),
        Progress::StepSkipped { step, why } => json!({ "type": "step-skipped", "id": step.id, "why": why }),
        Progress::Waiting { waits, until } => json!({ "type": "waiting", "until": until, "waits": waits }),
        Progress::Rested { ending, until } => {
            json!({ "type": "rested", "until": until, "ending": ending })
        }
        Progress::Warning { text } => json!({ "type": "warning", "text": text }),
        Progress::Ended { .. } => return None,
    })
}
