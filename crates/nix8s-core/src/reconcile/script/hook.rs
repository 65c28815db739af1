//! Hooks: before and after what happens to machines, and when something failed; once each time.

use jiff::Timestamp;

use super::super::cx::Cx;
use super::super::cx::View;
use super::super::out::Link;
use super::super::out::Out;
use super::super::row::Row;
use super::can_run;
use super::failed_text;
use super::failure;
use super::is_done;
use super::link;
use super::say_failed;
use crate::model::Action;
use crate::model::MachineName;
use crate::model::Moment;
use crate::model::OnFailure;
use crate::model::Place;
use crate::model::Scope;
use crate::model::Script;
use crate::model::Transition;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;

/// A hook that is to run, and which time this is.
struct Due<'a> {
    script: &'a Script,
    machine: Option<&'a MachineName>,
    key: String,
}

/// What an effect does to a machine, as far as hooks come before it.
fn begins(kind: EffectKind) -> Option<Transition> {
    stops(kind).iter().find_map(|moment| match moment {
        Moment::Before(transition) => Some(*transition),
        _ => None,
    })
}

/// Hooks whose failure holds up an effect: those before it, and those after what came before it.
fn stops(kind: EffectKind) -> &'static [Moment] {
    use Moment::After;
    use Moment::Before;
    use Transition::Delete;
    use Transition::Drain;
    use Transition::Join;
    use Transition::Provision;
    use Transition::Update;
    match kind {
        EffectKind::Install | EffectKind::Adopt => &[Before(Provision)],
        EffectKind::Init | EffectKind::Join => &[After(Provision), Before(Join)],
        EffectKind::Cordon | EffectKind::Drain => &[After(Join), Before(Drain)],
        EffectKind::Switch => &[After(Join), After(Update), Before(Update), After(Drain)],
        EffectKind::LeaveEtcd | EffectKind::Clean => &[After(Drain)],
        EffectKind::Forget => &[After(Delete)],
        EffectKind::GenerateSecrets
        | EffectKind::ElectFirstServer
        | EffectKind::WriteMembership
        | EffectKind::Build
        | EffectKind::Copy
        | EffectKind::UpgradeComponents
        | EffectKind::CheckGates
        | EffectKind::Rollback
        | EffectKind::Uncordon
        | EffectKind::Restart
        | EffectKind::DeleteNode
        | EffectKind::SetMetadata
        | EffectKind::FetchKubeconfig
        | EffectKind::InstallPlatform
        | EffectKind::RunScript => &[],
    }
}

/// Puts the hooks of a machine around the steps of a chain on it.
pub fn around(cx: &Cx<'_>, links: Vec<Link>) -> Vec<Link> {
    if cx.cluster.bootstrap.scripts.is_empty() {
        return links;
    }
    let machine = links.iter().find_map(|(effect, _)| effect.machine());
    let Some(view) = machine.and_then(|name| cx.of(name)) else { return links };
    let mut all: Vec<Link> = Vec::new();
    let goes_on = |(effect, _): &Link| {
        !stops(effect.kind()).is_empty() || matches!(effect.kind(), EffectKind::CheckGates)
    };
    if links.iter().any(goes_on) {
        extend(&mut all, owed(cx, view));
    }
    let updates = links.iter().find(|(effect, _)| effect.kind() == EffectKind::Switch);
    if let Some((effect, _)) = updates {
        extend(&mut all, before(cx, view, Transition::Update, effect));
    }
    let mut is_draining = false;
    for (effect, reason) in links {
        match begins(effect.kind()) {
            Some(Transition::Drain) if !is_draining => {
                is_draining = true;
                extend(&mut all, before(cx, view, Transition::Drain, &effect));
            }
            Some(transition @ (Transition::Provision | Transition::Join)) => {
                extend(&mut all, before(cx, view, transition, &effect));
            }
            Some(Transition::Drain | Transition::Update | Transition::Delete) | None => {}
        }
        if matches!(effect, Effect::Forget { .. }) && view.past.was_there() {
            extend(&mut all, after(cx, view, Transition::Delete));
        }
        let kind = effect.kind();
        let comes_later = matches!(effect, Effect::Switch { action: Action::Boot, .. });
        all.push((effect, reason));
        let over = match kind {
            // A machine that was installed starts first: what comes after that is planned when it answers.
            EffectKind::Init | EffectKind::Join => Some(Transition::Join),
            EffectKind::Drain => Some(Transition::Drain),
            EffectKind::Switch if !comes_later => Some(Transition::Update),
            _ => None,
        };
        if let Some(transition) = over {
            extend(&mut all, after(cx, view, transition));
        }
    }
    all
}

