//! What is left of etcd's majority and of the workers (rules 4 and 5).

use std::collections::BTreeSet;

use super::Candidate;
use super::Class;
use super::Cx;
use super::Kind;
use super::Refusal;
use super::View;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::Strategy;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// What is left of etcd's majority and of the workers.
pub(super) struct Slots {
    control_plane_taken: Option<MachineName>,
    join_first: bool,
    workers_down: BTreeSet<MachineName>,
    /// Workers being worked on, down or not.
    workers_taken: u32,
    workers_max: u32,
}

impl Slots {
    pub(super) fn of(cx: &Cx<'_>, candidates: &[Candidate<'_, '_>]) -> Self {
        let worker = |v: &&View<'_>| {
            v.role_now() == Some(Role::Worker) && !v.machine.is_some_and(|m| m.skip) && v.is_down()
        };
        let parallel = cx.cluster.upgrade.strategy == Strategy::Parallel || cx.foresee;
        // A control plane that an earlier run left cordoned, or that is undoing a switch, is in progress even when its
        // system is as wanted.
        let busy = cx
            .views
            .values()
            .filter(|v| (v.is_our_cordon() || v.is_armed()) && v.role_now() == Some(Role::ControlPlane));
        let is_candidate = |name: &MachineName| candidates.iter().any(|c| c.view.name == name);
        Self {
            control_plane_taken: busy.map(|v| v.name).find(|n| !is_candidate(n)).cloned(),
            join_first: crate::reconcile::control_plane::next_join(cx).is_some(),
            workers_down: cx.views.values().filter(worker).map(|v| v.name.clone()).collect(),
            workers_taken: 0,
            workers_max: if parallel { u32::MAX } else { cx.cluster.upgrade.max_unavailable },
        }
    }

    /// Takes a slot, or says why there is none.
    pub(super) fn take(&mut self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
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
        let who: Vec<&MachineName> = self.workers_down.iter().filter(|n| *n != name).take(3).collect();
        let and = if self.workers_down.len() > 3 { format!(" and {} more", down - 3) } else { String::new() };
        let who = if who.is_empty() { "another".to_owned() } else { crate::reconcile::text::list(who) };
        let text = format!(
            "{name} waits for its turn: {who}{and} is down or being worked on, and {max} may be at once"
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
        if cx.is_without_etcd(view) {
            return alone(cx, name, kind);
        }
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
        return alone(cx, name, kind);
    }
    if let Some(other) = crate::reconcile::heal::away_by_us(cx, name, members) {
        let what = cx
            .of(other)
            .map_or("restarted", |v| if v.past.updating.is_some() { "being switched" } else { "restarted" });
        let text = format!("{name} waits until {other}, which was {what}, is back in etcd");
        return Some((Cause::Earlier, text, None));
    }
    // A member that leaves in good health is replaced by nobody: the rest must be a majority of what remains, and
    // now of all, because leaving is itself a decision of the majority.
    if kind == Kind::Leave && holds(Rule::LeaveBeforeDelete) && cx.via(Some(name)).is_none() {
        // Whoever can let it go may first have to be mended by the very change that would wait for it.
        let text = format!("{name} leaves etcd when another control plane is Ready and can be asked");
        return Some((Cause::Quorum, text, None));
    }
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
    outage(cx, name, &format!("the cluster has {voters} etcd member(s)"))
}

/// Whether the one machine that has the cluster's data may be taken away for a while; for good it may not.
fn alone(cx: &Cx<'_>, name: &MachineName, kind: Kind) -> Option<Refusal> {
    if kind == Kind::Leave {
        let text = format!(
            "{name} holds the only copy of the cluster's data: `nix8s reset` takes a whole cluster down"
        );
        return Some((Cause::NeedsPermit, text, None));
    }
    outage(cx, name, "the cluster's data is on it alone")
}

/// Whether the API may be away for a while.
fn outage(cx: &Cx<'_>, name: &MachineName, because: &str) -> Option<Refusal> {
    (!cx.permit.allows(Risk::Interrupts)).then(|| {
        let text = format!(
            "the API would be away while {name} is worked on, because {because}: allow \
             it with `policy.interrupt: true`, or add control planes"
        );
        (Cause::NeedsPermit, text, None)
    })
}
