//! Whose turn it is: which machines may be interrupted now, and why the others wait.
//!
//! One place decides for updates, upgrades and removals alike, because they share what must not be used up: etcd's
//! majority, workers that are up, and the user's leave.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cx::Class;
use super::cx::Cx;
use super::cx::View;
use super::row::Row;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::Strategy;
use crate::model::Version;
use crate::observed::Reach;
use crate::plan::Cause;
use crate::plan::EffectKind;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Who may be interrupted now.
#[derive(Debug, Default)]
pub struct Turns<'a> {
    /// What each of these machines may undergo.
    pub granted: BTreeMap<&'a MachineName, Kind>,
    /// Why others wait, and until when if time alone helps.
    pub refused: BTreeMap<&'a MachineName, (Cause, String, Option<Timestamp>)>,
}

/// What a machine is interrupted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It leaves: no longer configured, marked, or to be erased or given another role.
    Leave,
    /// Another Kubernetes version.
    Version,
    /// Another system of the same version.
    System(Class),
}

struct Candidate<'c, 'a> {
    view: &'c View<'a>,
    kind: Kind,
    control_plane: bool,
    /// Begun earlier: our cordon is on it.
    begun: bool,
}

type Refusal = (Cause, String, Option<Timestamp>);

/// Decides whose turn it is.
pub fn turns<'a>(cx: &Cx<'a>) -> Turns<'a> {
    let mut turns = Turns::default();
    let candidates = candidates(cx, &mut turns);
    if candidates.is_empty() {
        return turns;
    }
    if let Some(text) = blast_radius(cx, &candidates) {
        let waiting = candidates.iter().filter(|c| !c.begun && !cx.seen.past.affected.contains(c.view.name));
        turns.refused.extend(waiting.map(|c| (c.view.name, (Cause::NeedsPermit, text.clone(), None))));
    }
    let halted = halted(cx);
    let order = Order::of(cx, &candidates);
    let mut slots = Slots::of(cx, &candidates);
    let mut sorted: Vec<&Candidate<'_, 'a>> = candidates.iter().collect();
    sorted.sort_by_key(|c| (!c.begun, order.rank(cx, c), c.view.name));
    let mut foreseen = None;
    for c in sorted {
        if turns.refused.contains_key(c.view.name) {
            continue;
        }
        let refusal = leave_of_the_user(cx, c)
            .or_else(|| system_refusal(c, halted.as_deref()))
            .or_else(|| order.refusal(cx, c))
            .or_else(|| not_ready_for_it(cx, c))
            .or_else(|| foreseen_later(cx, c, order.rank(cx, c), &mut foreseen))
            .or_else(|| pause(cx, c))
            .or_else(|| slots.take(cx, c));
        match refusal {
            None => {
                turns.granted.insert(c.view.name, c.kind);
            }
            Some(refusal) => {
                turns.refused.insert(c.view.name, refusal);
            }
        }
    }
    turns
}

fn candidates<'c, 'a>(cx: &'c Cx<'a>, turns: &mut Turns<'a>) -> Vec<Candidate<'c, 'a>> {
    let mut candidates = Vec::new();
    for view in cx.views.values() {
        let Some(kind) = kind_of(view) else { continue };
        if !cx.is_named(view.name) {
            let text = format!("{} has something to do, and is not named by --node", view.name);
            turns.refused.insert(view.name, (Cause::NotNamed, text, None));
            continue;
        }
        let role = view.role_now().or_else(|| view.machine.map(|m| m.role));
        let control_plane = role == Some(Role::ControlPlane) || cx.member(view.name).is_some();
        candidates.push(Candidate { view, kind, control_plane, begun: view.is_our_cordon() });
    }
    candidates
}