fn extend(links: &mut Vec<Link>, due: Vec<Due<'_>>) {
    links.extend(due.into_iter().map(|due| link(due.script, due.machine, &due.key)));
}

/// How often something happened to a machine. What is drained again before anything came of it, was not drained.
fn count(view: &View<'_>, transition: Transition) -> u32 {
    match transition {
        Transition::Drain => view.past.drains,
        Transition::Provision | Transition::Join | Transition::Update | Transition::Delete => {
            view.past.happened(transition)
        }
    }
}

/// Which time a machine is about to undergo something.
fn key_before(view: &View<'_>, transition: Transition, effect: Option<&Effect>) -> String {
    let count = count(view, transition);
    let target = match effect {
        Some(Effect::Switch { system, .. }) => Some(system),
        Some(_) | None if transition == Transition::Update => view.wanted.map(|wanted| &wanted.path),
        Some(_) | None => None,
    };
    match target {
        Some(target) => format!("{count} to {}", target.short()),
        None => count.to_string(),
    }
}

fn hooks<'a>(cx: &Cx<'a>, moment: Moment) -> impl Iterator<Item = &'a Script> {
    cx.cluster.bootstrap.scripts.iter().filter(move |script| script.when == moment)
}

/// Hooks before something that is about to happen to a machine: the cluster's first.
fn before<'a>(cx: &Cx<'a>, view: &View<'a>, transition: Transition, effect: &Effect) -> Vec<Due<'a>> {
    let moment = Moment::Before(transition);
    let mut due = Vec::new();
    for scope in [Scope::Cluster, Scope::Node] {
        for script in hooks(cx, moment.clone()).filter(|script| script.scope == scope) {
            let (machine, key) = match scope {
                Scope::Cluster => (None, undertaking(cx)),
                Scope::Node => (Some(view.name), key_before(view, transition, Some(effect))),
            };
            let past = cx.seen.past.script(&script.name, machine);
            let concerned = match scope {
                Scope::Cluster => script.concerns(view.name) && !is_on_skipped(cx, script),
                Scope::Node => can_run(cx, script, view),
            };
            if concerned && !is_done(past, &key) {
                due.push(Due { script, machine, key });
            }
        }
    }
    due
}

/// Hooks of a machine after something that is about to have happened in the same chain.
fn after<'a>(cx: &Cx<'a>, view: &View<'a>, transition: Transition) -> Vec<Due<'a>> {
    let key = match transition {
        Transition::Drain | Transition::Delete => count(view, transition),
        Transition::Provision | Transition::Join | Transition::Update => count(view, transition) + 1,
    }
    .to_string();
    let mine = hooks(cx, Moment::After(transition)).filter(|script| script.scope == Scope::Node);
    let due = mine.filter(|script| {
        can_run(cx, script, view) && !is_done(cx.seen.past.script(&script.name, Some(view.name)), &key)
    });
    due.map(|script| Due { script, machine: Some(view.name), key: key.clone() }).collect()
}

/// What happens to a machine that stays: hooks after it are about nothing any more when it is to leave.
const STAYING: [Transition; 3] = [Transition::Provision, Transition::Join, Transition::Update];

/// Whether a hook is about the coming or staying of a machine that is to leave.
fn is_overtaken(view: &View<'_>, moment: &Moment) -> bool {
    let leaves = matches!(view.row, Row::Leave | Row::LeaveToErase);
    leaves && matches!(moment, Moment::After(transition) if STAYING.contains(transition))
}

