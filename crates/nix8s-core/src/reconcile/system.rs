//! system: brings machines to their wanted system, rolling: build and copy ahead of time, then one by one.

use super::cx::Class;
use super::cx::Cx;
use super::cx::View;
use super::cx::differences;
use super::out::Link;
use super::out::Out;
use super::row::Row;
use super::turn::Kind;
use crate::model::Action;
use crate::model::Reboot;
use crate::model::Role;
use crate::observed::System;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Whether a machine runs its wanted system, as far as that has to be before it joins. One whose kubelet runs already
/// joins as it is and is updated as a member. One that is undoing a switch runs nothing for long.
pub(super) fn is_current(view: &View<'_>) -> bool {
    if view.is_armed() {
        return false;
    }
    if view.starts_later() && !may_register(view) {
        return false;
    }
    view.class == Class::Same || view.wanted_is_bad() || may_register(view)
}

/// Whether a kubelet runs there, or will when the machine has booted.
fn may_register(view: &View<'_>) -> bool {
    view.probe.is_some_and(|p| p.kubelet || p.distribution_state)
}

fn machine_is_control_plane(view: &View<'_>) -> bool {
    view.machine.is_some_and(|m| m.role == Role::ControlPlane)
}

/// Plans updates within a version.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let runs = |view: &View<'_>| matches!(view.row, Row::Join | Row::Update | Row::Same | Row::NotReady);
    if cx.seen.wanted.known().is_none() && cx.views.values().any(runs) {
        let text = "what the machines should run is not known: evaluating their systems failed";
        out.wait(None, Cause::Unknown, text.to_owned());
    }
    for view in cx.views.values() {
        let Some(machine) = view.machine else { continue };
        if view.is_armed() {
            undone(cx, view, out);
            continue;
        }
        as_asked(view, out);
        match view.row {
            Row::Join | Row::Orphan | Row::Unknown if view.node_seen().is_none() => {
                before_joining(cx, view, out);
            }
            Row::Update | Row::Same | Row::NotReady if machine.role == Role::None => outside(cx, view, out),
            Row::Update | Row::Same | Row::NotReady => member(cx, view, out),
            _ => {}
        }
    }
}

/// Says what a restart brings or takes away because somebody asked for that.
fn as_asked(view: &View<'_>, out: &mut Out<'_, '_>) {
    let (Some(action), Some(wanted), Some(running)) = (view.held(), view.wanted, view.running()) else {
        return;
    };
    let (name, system, runs) = (view.name, wanted.path.short(), running.path == wanted.path);
    let boots = view.probe.and_then(|probe| probe.boots.as_ref());
    if view.starts_later() && !may_register(view) && view.machine.is_some_and(|m| m.role != Role::None) {
        let text = format!("{name} joins when it runs {system}: restart it, it starts into it");
        return out.wait(Some(name), Cause::WrongSystem, text);
    }
    let text = match (action, runs) {
        (Action::Boot, false) => format!("{name} starts into {system} with its next restart, as was asked"),
        (Action::Test, true) if boots != Some(&wanted.path) => {
            let back = boots.map_or("the system before", |boots| boots.short());
            format!(
                "{name} runs {system} as a test, and {back} after a restart: `nix8s node rebuild {name} --action \
                 switch` keeps it"
            )
        }
        (Action::Test, false) => format!(
            "{name} went back from {system}, which it ran as a test: it comes to it again when that is asked \
             (`nix8s node rebuild {name}`), or to another one when the configuration changes"
        ),
        (Action::Switch | Action::Boot | Action::Test, _) => return,
    };
    out.wait(Some(name), Cause::AsAsked, text);
}

/// A run that ended between a switch and its confirmation left the machine armed: it goes back by itself, and until
/// it has, whatever it runs proves nothing.
pub(super) fn undone(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let name = view.name;
    let text =
        format!("{name} is undoing a switch that nobody confirmed: what it should run comes after that");
    out.wait_until(Some(name), Cause::BackOff, text, Some(cx.now + cx.cluster.reconciler.interval));
}

