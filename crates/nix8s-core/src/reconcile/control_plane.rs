//! control-plane: initialises once, then joins further control planes one at a time.

use super::cx::Cx;
use super::cx::View;
use super::out::Out;
use super::out::blocked;
use super::row::Row;
use crate::model::Role;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Plans the control plane's beginning and growth.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    if !crate::distribution::of(cx.cluster.distribution).is_planned_now {
        return;
    }
    if cx.cluster.control_planes().next().is_none() || cx.is_left_alone() {
        return;
    }
    match exists(cx) {
        Exists::Yes => join(cx, out),
        Exists::No => initialise(cx, out),
        Exists::Waiting(cause, text) => {
            restart_first(cx, out);
            out.wait(None, cause, text);
        }
    }
}

/// Whether there is a cluster.
enum Exists {
    Yes,
    No,
    Waiting(Cause, String),
}

/// Looks for a cluster in everything that is known, and finds none only when every control plane said so.
fn exists(cx: &Cx<'_>) -> Exists {
    if cx.api.is_some() {
        return Exists::Yes;
    }
    let past = &cx.seen.past;
    let joined = |v: &View<'_>| v.past.joined.as_ref().is_some_and(|j| j.role == Role::ControlPlane);
    let mut holders = Vec::new();
    let mut unknown = Vec::new();
    let mut members = Vec::new();
    for view in cx.views.values() {
        let is_control_plane = view.machine.is_some_and(|m| m.role == Role::ControlPlane) || joined(view);
        if !is_control_plane {
            continue;
        }
        if joined(view) {
            members.push(view.name);
        }
        match view.probe {
            Some(probe) if probe.datastore => holders.push(view.name),
            Some(_) => {}
            None if !holds(Rule::InitialisedOnce) => {}
            None => unknown.push(view.name),
        }
    }
    if !holders.is_empty() && holds(Rule::InitialisedOnce) {
        let who = super::text::list(&holders);
        let text = format!("the cluster exists (its data is on {who}), and its API server does not answer");
        return Exists::Waiting(Cause::Unknown, text);
    }
    if !unknown.is_empty() {
        let who = super::text::list(&unknown);
        let text = format!(
            "the cluster is initialised when every control plane was seen to hold no data: {who} did not answer"
        );
        return Exists::Waiting(Cause::Unknown, text);
    }
    if !members.is_empty() && past.initialized.is_some() && holds(Rule::InitialisedOnce) {
        let who = super::text::list(&members);
        let text = format!(
            "the cluster was initialised before ({who}), and no control plane holds its data any more: restore a \
             snapshot, or begin anew with `nix8s reset`"
        );
        return Exists::Waiting(Cause::Unknown, text);
    }
    Exists::No
}

/// A control plane that holds the data and does not serve it is started again, never initialised again.
fn restart_first(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for view in cx.views.values() {
        let holds_data = view.probe.is_some_and(|p| p.datastore) && view.is_provisioned(cx.cluster);
        if !holds_data || view.machine.is_none_or(|m| m.skip) || !cx.is_named(view.name) {
            continue;
        }
        let since = cx.seen.past.api_silent_since.unwrap_or(cx.now);
        let why = "it holds the cluster's data, and its API server does not answer";
        super::heal::plan(cx, view, since, why, out);
    }
}

fn initialise(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let first = elected(cx);
    if cx.seen.past.first_server.as_ref() != Some(first) {
        let reason = "one control plane begins the cluster, for ever the same".to_owned();
        out.step(Risk::None, Effect::ElectFirstServer { machine: first.clone() }, reason);
        return;
    }
    let Some(view) = cx.of(first) else { return };
    if !cx.is_named(first) {
        out.wait(
            Some(first),
            Cause::NotNamed,
            format!("{first} begins the cluster, and is not named by --node"),
        );
        return;
    }
    let ready = view.is_provisioned(cx.cluster) && matches!(view.row, Row::Unknown | Row::Join | Row::Orphan);
    if !ready {
        let text = format!("the cluster begins on {first}, which is not installed yet");
        out.wait(None, Cause::Earlier, text);
        return;
    }
    if !super::system::is_current(view) {
        return;
    }
    // Leftovers of an attempt that never became a cluster: no datastore, but files that refuse a new beginning.
    let leftovers = view.probe.is_some_and(|p| p.distribution_state || p.kubelet);
    if leftovers && cx.cluster.distribution == crate::model::Distribution::Kubeadm {
        let reason = "an earlier attempt to initialise left files behind, and no data".to_owned();
        out.step(Risk::Interrupts, Effect::Clean { machine: first.clone(), orphan: true }, reason);
        return;
    }
    let reason = "every control plane was seen, and none holds a datastore".to_owned();
    out.step(Risk::None, Effect::Init { machine: first.clone() }, reason);
}

/// The first server: elected before, as long as it is a control plane and nothing was begun; else the configured one.
fn elected<'a>(cx: &Cx<'a>) -> &'a crate::model::MachineName {
    let stored = cx.first_server();
    let still = cx.cluster.machines.get(stored).is_some_and(|m| m.role == Role::ControlPlane);
    if still { stored } else { &cx.cluster.ha.first_server }
}