/// What a machine has to be interrupted for, if for anything.
fn kind_of(view: &View<'_>) -> Option<Kind> {
    let answers = matches!(view.reach, Reach::Answered);
    match view.row {
        Row::Leave if answers || view.past.lost => Some(Kind::Leave),
        Row::LeaveToErase => Some(Kind::Leave),
        Row::Update | Row::Same | Row::NotReady if view.changes_role() => Some(Kind::Leave),
        Row::NotReady if !super::heal::is_exhausted(view) => None,
        Row::Update | Row::NotReady => match view.class {
            Class::Same => None,
            class => Some(if changes_version(view) { Kind::Version } else { Kind::System(class) }),
        },
        Row::Leave
        | Row::Away
        | Row::Skip
        | Row::WrongKey
        | Row::Silent
        | Row::NotThereYet
        | Row::Provision(_)
        | Row::Adopt
        | Row::NeedsErase
        | Row::WrongSystem
        | Row::NotOurs
        | Row::Unknown
        | Row::Orphan
        | Row::Join
        | Row::Same => None,
    }
}

/// Whether the wanted system brings another Kubernetes version.
fn changes_version(view: &View<'_>) -> bool {
    match (view.node_seen(), view.wanted.and_then(|w| w.version.as_ref())) {
        (Some(node), Some(wanted)) => node.version != *wanted,
        _ => false,
    }
}

/// How many machines one run may affect without being told.
pub fn max_affected(cx: &Cx<'_>) -> u32 {
    let workers = cx.cluster.machines.values().filter(|m| m.role == Role::Worker).count() as u32;
    cx.permit.max_affected.or(cx.cluster.policy.max_affected).unwrap_or_else(|| (workers / 2).max(5))
}

fn blast_radius(cx: &Cx<'_>, candidates: &[Candidate<'_, '_>]) -> Option<String> {
    if !holds(Rule::BlastRadius) {
        return None;
    }
    let interrupted =
        candidates.iter().filter(|c| c.kind != Kind::System(Class::InPlace)).map(|c| c.view.name);
    let affected: BTreeSet<&MachineName> = interrupted.chain(&cx.seen.past.affected).collect();
    let (count, max) = (affected.len() as u32, max_affected(cx));
    (count > max).then(|| {
        format!(
            "{count} machines would be interrupted or removed, and policy allows {max}: name them with --node, or \
             allow it with `--max-affected {count}`"
        )
    })
}

/// What needs the user's word, whoever's turn it is.
fn leave_of_the_user(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    let view = c.view;
    let named = cx.permit.nodes.as_ref().is_some_and(|nodes| nodes.contains(view.name));
    if holds(Rule::BlastRadius) && view.changes_role() && view.row != Row::Leave && !named {
        let (now, wanted) =
            (view.role_now().unwrap_or(Role::None), view.machine.map_or(Role::None, |m| m.role));
        let name = view.name;
        let text = format!(
            "{name} is a {now} and shall be a {wanted}: it leaves and joins again with `--node {name}`"
        );
        return Some((Cause::NeedsPermit, text, None));
    }
    if view.past.lost && matches!(view.reach, Reach::Answered) {
        let text = format!(
            "{0} was said to be lost, but answers: `nix8s node delete {0}` without --lost",
            view.name
        );
        return Some((Cause::NotOurMachine, text, None));
    }
    if view.past.lost && view.node_seen().is_some_and(|n| n.ready) {
        let text = format!("{} was said to be lost, but its node is Ready", view.name);
        return Some((Cause::NotOurMachine, text, None));
    }
    None
}

/// Why the roll of a new system halts: too many machines failed their gates on the systems that are wanted now.
pub fn halted(cx: &Cx<'_>) -> Option<String> {
    if !holds(Rule::RollHalts) {
        return None;
    }
    let failed: Vec<&MachineName> =
        cx.views.values().filter(|v| v.wanted_is_bad() || gave_up_switching(cx, v)).map(|v| v.name).collect();
    (failed.len() as u32 > cx.cluster.upgrade.failure_budget).then(|| {
        let first = failed[0];
        let why = cx.of(first).and_then(|v| v.past.bad.get(&v.wanted?.path));
        let why = why.map_or("it could not be switched to", String::as_str);
        let others = failed.len() - 1;
        let and = if others == 0 { String::new() } else { format!(" and {others} more") };
        format!(
            "the roll halts: the new system failed on {first}{and} ({why}). Change the configuration, or forgive it \
             with `nix8s node retry {first}`"
        )
    })
}

