//! What needs the user's word: many machines at once, a new role, a machine that was called lost and is not.

use std::collections::BTreeSet;

use super::Candidate;
use super::Class;
use super::Cx;
use super::Kind;
use super::Refusal;
use super::Row;
use super::View;
use crate::model::MachineName;
use crate::model::Role;
use crate::observed::Reach;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// How many machines one run may affect without being told.
pub fn max_affected(cx: &Cx<'_>) -> u32 {
    let workers = cx.cluster.machines.values().filter(|m| m.role == Role::Worker).count() as u32;
    cx.permit.max_affected.or(cx.cluster.policy.max_affected).unwrap_or_else(|| (workers / 2).max(5))
}

pub(super) fn blast_radius(cx: &Cx<'_>, candidates: &[Candidate<'_, '_>]) -> Option<String> {
    if !holds(Rule::BlastRadius) {
        return None;
    }
    let interrupted =
        candidates.iter().filter(|c| c.kind != Kind::System(Class::InPlace)).map(|c| c.view.name);
    // What earlier memberships left is removed in the same plan.
    let cleaned = cx.views.values().filter(|view| view.row == Row::Orphan && cx.is_named(view.name));
    let cleaned = cleaned.map(|view| view.name);
    // What has begun to leave goes on when it answers again, whatever is done meanwhile.
    let leaving = |view: &&View<'_>| view.row == Row::Leave && view.is_our_cordon() && cx.is_named(view.name);
    let leaving = cx.views.values().filter(leaving).map(|view| view.name);
    let affected: BTreeSet<&MachineName> =
        interrupted.chain(cleaned).chain(leaving).chain(&cx.seen.past.affected).collect();
    let (count, max) = (affected.len() as u32, max_affected(cx));
    (count > max).then(|| {
        format!(
            "{count} machines would be interrupted or removed, and policy allows {max}: name them with --node, or \
             allow it with `--max-affected {count}`"
        )
    })
}

/// What needs the user's word, whoever's turn it is.
pub(super) fn of_the_user(cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
    let view = c.view;
    let risk = if c.kind == Kind::Leave { Risk::Removes } else { Risk::Interrupts };
    if !cx.permit.allows(risk) {
        return Some((Cause::NeedsPermit, super::super::out::denied(view.name, risk), None));
    }
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
    if view.past.lost && matches!(view.reach, Reach::Answered) && !view.is_other_metal() {
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