/// Why a machine may not join yet: its version is newer than a control plane's, which an upgrade will mend.
pub(super) fn too_new(cx: &Cx<'_>, view: &View<'_>) -> Option<String> {
    let lowest = cx.lowest_control_plane()?;
    // What it runs counts, too: what is wanted may be unknown at the moment.
    let versions = [view.wanted, view.running()].into_iter().flatten();
    let wanted = versions.filter_map(|system| system.version.as_ref()).max()?;
    let newer = wanted > lowest && holds(Rule::Order);
    newer.then(|| {
        let name = view.name;
        format!(
            "{name} would be newer ({wanted}) than a control plane ({lowest}): it joins after the upgrade"
        )
    })
}

/// Why a control plane may not join yet: there are nodes with a newer minor release, and none may be newer than it.
pub(super) fn too_old(cx: &Cx<'_>, view: &View<'_>) -> Option<String> {
    let newest = cx.api?.nodes.values().map(|n| &n.version).max()?;
    let version = view.running().or(view.wanted)?.version.as_ref()?;
    let older = version.minor < newest.minor && holds(Rule::Order);
    older.then(|| {
        let name = view.name;
        format!("{name} would be older ({version}) than a node ({newest}): it joins when its own upgrade has been built")
    })
}

/// The control plane that joins next, if one can.
pub(super) fn next_join<'c, 'a>(cx: &'c Cx<'a>) -> Option<(&'c View<'a>, &'c View<'a>)> {
    cx.api?;
    let joining = cx.views.values().find(|v| {
        v.row == Row::Join
            && v.machine.is_some_and(|m| m.role == Role::ControlPlane)
            && super::system::is_current(v)
            && cx.is_named(v.name)
            && !v.wanted_is_bad()
            && too_new(cx, v).is_none()
            && too_old(cx, v).is_none()
            && blocked(cx, Some(v.name), EffectKind::Join).is_none()
    })?;
    let via = cx.via(Some(joining.name))?;
    let healthy = cx.etcd.is_some_and(|members| members.iter().all(|m| m.healthy));
    (healthy || !holds(Rule::EtcdQuorum)).then_some((joining, via))
}

fn join(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let waiting: Vec<&View<'_>> = cx
        .views
        .values()
        .filter(|v| v.row == Row::Join && v.machine.is_some_and(|m| m.role == Role::ControlPlane))
        .filter(|v| super::system::is_current(v))
        .collect();
    // An update of a control plane that has begun ends first.
    let changing = cx.turns.granted.keys().find(|name| {
        cx.member(name).is_some() || cx.of(name).is_some_and(|v| v.role_now() == Some(Role::ControlPlane))
    });
    let next = next_join(cx).filter(|_| changing.is_none() || !holds(Rule::EtcdQuorum));
    for view in waiting {
        if !cx.is_named(view.name) {
            out.wait(
                Some(view.name),
                Cause::NotNamed,
                format!("{} would join, and is not named by --node", view.name),
            );
            continue;
        }
        if let Some((joining, via)) = &next
            && joining.name == view.name
        {
            let reason = format!("a control plane that is not in the cluster yet; {} lets it in", via.name);
            let (machine, via) = (view.name.clone(), via.name.clone());
            out.step(Risk::None, Effect::Join { machine, role: Role::ControlPlane, via }, reason);
            continue;
        }
        if let Some((cause, text, until)) = blocked(cx, Some(view.name), EffectKind::Join) {
            out.wait_until(Some(view.name), cause, text, until);
            continue;
        }
        let (cause, text) = why_not(cx, view, next.map(|(j, _)| j), changing.copied());
        out.wait(Some(view.name), cause, text);
    }
}

fn why_not(
    cx: &Cx<'_>,
    view: &View<'_>,
    next: Option<&View<'_>>,
    changing: Option<&crate::model::MachineName>,
) -> (Cause, String) {
    let name = view.name;
    if view.wanted_is_bad() {
        let why = view.wanted.and_then(|w| view.past.bad.get(&w.path)).map_or("", String::as_str);
        let text = format!(
            "the wanted system failed on {name} before it could join: {why}. Change the configuration, or forgive it \
             with `nix8s node retry {name}`"
        );
        return (Cause::BadSystem, text);
    }
    if let Some(text) = too_new(cx, view).or_else(|| too_old(cx, view)) {
        return (Cause::Earlier, text);
    }
    if let Some(other) = next {
        return (
            Cause::Earlier,
            format!("{name} joins after {}: control planes join one at a time", other.name),
        );
    }
    if let Some(other) = changing {
        return (
            Cause::Earlier,
            format!("{name} joins after {other} is done: control planes change one at a time"),
        );
    }
    if cx.via(Some(name)).is_none() {
        return (Cause::Earlier, format!("{name} joins when a control plane is Ready and can let it in"));
    }
    if let Some(only) = cx.views.values().find(|v| cx.is_without_etcd(v)) {
        let only = only.name;
        let text = format!(
            "{name} waits: {only} keeps the cluster's data in a file (SQLite), which has room for one control plane. k3s moves it \
             into etcd when it is started once with `--cluster-init`"
        );
        return (Cause::Unknown, text);
    }
    match cx.etcd {
        None => (Cause::Unknown, format!("{name} waits: no control plane could say how etcd is")),
        Some(members) => {
            let ill = members.iter().filter(|m| !m.healthy).map(|m| m.name.as_str());
            let text = format!(
                "{name} joins when every etcd member is healthy; now {} is not",
                super::text::list(ill)
            );
            (Cause::Quorum, text)
        }
    }
}