/// In foresight turns are given to all of one rank together.
fn foreseen_later(cx: &Cx<'_>, c: &Candidate<'_, '_>, rank: u8, first: &mut Option<u8>) -> Option<Refusal> {
    let first = *first.get_or_insert(rank);
    (cx.foresee && rank != first).then(|| (Cause::Earlier, format!("{} comes later", c.view.name), None))
}

/// A machine takes its turn when everything that can be done before has been done, so that nobody waits for it.
fn not_ready_for_it(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    if cx.foresee {
        return None;
    }
    let name = c.view.name;
    let kinds = [EffectKind::Cordon, EffectKind::Drain, EffectKind::UpgradeComponents, EffectKind::Switch];
    let mut blocked = kinds.into_iter().filter_map(|kind| super::out::blocked(cx, Some(name), kind));
    // What was begun keeps its turn while it is tried again, and loses it when that is given up.
    if let Some(refusal) = blocked.find(|(cause, ..)| !c.begun || *cause == Cause::GivenUp) {
        return Some(refusal);
    }
    if c.begun {
        return None;
    }
    let there = c.kind == Kind::Leave
        || !holds(Rule::CopyBeforeDrain)
        || c.view.wanted.is_some_and(|w| c.view.probe.is_some_and(|p| p.copied.contains(&w.path)));
    (!there).then(|| (Cause::Earlier, format!("{name} waits until its new system is built and copied"), None))
}

/// Whether switching to the wanted system was given up: what fails on one machine is likely to fail on the next.
fn gave_up_switching(cx: &Cx<'_>, view: &View<'_>) -> bool {
    let gave_up = |kind| matches!(super::out::blocked(cx, Some(view.name), kind), Some((Cause::GivenUp, ..)));
    view.class != Class::Same && (gave_up(EffectKind::Switch) || gave_up(EffectKind::UpgradeComponents))
}

fn system_refusal(c: &Candidate<'_, '_>, halted: Option<&str>) -> Option<Refusal> {
    if c.kind == Kind::Leave {
        return None;
    }
    if let (Some(node), Some(wanted)) = (c.view.node_seen(), c.view.wanted.and_then(|w| w.version.as_ref()))
        && wanted.minor < node.version.minor
    {
        let text = format!("{} runs {} and does not go back to {wanted}", c.view.name, node.version);
        return Some((Cause::VersionSkew, text, None));
    }
    if holds(Rule::BadSystems) && c.view.wanted_is_bad() {
        let why = c.view.past.bad.values().last().map_or("", String::as_str);
        let text = format!("the wanted system failed on {} before: {why}", c.view.name);
        return Some((Cause::BadSystem, text, None));
    }
    match halted {
        Some(text) if !c.begun => Some((Cause::Halted, text.to_owned(), None)),
        _ => None,
    }
}

/// A pause between one machine and the next, so that a fault has time to show.
fn pause(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    if c.begun || cx.foresee {
        return None;
    }
    let until = cx.seen.past.last_roll_step? + cx.cluster.upgrade.pause;
    (until > cx.now).then(|| (Cause::Pause, "pausing between two machines".to_owned(), Some(until)))
}

/// Which changes come before which.
struct Order<'a> {
    /// Lowest version among control planes; workers' may not exceed it.
    lowest_control_plane: Option<&'a Version>,
    /// A control plane still waits for its version.
    control_plane_version: Option<&'a MachineName>,
    /// A worker that could be updated within its version.
    worker_system: Option<&'a MachineName>,
    /// A control plane that could be updated within its version.
    control_plane_system: Option<&'a MachineName>,
}

