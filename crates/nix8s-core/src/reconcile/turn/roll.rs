//! How a roll goes on, and when it halts: gates, bad systems, pauses, what has to be done before.

use super::Candidate;
use super::Class;
use super::Cx;
use super::Kind;
use super::Refusal;
use super::Row;
use super::View;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::Strategy;
use crate::plan::Cause;
use crate::plan::EffectKind;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Why the roll of a new system halts: too many machines failed their gates on the systems that are wanted now.
pub(super) fn halted(cx: &Cx<'_>) -> Option<String> {
    if !holds(Rule::RollHalts) {
        return None;
    }
    let failed = cx.views.values().filter(|v| {
        !is_leaving(v) && (v.wanted_is_bad() || gave_up_switching(cx, v) || failed_update(cx, v))
    });
    let failed: Vec<&MachineName> = failed.map(|v| v.name).collect();
    (failed.len() as u32 > cx.cluster.upgrade.failure_budget).then(|| {
        let first = failed[0];
        let why = cx.of(first).and_then(|v| v.past.bad.get(&v.wanted?.path));
        let hook = cx.of(first).and_then(|v| crate::reconcile::script::failed_switch(cx, v));
        let hook = hook.map(|script| format!("its script {} failed", script.name));
        let why = why.or(hook.as_ref()).map_or("it could not be switched to", String::as_str);
        let others = failed.len() - 1;
        let and = if others == 0 { String::new() } else { format!(" and {others} more") };
        format!(
            "the roll halts: the new system failed on {first}{and} ({why}). Change the configuration, or forgive it \
             with `nix8s node retry {first}`"
        )
    })
}

/// Whether a machine leaves or has left: it is no part of a roll, whatever failed on it.
fn is_leaving(view: &View<'_>) -> bool {
    matches!(view.row, Row::Away | Row::Leave)
}

/// In foresight turns are given to all of one rank together.
pub(super) fn foreseen_later(
    cx: &Cx<'_>,
    c: &Candidate<'_, '_>,
    rank: u8,
    first: &mut Option<u8>,
) -> Option<Refusal> {
    let first = *first.get_or_insert(rank);
    (cx.foresee && rank != first).then(|| (Cause::Earlier, format!("{} comes later", c.view.name), None))
}

/// A machine takes its turn when everything that can be done before has been done, so that nobody waits for it.
pub(super) fn not_ready_for_it(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    if cx.foresee {
        return None;
    }
    let name = c.view.name;
    let kinds = [EffectKind::Cordon, EffectKind::Drain, EffectKind::UpgradeComponents, EffectKind::Switch];
    let mut blocked =
        kinds.into_iter().filter_map(|kind| crate::reconcile::out::blocked(cx, Some(name), kind));
    // What was begun keeps its turn while it is tried again, and loses it when that is given up.
    if let Some(refusal) = blocked.find(|(cause, ..)| !c.begun || *cause == Cause::GivenUp) {
        return Some(refusal);
    }
    let there = c.kind == Kind::Leave
        || !holds(Rule::CopyBeforeDrain)
        || c.view.wanted.is_some_and(|w| c.view.probe.is_some_and(|p| p.copied.contains(&w.path)));
    (!there).then(|| (Cause::Earlier, format!("{name} waits until its new system is built and copied"), None))
}

/// Whether switching to the wanted system was given up: what fails on one machine is likely to fail on the next.
fn gave_up_switching(cx: &Cx<'_>, view: &View<'_>) -> bool {
    let gave_up = |kind| {
        matches!(crate::reconcile::out::blocked(cx, Some(view.name), kind), Some((Cause::GivenUp, ..)))
    };
    view.class != Class::Same && (gave_up(EffectKind::Switch) || gave_up(EffectKind::UpgradeComponents))
}

/// Whether a script after its update failed, which was to stop what comes next.
fn failed_update(cx: &Cx<'_>, view: &View<'_>) -> bool {
    !cx.foresee && crate::reconcile::script::failed_update(cx, view).is_some()
}

