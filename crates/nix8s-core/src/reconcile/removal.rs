//! removal: members that leave: cordon, drain, leave etcd, clean, delete the node. Data disks are untouched.

use super::cx::Cx;
use super::cx::View;
use super::out::Link;
use super::out::Out;
use super::row::Row;
use super::turn::Kind;
use crate::observed::Reach;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Plans removals, and reports nodes that are not ours.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for view in cx.views.values() {
        if view.row == Row::Leave {
            leave(cx, view, out);
        } else if cx.turns.granted.get(view.name) == Some(&Kind::Leave) {
            come_back_later(cx, view, out);
        } else if view.row == Row::LeaveToErase || view.changes_role() {
            refused(cx, view, out);
        }
    }
    for name in cx.api.into_iter().flat_map(|api| api.nodes.keys()) {
        if cx.of(name).is_none() {
            let text = format!(
                "node {name} is not in the configuration and was not joined by nix8s: it is left alone"
            );
            out.wait(Some(name), Cause::ForeignNode, text);
        }
    }
}

fn refused(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    if let Some((cause, text, until)) = cx.turns.refused.get(view.name) {
        out.wait_until(Some(view.name), *cause, text.clone(), *until);
    }
}

fn leave(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let name = view.name;
    let answers = matches!(view.reach, Reach::Answered);
    // Nothing on a lost machine is touched, whoever answers at its address by now.
    if let Reach::WrongKey { .. } | Reach::UnknownKey { .. } = view.reach
        && !view.past.lost
    {
        let text = format!(
            "{name} leaves, and something with an SSH host key that is not its own answers at its address"
        );
        out.wait(Some(name), Cause::WrongKey, text);
        return;
    }
    if !answers && !view.past.lost && holds(Rule::UnknownIsNotAbsent) {
        let text = format!(
            "{name} leaves, and does not answer: bring it back so that it can be cleaned, or say that it is gone for \
             good with `nix8s node delete --lost {name}`"
        );
        out.wait(Some(name), Cause::Silent, text);
        return;
    }
    let had_a_node = view.past.joined.is_some() || cx.seen.past.initialized.is_some();
    if cx.api.is_none() && had_a_node && holds(Rule::UnknownIsNotAbsent) {
        let text = format!("{name} leaves when the API server answers again");
        out.wait(Some(name), Cause::Unknown, text);
        return;
    }
    let in_installer = view.probe.is_some_and(|p| p.os == crate::observed::Os::Installer);
    if in_installer && view.was_provisioned() && !view.past.lost {
        let text = format!(
            "{name} leaves, and runs an installer: boot its disk so that it can be cleaned, or say that it is gone for \
             good with `nix8s node delete --lost {name}`"
        );
        out.wait(Some(name), Cause::WrongSystem, text);
        return;
    }
    if view.is_armed() {
        return super::system::undone(cx, view, out);
    }
    let tombstone = view.machine.is_some();
    let why = if tombstone { "marked for removal" } else { "no longer in the configuration" };
    if !cx.turns.granted.contains_key(name) && holds(Rule::UnknownIsNotAbsent) {
        return refused(cx, view, out);
    }
    let Some(mut links) = depart(cx, view, why, out) else { return };
    links.push((Effect::Forget { machine: name.clone(), tombstone }, "it has left".to_owned()));
    out.chain(Risk::Removes, links);
}

/// Leaves to join again: under another role, or after its disk was erased.
fn come_back_later(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let why = if view.changes_role() { "it gets another role" } else { "its disk is erased afterwards" };
    if let Some(links) = depart(cx, view, why, out).filter(|links| !links.is_empty()) {
        out.chain(Risk::Removes, links);
    }
}

/// Everything between a member and a machine that is none. `None`: it waits, and that has been said.
fn depart(cx: &Cx<'_>, view: &View<'_>, why: &str, out: &mut Out<'_, '_>) -> Option<Vec<Link>> {
    let name = view.name;
    let machine = || name.clone();
    let mut links: Vec<Link> = Vec::new();
    let gone = view.past.lost;
    if let Some(node) = view.node_seen()
        && !gone
    {
        if node.ready {
            links.extend(super::system::drain(cx, view, why));
        } else if !super::heal::is_exhausted(view) {
            // Its pods can only be moved within their budgets by a kubelet that works.
            let since = view.past.not_ready_since.unwrap_or(cx.now);
            super::heal::plan(cx, view, since, "it leaves, and its node is not Ready", out);
            return None;
        }
    }
    let control_plane = view.role_now() == Some(crate::model::Role::ControlPlane);
    if control_plane && cx.etcd.is_none() && cx.api.is_some() && holds(Rule::LeaveBeforeDelete) {
        let text = format!("{name} leaves when a control plane can say whether it is an etcd member");
        out.wait(Some(name), Cause::Unknown, text);
        return None;
    }
    if cx.member(name).is_some() && holds(Rule::LeaveBeforeDelete) {
        let Some(via) = cx.via(Some(name)) else {
            let text = format!("{name} leaves etcd when another control plane is Ready and can be asked");
            out.wait(Some(name), Cause::Quorum, text);
            return None;
        };
        let effect = Effect::LeaveEtcd { machine: machine(), via: via.name.clone(), there: !gone };
        links.push((effect, format!("{why}; etcd first, so that its majority is counted without it")));
    }
    let left_over = view.probe.is_some_and(|p| p.distribution_state || p.kubelet || p.datastore);
    if left_over && !gone && view.is_provisioned(cx.cluster) {
        let reason = "what Kubernetes left on it is removed; data disks are untouched".to_owned();
        links.push((Effect::Clean { machine: machine(), orphan: false }, reason));
    }
    if let Some(node) = view.node_seen() {
        let reason = if gone { "a person said that it is gone for good" } else { why };
        links.push((Effect::DeleteNode { machine: machine(), uid: node.uid.clone() }, reason.to_owned()));
    }
    Some(links)
}
