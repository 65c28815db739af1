//! Nodes that are not Ready: restarted a few times, one control plane at a time, then left to a person.

use jiff::SignedDuration;
use jiff::Timestamp;

use super::cx::Cx;
use super::cx::View;
use super::out::Out;
use crate::model::MachineName;
use crate::observed::EtcdMember;
use crate::observed::needs_vote_of;
use crate::observed::votes;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// How long a node may be not Ready before anything is done: a reboot or a restart of the API server is over by then.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// How long a restart has to show.
const SETTLE: SignedDuration = SignedDuration::from_mins(3);

/// Restarts before healing is given up: what three did not mend, ten do not.
const RESTARTS_MAX: u32 = 3;

/// What to do about a node that is not Ready.
enum Heal {
    /// Restart it now.
    Restart,
    /// Look again then.
    Until(Timestamp),
    /// It was tried often enough.
    Exhausted,
}

/// Why restarting this machine would take a vote from etcd that is needed; `None`: it may be restarted. A member that
/// nobody finds healthy has no vote to lose; one that says nothing itself may still be voting, as others see.
pub fn vote_needed(cx: &Cx<'_>, view: &View<'_>) -> Option<String> {
    own_members(view).into_iter().chain(cx.etcd).find_map(|members| needed_by(cx, view, members))
}

/// What its own etcd says of the members.
fn own_members<'v>(view: &View<'v>) -> Option<&'v [EtcdMember]> {
    view.probe.and_then(|p| p.etcd.as_deref())
}

fn needed_by(cx: &Cx<'_>, view: &View<'_>, members: &[EtcdMember]) -> Option<String> {
    // With one or two members it is a short outage of the API, which the user has allowed or not.
    let outage = members.len() < 3 && (cx.permit.allows(Risk::Interrupts) || cx.api.is_none());
    let held = holds(Rule::EtcdQuorum) && !outage && needs_vote_of(members, view.name);
    held.then(|| {
        let (name, all) = (view.name, members.len());
        let healthy = members.iter().filter(|m| m.healthy).count();
        format!(
            "{name} is not restarted: its vote in etcd is needed ({healthy} of {all} members are healthy)"
        )
    })
}

/// Whether another control plane is being worked on or restarted by this plan.
pub fn other_control_plane<'c>(
    cx: &'c Cx<'_>,
    view: &View<'_>,
    out: &Out<'_, '_>,
) -> Option<&'c MachineName> {
    let is_control_plane = |name: &MachineName| {
        cx.member(name).is_some() || cx.of(name).is_some_and(|v| v.probe.is_some_and(|p| p.datastore))
    };
    if !is_control_plane(view.name) {
        return None;
    }
    // One that works waits for one that was restarted and has not come back, however long that takes: both would be away
    // by our doing. One that does not work has nothing to lose, and waits for it no longer than a restart takes.
    let members = own_members(view).filter(|members| votes(members, view.name));
    let recovers = |name: &MachineName| {
        let other = cx.of(name);
        let away = members.is_some_and(|members| !votes(members, name));
        let restarts = other.and_then(|v| v.past.restarts.as_ref());
        let restarted = restarts.is_some_and(|r| away || cx.now < r.last + SETTLE);
        // What the API server says of its node may be from before the restart; what etcd says of its vote is from now.
        restarted && (away || !other.and_then(View::node_seen).is_some_and(|n| n.ready))
    };
    let busy = |name: &&MachineName| {
        cx.turns.granted.contains_key(*name)
            || recovers(name)
            || out.plans(EffectKind::Restart, name)
            || out.plans(EffectKind::Join, name)
    };
    cx.views.keys().copied().filter(|name| *name != view.name && is_control_plane(name)).find(busy)
}

/// Another member of etcd that nix8s restarted or began to switch, and that does not vote again yet: it is away by our
/// doing, whether or not anybody knows what became of it.
pub fn away_by_us<'c>(cx: &Cx<'c>, name: &MachineName, members: &[EtcdMember]) -> Option<&'c MachineName> {
    let away = |other: &View<'c>| {
        let is_member = members.iter().any(|m| m.name == other.name.as_str());
        other.name != name && is_member && !votes(members, other.name) && is_by_us(other)
    };
    cx.views.values().find(|other| away(other)).map(|other| other.name)
}

/// Whether a machine was restarted since it was well, or a switch was begun on it of which nobody knows yet what became.
fn is_by_us(view: &View<'_>) -> bool {
    view.past.restarts.is_some() || view.past.updating.is_some()
}

/// Plans what has to be done about an ill machine, or says what is waited for.
pub fn plan(cx: &Cx<'_>, view: &View<'_>, since: Timestamp, why: &str, out: &mut Out<'_, '_>) {
    let name = view.name;
    match heal(view, since, cx.now) {
        Heal::Restart => {
            if let Some(text) = vote_needed(cx, view) {
                out.wait(Some(name), Cause::Quorum, text);
            } else if let Some(other) = other_control_plane(cx, view, out) {
                let text =
                    format!("{name} is restarted after {other} is done: control planes change one at a time");
                out.wait(Some(name), Cause::Earlier, text);
            } else {
                let voted = own_members(view).is_some_and(|members| votes(members, name));
                out.step(Risk::None, Effect::Restart { machine: name.clone(), voted }, why.to_owned());
            }
        }
        Heal::Until(until) => {
            let text = format!("{name} is given time to recover: {why}");
            // It may be well before that.
            let look = cx.now + cx.cluster.reconciler.interval;
            out.wait_until(Some(name), Cause::BackOff, text, Some(until.min(look)));
        }
        Heal::Exhausted => {
            let text =
                format!("restarting {name} several times did not help ({why}): look at `nix8s logs {name}`");
            out.wait(Some(name), Cause::NotReady, text);
        }
    }
}

/// Whether restarting was tried often enough.
pub fn is_exhausted(view: &View<'_>) -> bool {
    view.past.restarts.as_ref().is_some_and(|r| r.count >= RESTARTS_MAX)
}

/// What to do now about a machine that has been ill `since` then.
fn heal(view: &View<'_>, since: Timestamp, now: Timestamp) -> Heal {
    let next = match &view.past.restarts {
        None => since.checked_add(GRACE).unwrap_or(now),
        Some(restarts) => restarts.last + SETTLE,
    };
    if now < next {
        Heal::Until(next)
    } else if is_exhausted(view) {
        Heal::Exhausted
    } else {
        Heal::Restart
    }
}