/// What speaks against this system on this machine.
pub(super) fn system_refusal(c: &Candidate<'_, '_>, halted: Option<&str>) -> Option<Refusal> {
    if c.kind == Kind::Leave {
        return None;
    }
    if let (Some(node), Some(wanted)) = (c.view.node_seen(), c.view.wanted.and_then(|w| w.version.as_ref()))
        && wanted.minor < node.version.minor
    {
        let text = format!("{} runs {} and does not go back to {wanted}", c.view.name, node.version);
        return Some((Cause::VersionSkew, text, None));
    }
    if c.kind == Kind::Version && !c.view.action.is_switch() {
        let (name, action) = (c.view.name, c.view.action.as_str());
        let text = format!(
            "{name} comes to another Kubernetes version by a switch only, in the order of an upgrade, and {action} is \
             asked for: `nix8s node rebuild {name} --action switch`"
        );
        return Some((Cause::VersionSkew, text, None));
    }
    // What its Node says may be older than the system that was gone back to.
    let runs = c.view.running().and_then(|system| system.version.as_ref());
    if let (Some(runs), Some(wanted)) = (runs, c.view.wanted.and_then(|w| w.version.as_ref()))
        && wanted.minor > runs.minor + 1
    {
        let text =
            format!("{} runs {runs} again: it comes to {} before {wanted}", c.view.name, runs.next_minor());
        return Some((Cause::Earlier, text, None));
    }
    if holds(Rule::BadSystems) && c.view.wanted_is_bad() {
        let why = c.view.past.bad.values().last().map_or("", String::as_str);
        let text = format!("the wanted system failed on {} before: {why}", c.view.name);
        return Some((Cause::BadSystem, text, None));
    }
    halted.map(|text| (Cause::Halted, text.to_owned(), None))
}

/// A machine that runs its new system and has not passed its gates yet holds up those that would follow: as many as
/// may be down at once among workers, one among control planes.
pub(super) struct Unproven<'a> {
    /// Machines that run a system which has not passed its gates.
    waiting: Vec<&'a MachineName>,
    /// Those of them that are control planes.
    control_planes: Vec<&'a MachineName>,
}

impl<'a> Unproven<'a> {
    pub(super) fn of(cx: &Cx<'a>) -> Self {
        let waits_for_gates = |v: &&View<'a>| {
            let proven = v.past.good.as_ref() == v.running().map(|s| &s.path);
            let ill = v.is_our_cordon() || v.node_seen().is_some_and(|n| !n.ready);
            let bad = v.running().is_some_and(|r| v.past.bad.contains_key(&r.path));
            let waits = bad || v.is_armed() || (v.class == Class::Same && ill && !proven);
            waits && !is_leaving(v) && v.machine.is_some_and(|m| !m.skip)
        };
        let waiting: Vec<&View<'a>> = cx.views.values().filter(waits_for_gates).collect();
        let is_control_plane = |v: &&&View<'a>| v.role_now() == Some(Role::ControlPlane);
        Self {
            control_planes: waiting.iter().filter(is_control_plane).map(|v| v.name).collect(),
            waiting: waiting.into_iter().map(|v| v.name).collect(),
        }
    }

    pub(super) fn refusal(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        if c.begun || c.kind == Kind::Leave || cx.foresee || !holds(Rule::RollHalts) {
            return None;
        }
        // One whose own system is in doubt may get another: nobody waits for itself.
        let other = |who: &&&MachineName| **who != c.view.name;
        let others = self.waiting.iter().filter(other).count() as u32;
        let parallel = cx.cluster.upgrade.strategy == Strategy::Parallel;
        let too_many = !parallel && others >= cx.cluster.upgrade.max_unavailable;
        let control_plane = self.control_planes.iter().find(other);
        let who = control_plane.or_else(|| self.waiting.iter().find(other).filter(|_| too_many))?;
        let text = format!("{} waits until {who} has passed its gates", c.view.name);
        Some((Cause::Earlier, text, None))
    }
}

/// A pause between one machine and the next, so that a fault has time to show.
pub(super) fn pause(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    if c.begun || cx.foresee {
        return None;
    }
    let until = cx.seen.past.last_roll_step? + cx.cluster.upgrade.pause;
    (until > cx.now).then(|| (Cause::Pause, "pausing between two machines".to_owned(), Some(until)))
}