/// A machine that is in no cluster yet is switched at once: nothing runs there.
fn before_joining(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let Some(wanted) = view.wanted else { return };
    // Where a kubelet runs it may be a member, or become one at any moment: it is updated as one. One that is too old
    // to become one has to be updated first.
    let too_old = machine_is_control_plane(view) && super::control_plane::too_old(cx, view).is_some();
    let may_run = (may_register(view) && !(too_old && cx.member(view.name).is_none()))
        || (matches!(view.row, Row::Unknown) && view.past.joined.is_some());
    if view.starts_later() {
        return;
    }
    if may_run || (is_current(view) && !too_old) || view.wanted_is_bad() || !cx.is_named(view.name) {
        return;
    }
    if let Some(text) = may_join_ahead(cx, view, wanted) {
        return out.wait(Some(view.name), Cause::Earlier, text);
    }
    if copied(cx, view, wanted, out) {
        out.step(Risk::None, switch(cx, view, wanted), "it is in no cluster yet".to_owned());
    }
}

/// Why a worker does not get its new system yet: joining it was begun and nobody knows that it ended, so that it may
/// become a Node by itself, and would be newer than a control plane.
fn may_join_ahead(cx: &Cx<'_>, view: &View<'_>, wanted: &System) -> Option<String> {
    let is_worker = view.machine.is_some_and(|m| m.role == Role::Worker);
    let lowest = cx.lowest_control_plane().filter(|_| is_worker && view.past.joining)?;
    let version = wanted.version.as_ref().filter(|version| *version > lowest)?;
    holds(Rule::Order).then(|| {
        let name = view.name;
        format!(
            "{name} may be joining by itself, and would be newer ({version}) than a control plane ({lowest})"
        )
    })
}

/// A machine outside Kubernetes.
fn outside(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let Some(wanted) = view.wanted else { return };
    if !cx.is_named(view.name) || view.changes_role() {
        return;
    }
    if view.class == Class::Same {
        return settle(cx, view, out);
    }
    let there = copied(cx, view, wanted, out);
    if !cx.turns.granted.contains_key(view.name) {
        return refused(cx, view, out);
    }
    if there {
        let reason = changes(view, wanted);
        let mut links = vec![(switch(cx, view, wanted), reason)];
        links.extend(gates(view, wanted));
        out.chain(Risk::Interrupts, links);
    }
}

fn member(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    heal(cx, view, out);
    if view.changes_role() || !cx.is_named(view.name) {
        return;
    }
    match (cx.turns.granted.get(view.name), view.wanted) {
        (Some(Kind::System(class)), Some(wanted)) => {
            if copied(cx, view, wanted, out) || !holds(Rule::CopyBeforeDrain) {
                roll(cx, view, wanted, *class, out);
            }
        }
        (Some(Kind::Version | Kind::Leave), _) => {}
        (Some(Kind::System(_)), None) | (None, _) => {
            let pointless = matches!(
                cx.turns.refused.get(view.name),
                Some((Cause::VersionSkew | Cause::NeedsPermit | Cause::NotNamed | Cause::BadSystem, ..))
            );
            if let Some(wanted) = view.wanted.filter(|_| view.class != Class::Same && !pointless) {
                copied(cx, view, wanted, out);
            }
            refused(cx, view, out);
            settle(cx, view, out);
        }
    }
}

/// Says why an update waits.
fn refused(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    if let Some((cause, text, until)) = cx.turns.refused.get(view.name) {
        out.wait_until(Some(view.name), *cause, text.clone(), *until);
    }
}

/// Whether the wanted system is on the machine; if not, plans to build and copy it.
pub(super) fn copied(cx: &Cx<'_>, view: &View<'_>, wanted: &System, out: &mut Out<'_, '_>) -> bool {
    let Some(probe) = view.probe else { return false };
    if probe.copied.contains(&wanted.path) {
        return true;
    }
    let machine = view.name.clone();
    let version = cx.seen.wanted_version.clone();
    let build = Effect::Build { machine: machine.clone(), system: wanted.path.clone(), version };
    let copy = Effect::Copy { machine, system: wanted.path.clone() };
    let reason = changes(view, wanted);
    out.chain(Risk::None, vec![(build, reason), (copy, "it is there before anything is drained".to_owned())]);
    cx.foresee
}

fn changes(view: &View<'_>, wanted: &System) -> String {
    let Some(running) = view.running() else { return format!("it shall run {}", wanted.path.short()) };
    let parts = differences(running, wanted);
    if parts.is_empty() {
        "it was asked for again".to_owned()
    } else {
        format!("new {}", super::text::list(parts))
    }
}

fn switch(cx: &Cx<'_>, view: &View<'_>, wanted: &System) -> Effect {
    // A restart would undo a test.
    let reboot = if view.action == Action::Test { Reboot::Never } else { cx.cluster.upgrade.reboot };
    Effect::Switch { machine: view.name.clone(), system: wanted.path.clone(), reboot, action: view.action }
}

