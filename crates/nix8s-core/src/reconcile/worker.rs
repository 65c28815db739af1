//! worker: joins workers in parallel, and cleans leftovers of earlier memberships first.

use super::cx::Cx;
use super::cx::View;
use super::out::Out;
use super::row::Row;
use crate::model::Role;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Plans the joining of workers, and the cleaning of orphans of both roles.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    if !crate::distribution::of(cx.cluster.distribution).is_planned_now {
        return;
    }
    for view in cx.views.values() {
        let Some(machine) = view.machine else { continue };
        match view.row {
            Row::Orphan if cx.is_named(view.name) => clean(cx, view, out),
            Row::Join if machine.role == Role::Worker => join(cx, view, out),
            _ => {}
        }
    }
}

/// Removes what an earlier membership left, unless it is the cluster's own data.
fn clean(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let name = view.name;
    let Some(probe) = view.probe else { return };
    if cx.member(name).is_some() {
        // It has been without a node for as long as anybody can tell: there is nothing to wait for.
        let why = "it is an etcd member without a node: restarted, it registers again";
        super::heal::plan(cx, view, jiff::Timestamp::MIN, why, out);
        return;
    }
    if probe.datastore && cx.etcd.is_none() {
        let text = format!("{name} holds etcd data, and no control plane could say whether it is a member");
        out.wait(Some(name), Cause::Unknown, text);
        return;
    }
    // A join that was not answered may still be on its way.
    if let Some((cause, text, until)) = super::out::blocked(cx, Some(name), EffectKind::Join) {
        out.wait_until(Some(name), cause, text, until);
        return;
    }
    let affected = &cx.seen.past.affected;
    let cleaned = out.count(EffectKind::Clean) + affected.len() + usize::from(!affected.contains(name));
    let max = super::turn::max_affected(cx) as usize;
    if cleaned > max && holds(Rule::BlastRadius) {
        let text = format!(
            "{name} carries what an earlier membership left; cleaning it makes {cleaned} affected machines, and policy \
             allows {max}: name them with --node, or allow it with `--max-affected {cleaned}`"
        );
        out.wait(Some(name), Cause::NeedsPermit, text);
        return;
    }
    let reason = "it is no member, and carries what an earlier membership left".to_owned();
    out.step(Risk::Interrupts, Effect::Clean { machine: name.clone(), orphan: true }, reason);
}

fn join(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let name = view.name;
    if !super::system::is_current(view) {
        return;
    }
    if !cx.is_named(name) {
        out.wait(Some(name), Cause::NotNamed, format!("{name} would join, and is not named by --node"));
        return;
    }
    let Some(via) = cx.via(Some(name)) else {
        out.wait(
            Some(name),
            Cause::Earlier,
            format!("{name} joins when a control plane is Ready and can let it in"),
        );
        return;
    };
    let in_doubt = cx.control_plane_in_doubt().filter(|_| holds(Rule::Order));
    let doubt = in_doubt.map(|who| {
        format!(
            "{name} joins when it is certain which version {who} keeps: its system has not passed its gates"
        )
    });
    if let Some(text) = super::control_plane::too_new(cx, view).or(doubt) {
        out.wait(Some(name), Cause::Earlier, text);
        return;
    }
    let reason = format!("a worker that is not in the cluster yet; {} lets it in", via.name);
    let (machine, via) = (name.clone(), via.name.clone());
    out.step(Risk::None, Effect::Join { machine, role: Role::Worker, via }, reason);
}
