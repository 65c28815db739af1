//! Whose turn it is: which machines may be interrupted now, and why the others wait.
//!
//! One place decides for updates, upgrades and removals alike, because they share what must not be used up: etcd's
//! majority, workers that are up, and the user's leave.

mod leave;
mod order;
mod roll;
mod slots;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cx::Class;
use super::cx::Cx;
use super::cx::View;
use super::row::Row;
use crate::model::MachineName;
use crate::model::Role;
use crate::observed::Reach;
use crate::plan::Cause;

pub use leave::max_affected;
use order::Order;
use slots::Slots;

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
    if let Some(text) = leave::blast_radius(cx, &candidates) {
        let waiting = candidates.iter().filter(|c| !c.begun && !cx.seen.past.affected.contains(c.view.name));
        turns.refused.extend(waiting.map(|c| (c.view.name, (Cause::NeedsPermit, text.clone(), None))));
    }
    let halted = roll::halted(cx);
    let order = Order::of(cx, &candidates);
    let mut slots = Slots::of(cx, &candidates);
    let mut sorted: Vec<&Candidate<'_, 'a>> = candidates.iter().collect();
    sorted.sort_by_key(|c| (!c.begun, order.rank(cx, c), c.view.name));
    let unproven = roll::Unproven::of(cx);
    let mut foreseen = None;
    for c in sorted {
        if turns.refused.contains_key(c.view.name) {
            continue;
        }
        let refusal = leave::of_the_user(cx, c)
            .or_else(|| roll::system_refusal(c, halted.as_deref()))
            .or_else(|| order.refusal(cx, c))
            .or_else(|| unproven.refusal(cx, c))
            .or_else(|| roll::not_ready_for_it(cx, c))
            .or_else(|| roll::foreseen_later(cx, c, order.rank(cx, c), &mut foreseen))
            .or_else(|| roll::pause(cx, c))
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
    if view.is_armed() {
        return None;
    }
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

/// Whether the wanted system brings another Kubernetes version than the node reports or the machine runs.
fn changes_version(view: &View<'_>) -> bool {
    let Some(wanted) = view.wanted.and_then(|w| w.version.as_ref()) else { return false };
    let running = view.running().and_then(|r| r.version.as_ref());
    // On the way over several minor releases, some are ahead of the step that is being made.
    if view.class == Class::Same && view.node_seen().is_some_and(|node| node.version > *wanted) {
        return false;
    }
    view.node_seen().is_some_and(|node| node.version != *wanted || running.is_some_and(|r| r != wanted))
}