impl<'a> Order<'a> {
    fn of(cx: &Cx<'a>, candidates: &[Candidate<'_, 'a>]) -> Self {
        let control_planes =
            || cx.api.into_iter().flat_map(|api| api.nodes.values()).filter(|n| n.control_plane);
        let able = |c: &&Candidate<'_, 'a>| !c.view.wanted_is_bad() && super::out::is_able(cx, c.view);
        let system = |control_plane: bool| {
            let wanted = |c: &&Candidate<'_, 'a>| {
                matches!(c.kind, Kind::System(_)) && c.control_plane == control_plane && able(c)
            };
            candidates.iter().find(wanted).map(|c| c.view.name)
        };
        Self {
            lowest_control_plane: control_planes().map(|n| &n.version).min(),
            control_plane_version: cx
                .views
                .values()
                .find(|v| {
                    v.machine.is_some_and(|m| m.role == Role::ControlPlane && !m.skip) && changes_version(v)
                })
                .map(|v| v.name),
            worker_system: system(false),
            control_plane_system: system(true),
        }
    }

    fn rank(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> u8 {
        let first = c.view.name == cx.first_server();
        match (c.kind, c.control_plane) {
            (Kind::Leave, _) => 0,
            (Kind::Version, true) if first => 1,
            (Kind::Version, true) => 2,
            (Kind::Version, false) => 3,
            (Kind::System(_), false) => 4,
            (Kind::System(_), true) if first => 6,
            (Kind::System(_), true) => 5,
        }
    }

    fn refusal(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        if !holds(Rule::Order) || cx.foresee {
            return self.refusal_by_version(cx, c);
        }
        let earlier = |who: &MachineName, what: &str| {
            Some((Cause::Earlier, format!("{} comes after {who}: {what}", c.view.name), None))
        };
        match (c.kind, c.control_plane) {
            (Kind::Leave, _) | (Kind::Version, true) => None,
            (Kind::Version, false) => match self.control_plane_version {
                Some(who) => earlier(who, "new versions go to control planes first"),
                None => self.refusal_by_version(cx, c),
            },
            (Kind::System(_), _) if c.begun => None,
            (Kind::System(_), true) if !cx.cluster.upgrade.control_planes_first => {
                self.worker_system.and_then(|who| earlier(who, "changes go to workers first"))
            }
            (Kind::System(_), false) if cx.cluster.upgrade.control_planes_first => {
                self.control_plane_system.and_then(|who| earlier(who, "changes go to control planes first"))
            }
            (Kind::System(_), _) => None,
        }
    }

    fn refusal_by_version(&self, _cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        let wanted = c.view.wanted.and_then(|w| w.version.as_ref())?;
        let lowest = self.lowest_control_plane?;
        let newer = holds(Rule::Order) && c.kind == Kind::Version && !c.control_plane && wanted > lowest;
        newer.then(|| {
            let name = c.view.name;
            let text = format!("{name} would be newer ({wanted}) than a control plane ({lowest})");
            (Cause::Earlier, text, None)
        })
    }
}

/// What is left of etcd's majority and of the workers.
struct Slots {
    control_plane_taken: Option<MachineName>,
    join_first: bool,
    workers_down: BTreeSet<MachineName>,
    /// Workers being worked on, down or not.
    workers_taken: u32,
    workers_max: u32,
}

impl Slots {
    fn of(cx: &Cx<'_>, candidates: &[Candidate<'_, '_>]) -> Self {
        let worker = |v: &&View<'_>| {
            v.role_now() == Some(Role::Worker) && !v.machine.is_some_and(|m| m.skip) && v.is_down()
        };
        let workers =
            cx.cluster.machines.values().filter(|m| m.role == Role::Worker && !m.skip).count() as u32;
        let parallel = cx.cluster.upgrade.strategy == Strategy::Parallel || cx.foresee;
        // A control plane that an earlier run left cordoned is in progress even when its system is as wanted.
        let cordoned =
            cx.views.values().find(|v| v.is_our_cordon() && v.role_now() == Some(Role::ControlPlane));
        let is_candidate = |name: &MachineName| candidates.iter().any(|c| c.view.name == name);
        Self {
            control_plane_taken: cordoned.map(|v| v.name).filter(|n| !is_candidate(n)).cloned(),
            join_first: super::control_plane::next_join(cx).is_some(),
            workers_down: cx.views.values().filter(worker).map(|v| v.name.clone()).collect(),
            workers_taken: 0,
            workers_max: if parallel { workers.max(1) } else { cx.cluster.upgrade.max_unavailable },
        }
    }