/// Hooks of a machine after something that has happened to it, which an earlier run did not come to.
fn owed<'a>(cx: &Cx<'a>, view: &View<'a>) -> Vec<Due<'a>> {
    let mut due = Vec::new();
    for transition in STAYING {
        if is_overtaken(view, &Moment::After(transition)) {
            continue;
        }
        let Some(happened) = view.past.transitions.get(&transition) else { continue };
        if transition == Transition::Provision && !view.is_provisioned(cx.cluster) {
            continue;
        }
        for script in hooks(cx, Moment::After(transition)).filter(|script| script.scope == Scope::Node) {
            let past = cx.seen.past.script(&script.name, Some(view.name));
            let key = happened.count.to_string();
            let stopped = failure(past, script, &key).is_some();
            let known = is_known(cx, script, happened.last);
            if known && !stopped && !is_done(past, &key) && can_run(cx, script, view) {
                due.push(Due { script, machine: Some(view.name), key });
            }
        }
    }
    due
}

/// Whether a hook was there when something happened.
fn is_known(cx: &Cx<'_>, script: &Script, happened: Timestamp) -> bool {
    cx.seen.past.hooks.get(&script.name).is_some_and(|since| *since <= happened)
}

/// Which time this is for hooks of the cluster that come before something: once in an undertaking.
fn undertaking(cx: &Cx<'_>) -> String {
    cx.seen.past.undertakings.to_string()
}

fn is_on_skipped(cx: &Cx<'_>, script: &Script) -> bool {
    let on = script.on.as_ref().filter(|_| script.place == Place::Node);
    on.is_some_and(|on| cx.cluster.machines.get(on).is_none_or(|m| m.skip))
}

/// Why an effect has to wait on a machine: a hook before it failed, and what comes after was to stop.
pub fn failed_before(cx: &Cx<'_>, machine: &MachineName, kind: EffectKind) -> Option<(Cause, String)> {
    let view = cx.of(machine)?;
    let (script, about) = failed(cx, view, stops(kind))?;
    let past = cx.seen.past.script(&script.name, about);
    let failed = past.and_then(|past| past.failed.as_ref())?;
    Some((Cause::GivenUp, failed_text(cx, script, about, failed)))
}

/// Whether a hook after an update failed: what failed on one machine is likely to fail on the next.
pub fn failed_update<'a>(cx: &Cx<'a>, view: &View<'a>) -> Option<&'a Script> {
    failed(cx, view, &[Moment::After(Transition::Update)]).map(|(script, _)| script)
}

/// A hook whose failure holds up a switch.
pub fn failed_switch<'a>(cx: &Cx<'a>, view: &View<'a>) -> Option<&'a Script> {
    failed(cx, view, stops(EffectKind::Switch)).map(|(script, _)| script)
}

/// A hook of one of these moments that failed for this machine, or for the cluster.
fn failed<'a>(
    cx: &Cx<'a>,
    view: &View<'a>,
    moments: &[Moment],
) -> Option<(&'a Script, Option<&'a MachineName>)> {
    let scripts = cx.cluster.bootstrap.scripts.iter();
    let stopping =
        scripts.filter(|script| script.on_failure == OnFailure::Stop && !is_overtaken(view, &script.when));
    stopping.filter(|script| moments.contains(&script.when) && script.concerns(view.name)).find_map(
        |script| {
            let (about, key) = match (script.scope, &script.when) {
                (Scope::Cluster, Moment::Before(_)) => (None, undertaking(cx)),
                (Scope::Cluster, _) => return None,
                (Scope::Node, Moment::Before(transition)) => {
                    (Some(view.name), key_before(view, *transition, None))
                }
                (Scope::Node, Moment::After(transition)) => {
                    (Some(view.name), count(view, *transition).to_string())
                }
                (Scope::Node, Moment::OnError | Moment::Phase { .. }) => return None,
            };
            let past = cx.seen.past.script(&script.name, about);
            failure(past, script, &key).map(|_| (script, about))
        },
    )
}