/// The gates after a switch. What comes with a restart is asked when it runs.
fn gates(view: &View<'_>, wanted: &System) -> Option<Link> {
    let effect = Effect::CheckGates { machine: view.name.clone(), system: wanted.path.clone() };
    (view.action != Action::Boot).then(|| (effect, "what must hold after a change".to_owned()))
}

/// One machine's turn: pods move away if they must, the system is switched, gates are asked, pods may come back.
pub(super) fn roll(cx: &Cx<'_>, view: &View<'_>, wanted: &System, class: Class, out: &mut Out<'_, '_>) {
    let name = view.name;
    let mut links: Vec<Link> = Vec::new();
    let drains = class == Class::Drain;
    if drains {
        links.extend(drain(cx, view, &changes(view, wanted)));
    }
    links.extend(super::version::components(cx, view, wanted));
    links.push((switch(cx, view, wanted), changes(view, wanted)));
    links.extend(gates(view, wanted));
    if drains && view.node_seen().is_some_and(|n| n.cordon != crate::observed::Cordon::Foreign) {
        links.push((Effect::Uncordon { machine: name.clone() }, "pods may come back".to_owned()));
    }
    out.chain(Risk::Interrupts, links);
}

/// Moves pods away. A node that somebody else cordoned is drained without touching their cordon.
pub(super) fn drain(cx: &Cx<'_>, view: &View<'_>, reason: &str) -> Vec<Link> {
    let machine = view.name.clone();
    let mut links = Vec::new();
    if view.node_seen().is_some_and(|n| n.cordon == crate::observed::Cordon::None) {
        links.push((Effect::Cordon { machine: machine.clone() }, reason.to_owned()));
    }
    let timeout = cx.cluster.upgrade.drain_timeout;
    links.push((Effect::Drain { machine, timeout }, "pods move first, within their budgets".to_owned()));
    links
}

/// Restarts what is not Ready, within a limit.
fn heal(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    if view.row != Row::NotReady || !cx.is_named(view.name) {
        return;
    }
    // Where another system is wanted and restarts did not help, the update is the next remedy.
    if view.class != Class::Same && super::heal::is_exhausted(view) {
        return;
    }
    super::heal::plan(cx, view, view.past.not_ready_since.unwrap_or(cx.now), "its node is not Ready", out);
}

/// A machine whose turn it is not ends up Ready and schedulable on a system that passed its gates: what an earlier
/// run began, or what failed, is brought to its end.
fn settle(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let Some(running) = view.running() else { return };
    let name = view.name;
    if view.past.bad.contains_key(&running.path) {
        return roll_back(cx, view, running, out);
    }
    let ready =
        view.machine.is_some_and(|m| m.role == Role::None) || view.node_seen().is_some_and(|n| n.ready);
    let exhausted = super::heal::is_exhausted(view);
    let good = view.past.good.as_ref() == Some(&running.path);
    let uncordon = view.is_our_cordon() || (!holds(Rule::CordonOwner) && view.is_down() && ready);
    let mut links: Vec<Link> = Vec::new();
    if !good && (ready || exhausted) {
        let effect = Effect::CheckGates { machine: name.clone(), system: running.path.clone() };
        links.push((effect, "nobody has asked yet whether this system is good here".to_owned()));
    }
    if uncordon && ready {
        links.push((Effect::Uncordon { machine: name.clone() }, "it is Ready on a good system".to_owned()));
    }
    if !links.is_empty() {
        out.chain(Risk::None, links);
    }
}

/// Goes back to the system before, if there is one and it is allowed.
fn roll_back(cx: &Cx<'_>, view: &View<'_>, running: &System, out: &mut Out<'_, '_>) {
    let name = view.name;
    let why = view.past.bad.get(&running.path).map_or("", String::as_str);
    let good = view.past.good.as_ref().filter(|path| view.probe.is_some_and(|p| p.copied.contains(path)));
    match good {
        Some(to) if cx.cluster.upgrade.rollback && *to != running.path => {
            let effect = Effect::Rollback { machine: name.clone(), to: to.clone() };
            out.step(Risk::None, effect, format!("its system failed: {why}"));
        }
        _ => {
            let text = format!(
                "{name} runs a system that failed its gates ({why}), and there is none to go back to"
            );
            out.wait(Some(name), Cause::BadSystem, text);
        }
    }
}