    /// Takes a slot, or says why there is none.
    fn take(&mut self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        let refusal = if c.control_plane { self.control_plane(cx, c) } else { self.worker(c) };
        if refusal.is_none() {
            if c.control_plane {
                self.control_plane_taken = Some(c.view.name.clone());
            } else {
                self.workers_taken += 1;
                if c.kind != Kind::System(Class::InPlace) {
                    self.workers_down.insert(c.view.name.clone());
                }
            }
        }
        refusal
    }

    fn worker(&self, c: &Candidate<'_, '_>) -> Option<Refusal> {
        let max = self.workers_max;
        let (name, down) = (c.view.name, self.workers_down.len() as u32);
        let adds = c.kind != Kind::System(Class::InPlace) && !self.workers_down.contains(name);
        if !holds(Rule::MaxUnavailable) || (self.workers_taken < max && (!adds || down < max)) {
            return None;
        }
        let busy = down.max(self.workers_taken);
        let text = format!(
            "{name} waits for its turn: down or being worked on are {busy} workers, and {max} may be"
        );
        Some((Cause::Unavailable, text, None))
    }

    fn control_plane(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        let name = c.view.name;
        if !holds(Rule::EtcdQuorum) {
            return None;
        }
        if cx.foresee {
            return None;
        }
        if let Some(other) = &self.control_plane_taken {
            let text = format!("{name} waits for {other}: control planes change one at a time");
            return Some((Cause::Earlier, text, None));
        }
        if self.join_first && c.kind != Kind::Leave {
            let text = format!("{name} waits until the control plane that is joining has joined");
            return Some((Cause::Earlier, text, None));
        }
        if c.kind == Kind::System(Class::InPlace) {
            return None;
        }
        quorum(cx, c.view, c.kind)
    }
}

/// Whether etcd keeps its majority without this control plane.
fn quorum(cx: &Cx<'_>, view: &View<'_>, kind: Kind) -> Option<Refusal> {
    let name = view.name;
    let Some(members) = cx.etcd else {
        let text = format!("{name} waits: no control plane could say how etcd is");
        return Some((Cause::Unknown, text, None));
    };
    let voters = members.len();
    let healthy = members.iter().filter(|m| m.healthy && m.name != name.as_str()).count();
    let is_member = cx.member(name).is_some();
    if !is_member {
        return None;
    }
    if kind == Kind::Leave && voters == 1 {
        let text = format!(
            "{name} holds the only copy of the cluster's data: `nix8s reset` takes a whole cluster down"
        );
        return Some((Cause::NeedsPermit, text, None));
    }
    // A member that leaves in good health is replaced by nobody: the rest must be a majority of what remains, and
    // now of all, because leaving is itself a decision of the majority.
    let needed = voters / 2 + 1;
    let spare = if kind == Kind::Leave && voters <= 2 { healthy >= 1 } else { healthy >= needed };
    if voters >= 3 || (kind == Kind::Leave && !spare) {
        return (!spare).then(|| {
            let text = format!(
                "{name} waits: of {voters} etcd members only {healthy} others are healthy, and {needed} are a majority"
            );
            (Cause::Quorum, text, None)
        });
    }
    (!cx.permit.interrupt).then(|| {
        let text = format!(
            "the API would be away while {name} is worked on, because the cluster has {voters} etcd member(s): allow \
             it with `policy.interrupt: true`, or add control planes"
        );
        (Cause::NeedsPermit, text, None)
    })
}
