//! Phases of bringing a cluster up: what belongs to which, their scripts, and each as a barrier for those after it.

use super::super::cx::Cx;
use super::super::cx::View;
use super::super::out::Link;
use super::super::out::Out;
use super::super::out::blocked;
use super::super::row::Row;
use super::can_run;
use super::failure;
use super::is_done;
use super::link;
use super::say_failed;
use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Moment;
use crate::model::Phase;
use crate::model::Place;
use crate::model::Repeat;
use crate::model::Role;
use crate::model::Scope;
use crate::model::Script;
use crate::plan::Cause;
use crate::plan::EffectKind;
use crate::plan::Ends;
use crate::plan::StepId;

/// A phase that is not over because of its scripts: nothing of a later phase is begun.
#[derive(Debug)]
pub struct Barrier<'a> {
    /// The phase's order.
    pub order: u32,
    phase: &'a str,
    script: &'a str,
}

impl Barrier<'_> {
    /// Why something waits.
    pub fn text(&self) -> String {
        format!("comes after the phase {}, whose script {} is not done", self.phase, self.script)
    }
}

/// The phase that steps belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// One of those that nix8s brings, by its name.
    To(&'static str),
    /// None: what was begun is brought to its end, what broke is mended, and who leaves leaves, in any phase.
    ToNone,
}

/// The phase that a chain of steps belongs to.
pub fn belongs(links: &[Link]) -> Belongs {
    let kinds = || links.iter().map(|(effect, _)| effect.kind());
    let leaves = |kind| {
        matches!(
            kind,
            EffectKind::LeaveEtcd | EffectKind::Clean | EffectKind::DeleteNode | EffectKind::Forget
        )
    };
    if kinds().any(leaves) {
        return Belongs::ToNone;
    }
    kinds().find_map(phase_of).map_or(Belongs::ToNone, Belongs::To)
}

fn phase_of(kind: EffectKind) -> Option<&'static str> {
    match kind {
        EffectKind::GenerateSecrets => Some("pre"),
        EffectKind::Install | EffectKind::Adopt => Some("provisioning"),
        EffectKind::ElectFirstServer
        | EffectKind::WriteMembership
        | EffectKind::Init
        | EffectKind::Join
        | EffectKind::Build
        | EffectKind::Copy
        | EffectKind::Cordon
        | EffectKind::Drain
        | EffectKind::UpgradeComponents
        | EffectKind::Switch
        | EffectKind::SetMetadata
        | EffectKind::FetchKubeconfig => Some("kubernetes"),
        EffectKind::InstallPlatform => Some("cozystack"),
        EffectKind::CheckGates
        | EffectKind::Rollback
        | EffectKind::Uncordon
        | EffectKind::Restart
        | EffectKind::LeaveEtcd
        | EffectKind::Clean
        | EffectKind::DeleteNode
        | EffectKind::Forget
        | EffectKind::RunScript => None,
    }
}

/// The phase that a reconciler works in; `None`: in all of them.
pub fn phase_of_reconciler(name: &str) -> Option<&'static str> {
    match name {
        "secrets" => Some("pre"),
        "machine" => Some("provisioning"),
        "platform" => Some("cozystack"),
        "script" => None,
        _ => Some("kubernetes"),
    }
}

/// The order of a phase that nix8s brings.
pub fn order(cx: &Cx<'_>, name: &str) -> u32 {
    order_in(cx.cluster, name)
}

fn order_in(cluster: &Cluster, name: &str) -> u32 {
    let phase = |phase: &&Phase| phase.name == name;
    cluster.bootstrap.phases.iter().find(phase).map_or(0, |phase| phase.order)
}

/// One script for one subject, and which time this is.
struct Task<'a> {
    script: &'a Script,
    phase: &'a str,
    order: u32,
    view: Option<&'a MachineName>,
    key: String,
}

/// The first phase that is not over because of a script, if there is one.
pub fn barrier<'a>(cx: &Cx<'a>) -> Option<Barrier<'a>> {
    if cx.cluster.bootstrap.scripts.is_empty() || cx.permit.phase.is_some() {
        return None;
    }
    // Scripts are sorted by the order of their phase.
    let task = tasks(cx).into_iter().find(|task| !is_over(cx, task))?;
    Some(Barrier { order: task.order, phase: task.phase, script: &task.script.name })
}

/// Every script of a phase with everything that it is about now or soon, in order.
fn tasks<'a>(cx: &Cx<'a>) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    for script in &cx.cluster.bootstrap.scripts {
        let Moment::Phase { name: phase, order } = &script.when else { continue };
        if cx.permit.phase.as_ref().is_some_and(|only| only != phase) {
            continue;
        }
        let key = match script.repeat {
            Repeat::Never => script.digest.clone(),
            Repeat::EachApply => format!("{} in run {}", script.digest, cx.seen.past.runs),
        };
        let task = |view| Task { script, phase, order: *order, view, key: key.clone() };
        match script.scope {
            Scope::Cluster if left_alone(cx, script).is_none() => tasks.push(task(None)),
            Scope::Cluster => {}
            Scope::Node => {
                let wanted = |view: &&View<'_>| {
                    let mine = view.machine.is_some_and(|m| !m.skip) && script.concerns(view.name);
                    mine && (is_ready_for(cx, script, *order, view) || is_coming(cx, *order, view))
                };
                tasks.extend(cx.views.values().filter(wanted).map(|view| task(Some(view.name))));
            }
        }
    }
    tasks
}