/// Plans hooks that no step of a machine brings along, and says which failed.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for view in cx.views.values() {
        let mut due = owed(cx, view);
        due.retain(|due| is_its_phase(cx, &due.script.when));
        due.extend(on_error(cx, view, out));
        out.scripts(
            due.into_iter().map(|due| (link(due.script, due.machine, &due.key), Vec::new())).collect(),
        );
        if let Some((script, about)) = failed(cx, view, held_by(cx, view))
            && let Some(failed) =
                cx.seen.past.script(&script.name, about).and_then(|past| past.failed.as_ref())
        {
            say_failed(cx, script, about, failed, out);
        }
    }
    let mut links = Vec::new();
    for script in cx.cluster.bootstrap.scripts.iter().filter(|script| script.scope == Scope::Cluster) {
        let happened = match script.when {
            Moment::After(transition)
                if is_its_phase(cx, &script.when) && !is_going_on(cx, transition, out) =>
            {
                last(cx, script, transition)
            }
            Moment::OnError => cx.seen.past.errors.map(|errors| errors.last),
            Moment::Before(_) | Moment::After(_) | Moment::Phase { .. } => None,
        };
        let Some(at) = happened.filter(|at| is_known(cx, script, *at)) else { continue };
        let past = cx.seen.past.script(&script.name, None);
        let is_later = past.and_then(|past| past.done.as_ref()).is_none_or(|done| done.at < at);
        let key = at.to_string();
        if let Some(failed) = failure(past, script, &key) {
            say_failed(cx, script, None, failed, out);
        } else if is_later && !is_on_skipped(cx, script) {
            links.push((link(script, None, &key), Vec::new()));
        }
    }
    out.scripts(links);
}

/// Whether a hook after something is about the phase that is named, if one is.
fn is_its_phase(cx: &Cx<'_>, when: &Moment) -> bool {
    let phase = match when {
        Moment::After(Transition::Provision) => "provisioning",
        Moment::Before(_) | Moment::After(_) | Moment::OnError | Moment::Phase { .. } => "kubernetes",
    };
    cx.permit.phase.as_ref().is_none_or(|only| only == phase)
}

/// The hooks whose failure matters to a machine now: those about an interruption only while it is to be interrupted.
fn held_by(cx: &Cx<'_>, view: &View<'_>) -> &'static [Moment] {
    use Moment::After;
    use Moment::Before;
    const ALL: &[Moment] = &[
        After(Transition::Provision),
        After(Transition::Join),
        After(Transition::Update),
        Before(Transition::Update),
        Before(Transition::Drain),
        After(Transition::Drain),
    ];
    let turns = &cx.turns;
    let wanted = turns.granted.contains_key(view.name) || turns.refused.contains_key(view.name);
    if wanted { ALL } else { &ALL[..3] }
}

/// Hooks of a machine that run because something failed on it; says which of them failed themselves.
fn on_error<'a>(cx: &Cx<'a>, view: &View<'a>, out: &mut Out<'_, '_>) -> Vec<Due<'a>> {
    let Some(errors) = view.past.errors else { return Vec::new() };
    let key = errors.count.to_string();
    let mine = hooks(cx, Moment::OnError).filter(|script| script.scope == Scope::Node);
    let due = mine.filter(|script| {
        let past = cx.seen.past.script(&script.name, Some(view.name));
        let failed = failure(past, script, &key);
        failed.into_iter().for_each(|failed| say_failed(cx, script, Some(view.name), failed, out));
        let open = !is_done(past, &key) && failed.is_none();
        open && is_known(cx, script, errors.last) && can_run(cx, script, view)
    });
    let due: Vec<&Script> = due.collect();
    due.into_iter().map(|script| Due { script, machine: Some(view.name), key: key.clone() }).collect()
}

/// Whether more of the same is planned or waits for its time: the cluster's hook comes after all of it.
fn is_going_on(cx: &Cx<'_>, transition: Transition, out: &Out<'_, '_>) -> bool {
    let planned = match transition {
        Transition::Provision => &[EffectKind::Install, EffectKind::Adopt][..],
        Transition::Join => &[EffectKind::Init, EffectKind::Join],
        Transition::Drain => &[EffectKind::Drain],
        Transition::Update => &[EffectKind::Switch],
        Transition::Delete => &[EffectKind::Forget],
    };
    let order = match transition {
        Transition::Provision => "provisioning",
        Transition::Join | Transition::Drain | Transition::Update | Transition::Delete => "kubernetes",
    };
    planned.iter().any(|kind| out.has(*kind)) || super::phase::on_the_way(cx, super::phase::order(cx, order))
}

/// When it last happened to a machine that the script is about.
fn last(cx: &Cx<'_>, script: &Script, transition: Transition) -> Option<Timestamp> {
    if script.nodes.is_none() || transition == Transition::Delete {
        return cx.seen.past.transitions.get(&transition).copied();
    }
    let machines = cx.seen.past.machines.iter().filter(|(name, _)| script.concerns(name));
    machines.filter_map(|(_, past)| past.transitions.get(&transition)).map(|happened| happened.last).max()
}
