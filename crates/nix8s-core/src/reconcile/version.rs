//! version: Kubernetes upgrades, one minor release at a time, control planes first.

use super::cx::Class;
use super::cx::Cx;
use super::cx::View;
use super::out::Link;
use super::out::Out;
use super::turn::Kind;
use crate::model::Cluster;
use crate::model::Role;
use crate::model::Version;
use crate::observed::ApiSeen;
use crate::observed::Known;
use crate::observed::NodeSeen;
use crate::observed::System;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// The version to evaluate systems at: the configured one, or one minor release above the lowest that runs, so that
/// no minor is skipped. Without an answering API server: the configured one (nothing that runs is changed then).
///
/// Members that are left alone hold the others back: API servers may differ by one minor release, and kubelets be
/// three older than they (Kubernetes' version skew policy).
pub fn next_version(cluster: &Cluster, api: &Known<ApiSeen>) -> Version {
    let wanted = &cluster.version;
    let ours = |name| cluster.machines.get(name).is_some_and(|m| m.role != Role::None && !m.skip);
    let nodes = || api.known().into_iter().flat_map(|a| &a.nodes);
    let running = nodes().filter(|(name, _)| ours(*name));
    let Some(lowest) = running.map(|(_, node)| node.version.minor_only()).min() else {
        return wanted.clone();
    };
    if !holds(Rule::Order) {
        return wanted.clone();
    }
    let step = if wanted.minor > lowest.minor + 1 { lowest.next_minor() } else { wanted.clone() };
    let most = |node: &NodeSeen| node.version.minor + if node.control_plane { 1 } else { KUBELET_SKEW };
    let skipped = |name| cluster.machines.get(name).is_some_and(|m| m.role != Role::None && m.skip);
    let most = nodes().filter(|(name, _)| skipped(*name)).map(|(_, node)| most(node)).min();
    if most.is_some_and(|most| step.minor > most.max(lowest.minor)) { lowest } else { step }
}

/// Plans upgrades of machines whose turn it is.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    if let Some(text) = backwards(cx) {
        out.wait(None, Cause::VersionSkew, text);
    }
    say_what_follows(cx, out);
    for view in cx.views.values() {
        let (Some(Kind::Version), Some(wanted)) = (cx.turns.granted.get(view.name), view.wanted) else {
            continue;
        };
        if super::system::copied(cx, view, wanted, out) || !holds(Rule::CopyBeforeDrain) {
            super::system::roll(cx, view, wanted, Class::Drain, out);
        }
    }
}

/// How many minor releases a kubelet may be older than an API server.
const KUBELET_SKEW: u32 = 3;

/// Machines that have made one step of several and wait for the others.
fn say_what_follows(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let (step, end) = (&cx.seen.wanted_version, &cx.cluster.version);
    if step == end {
        return;
    }
    for view in cx.views.values().filter(|v| v.class == Class::Same && v.machine.is_some()) {
        let Some(node) = view.node_seen() else { continue };
        let (name, running) = (view.name, &node.version);
        let text = if !end.is_met_by(running) {
            format!(
                "{name} runs {running} on the way to {end}: it goes on when every machine has reached {step}"
            )
        } else if running.minor > step.minor {
            format!(
                "{name} runs {running}: what else is new for it comes when every machine has reached {step}"
            )
        } else {
            continue;
        };
        out.wait(Some(name), Cause::Earlier, text);
    }
}

/// etcd's data does not go back to an earlier minor release.
fn backwards(cx: &Cx<'_>) -> Option<String> {
    let newest =
        cx.cluster.machines.keys().filter_map(|name| cx.of(name)?.node_seen()).map(|n| &n.version).max()?;
    (cx.cluster.version.minor < newest.minor).then(|| {
        format!(
            "the cluster runs {newest}, and {} is wanted: Kubernetes does not go back to an earlier minor release; \
             restore a snapshot, or set the version to {}",
            cx.cluster.version,
            newest.minor_only()
        )
    })
}

/// kubeadm: the control plane's components come before the kubelet.
pub(super) fn components(cx: &Cx<'_>, view: &View<'_>, wanted: &System) -> Option<Link> {
    let node = view.node_seen()?;
    let version = wanted.version.as_ref()?;
    // They do not go back: where a later system failed and was left again, they stay ahead of the kubelet.
    let needed = crate::distribution::of(cx.cluster.distribution).upgrades_components
        && node.control_plane
        && node.version != *version
        && view.probe.is_some_and(|p| p.components.as_ref().is_none_or(|now| now < version));
    if !needed {
        return None;
    }
    // The first one that comes to a version carries the cluster's configuration there.
    let is_there = |v: &View<'_>| v.probe.is_some_and(|p| p.components.as_ref() >= Some(version));
    let carried = cx.views.values().any(is_there);
    let effect = Effect::UpgradeComponents {
        machine: view.name.clone(),
        system: wanted.path.clone(),
        version: version.clone(),
        apply: !carried,
    };
    Some((effect, format!("the control plane's components come to {version} before the kubelet")))
}