/// The machine that is left alone and on which a script of the cluster would run.
fn left_alone<'a>(cx: &Cx<'a>, script: &'a Script) -> Option<&'a MachineName> {
    let on = script.on.as_ref().filter(|_| script.place == Place::Node)?;
    cx.cluster.machines.get(on).is_none_or(|m| m.skip).then_some(on)
}

fn is_over(cx: &Cx<'_>, task: &Task<'_>) -> bool {
    is_done(cx.seen.past.script(&task.script.name, task.view), &task.key)
}

/// Whether a machine is as far as scripts of this order want it.
fn is_ready_for(cx: &Cx<'_>, script: &Script, at: u32, view: &View<'_>) -> bool {
    if !can_run(cx, script, view) || matches!(view.row, Row::Leave | Row::LeaveToErase) {
        return false;
    }
    if at < order(cx, "provisioning") {
        return true;
    }
    let provisioned = view.is_provisioned(cx.cluster);
    let outside = view.machine.is_some_and(|m| m.role == Role::None);
    let member = at < order(cx, "kubernetes") || outside || view.node_seen().is_some();
    provisioned && member
}

/// Whether a machine is on its way to where scripts of this order want it: what has been given up, or waits for
/// somebody, is not.
fn is_coming(cx: &Cx<'_>, at: u32, view: &View<'_>) -> bool {
    let goes = |kind| match blocked(cx, Some(view.name), kind) {
        Some((cause, ..)) => cause.ends() == Ends::Time,
        None => true,
    };
    let Some(machine) = view.machine.filter(|m| !m.skip && cx.is_named(&m.name)) else { return false };
    let installs = match view.row {
        Row::Provision(_) => {
            machine.install && machine.provisioner.is_planned_now() && goes(EffectKind::Install)
        }
        Row::Adopt => goes(EffectKind::Adopt),
        Row::Silent => super::super::row::starts(view, cx),
        _ => false,
    };
    let joins = matches!(view.row, Row::Join | Row::Orphan | Row::Unknown)
        && machine.role != Role::None
        && view.is_provisioned(cx.cluster)
        && cx.views.values().any(|v| v.machine.is_some_and(|m| m.role == Role::ControlPlane && !m.skip))
        && goes(EffectKind::Join)
        && goes(EffectKind::Init);
    let provisioning = at >= order(cx, "provisioning") && installs;
    let kubernetes = at >= order(cx, "kubernetes") && joins;
    provisioning || kubernetes
}

/// Whether anything of the phases up to this order is still to be done by nix8s itself, now or when its time has come.
pub(super) fn on_the_way(cx: &Cx<'_>, at: u32) -> bool {
    if cx.views.values().any(|view| is_coming(cx, at, view)) {
        return true;
    }
    let rolls = |view: &View<'_>| match cx.turns.refused.get(view.name) {
        Some((cause, ..)) => cause.ends() == Ends::Time,
        None => cx.turns.granted.contains_key(view.name),
    };
    if at >= order(cx, "kubernetes") && cx.views.values().any(rolls) {
        return true;
    }
    let platform = cx.cluster.platform.as_ref().filter(|_| at >= order(cx, "cozystack"));
    platform.is_some_and(|wanted| {
        let differs = cx.api.is_some_and(|api| api.platforms.get(&wanted.name) != Some(&wanted.version));
        let blocked = blocked(cx, None, EffectKind::InstallPlatform);
        differs && blocked.is_none_or(|(cause, ..)| cause.ends() == Ends::Time)
    })
}

/// Plans the scripts of the first phase that is not over, once everything else of it is done.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for script in &cx.cluster.bootstrap.scripts {
        if let (Moment::Phase { .. }, Scope::Cluster, Some(on)) =
            (&script.when, script.scope, left_alone(cx, script))
        {
            let text =
                format!("the script {} would run on {on}, which is left alone: skip is set", script.name);
            out.wait_each(Cause::Skipped, text);
        }
    }
    let tasks = tasks(cx);
    let Some(first) = tasks.iter().find(|task| !is_over(cx, task)) else { return };
    let (at, phase) = (first.order, first.phase);
    let busy = match &cx.permit.phase {
        Some(_) => out.has_phase(at..=at),
        None => out.has_phase(0..=at) || on_the_way(cx, at),
    };
    let mut links: Vec<(Link, Vec<StepId>)> = Vec::new();
    let mut planned: Vec<(&str, StepId)> = Vec::new();
    let mut stopped = std::collections::BTreeSet::new();
    for task in tasks.iter().filter(|task| task.order == at && !is_over(cx, task)) {
        let past = cx.seen.past.script(&task.script.name, task.view);
        if let Some(failed) = failure(past, task.script, &task.key) {
            say_failed(cx, task.script, task.view, failed, out);
            stopped.insert((task.view, &task.script.name));
            continue;
        }
        // What failed stops what comes after it for the same machine, or for the cluster as a whole.
        let after_failed = |(view, name): &(Option<&MachineName>, &String)| {
            *view == task.view || view.is_none() || task.script.deps.contains(*name)
        };
        let here = task
            .view
            .is_none_or(|name| cx.of(name).is_some_and(|view| is_ready_for(cx, task.script, at, view)));
        if !busy && here && !stopped.iter().any(after_failed) {
            let link = link(task.script, task.view, &task.key);
            let before = planned.iter().filter(|(name, _)| task.script.deps.contains(*name));
            let after = before.map(|(_, id)| id.clone()).collect();
            planned.push((&task.script.name, link.0.id()));
            links.push((link, after));
        }
    }
    if busy && stopped.is_empty() {
        let text = format!(
            "the script {} comes when everything else of the phase {phase} and of those before it is done",
            first.script.name
        );
        out.wait_each(Cause::Earlier, text);
    }
    out.scripts(links);
}
