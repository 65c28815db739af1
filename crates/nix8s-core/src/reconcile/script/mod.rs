//! script: users' scripts as steps: hooks around what happens to machines, scripts of phases, phases as barriers.
//!
//! Hooks are put around the steps of all other reconcilers in one place ([`super::out`]), and so is the barrier; this
//! reconciler plans what is left: the scripts of phases, and hooks whose time has come and that no step brings along.

mod hook;
mod phase;

use super::cx::Cx;
use super::cx::View;
use super::out::Link;
use super::out::Out;
use super::row::Row;
use crate::model::MachineName;
use crate::model::OnFailure;
use crate::model::Place;
use crate::model::Script;
use crate::past::ScriptFailed;
use crate::past::ScriptPast;
use crate::plan::Cause;
use crate::plan::Effect;

pub use hook::around;
pub use hook::failed_before;
pub use hook::failed_switch;
pub use hook::failed_update;
pub use phase::Barrier;
pub use phase::Belongs;
pub use phase::barrier;
pub use phase::belongs;
pub use phase::order;
pub use phase::phase_of_reconciler;

/// Plans what no other step brings along.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    if cx.cluster.bootstrap.scripts.is_empty() {
        return;
    }
    hook::plan(cx, out);
    phase::plan(cx, out);
}

/// The step for a script, and why.
fn link(script: &Script, machine: Option<&MachineName>, key: &str) -> Link {
    let effect = Effect::RunScript {
        script: script.name.clone(),
        machine: machine.cloned(),
        when: script.when.to_string(),
        key: key.to_owned(),
        digest: script.digest.clone(),
        place: script.place,
        on_failure: script.on_failure,
    };
    let place = match script.place {
        Place::Local => "here",
        Place::Node => "on the machine",
    };
    (effect, format!("{}, {place}", script.when))
}

/// Whether it was done under this key, whatever came of it.
fn is_done(past: Option<&ScriptPast>, key: &str) -> bool {
    past.and_then(|past| past.done.as_ref()).is_some_and(|done| done.key == key)
}

/// Its failure under this key that a person has to look at: it is never tried again by itself.
fn failure<'a>(past: Option<&'a ScriptPast>, script: &Script, key: &str) -> Option<&'a ScriptFailed> {
    let failed = past?.failed.as_ref()?;
    (script.on_failure == OnFailure::Stop && failed.key == key && failed.digest == script.digest)
        .then_some(failed)
}

/// Whether a script that is configured failed for a machine, and was to stop what comes after it.
pub fn has_failed(cx: &Cx<'_>, view: &View<'_>) -> bool {
    view.past.scripts.iter().any(|(name, past)| {
        let script = cx.cluster.bootstrap.script(name, Some(view.name));
        let goes_on = |failed: &ScriptFailed| is_done(Some(past), &failed.key);
        let failed = past.failed.as_ref().filter(|failed| !goes_on(failed));
        failed.is_some_and(|failed| script.is_some_and(|script| script.digest == failed.digest))
    })
}

/// What to say of such a failure.
fn failed_text(cx: &Cx<'_>, script: &Script, machine: Option<&MachineName>, failed: &ScriptFailed) -> String {
    let about = machine.map_or_else(String::new, |machine| format!(" for {machine}"));
    // The scripts of the cluster are forgiven with any of its machines.
    let any = machine.or_else(|| cx.cluster.machines.keys().next());
    let retry = any.map_or_else(String::new, |name| format!(", then `nix8s node retry {name}`"));
    format!(
        "the script {} ({}) failed{about}: {}. It is not tried again by itself: change it, or mend what it needs{retry}",
        script.name, script.when, failed.message
    )
}

/// Says that a script failed and what to do about it.
fn say_failed(
    cx: &Cx<'_>,
    script: &Script,
    machine: Option<&MachineName>,
    failed: &ScriptFailed,
    out: &mut Out<'_, '_>,
) {
    let text = failed_text(cx, script, machine, failed);
    match machine {
        Some(_) => out.wait(machine, Cause::GivenUp, text),
        None => out.wait_each(Cause::GivenUp, text),
    }
}

/// Whether a script can run for this machine at all: it is ours to work on, and answers if it has to.
fn can_run(cx: &Cx<'_>, script: &Script, view: &View<'_>) -> bool {
    let left_alone = matches!(view.row, Row::Skip | Row::Away) || view.machine.is_some_and(|m| m.skip);
    let reachable = script.place == Place::Local || (view.probe.is_some() && !view.past.lost);
    !left_alone && reachable && cx.is_named(view.name) && script.concerns(view.name)
}
