//! Options of the design's provisioning modules, which may stand beside the rest.

use serde_json::Value;

use super::super::note::Why;
use super::super::source::Part;
use super::Cx;
use super::provisioner;
use super::script;
use super::seconds;

/// Takes `provisioning` and `cozystack.provisioning`.
pub fn all(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    for at in [&["provisioning"][..], &["cozystack", "provisioning"]] {
        let mut own = part.below(at);
        if own.peek(&[]).is_some() {
            one(&mut own, cx);
        }
    }
}

fn one(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    if let Some(method) = part.value(&["method"]) {
        cx.put(&["provisioner"], method);
    }
    for kind in ["nixos-anywhere", "pxe", "nixos-rebuild", "manual"] {
        provisioner::settings(&mut part.below(&[kind]), kind, cx);
    }
    if let Some(enable) = part.flag(&["healthcheck", "enable"]) {
        cx.put(&["gates", "ready"], enable);
    }
    if let Some(timeout) = seconds(part, &["healthcheck", "timeout"]) {
        cx.put(&["gates", "timeout"], timeout);
    }
    if let Some(retries) = part.value(&["healthcheck", "retries"]) {
        cx.put(&["gates", "retries"], retries);
    }
    parallel(part, cx);
    for (key, when) in [("pre", "pre-provision"), ("post", "post-provision"), ("onError", "on-error")] {
        script::hook(part, &["hooks", key], when, &script::Of::Cluster, cx);
    }
    for key in part.below(&["perNode"]).keys() {
        machine(&mut part.below(&["perNode", &key]), &key, cx);
    }
}

fn parallel(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    const INSTALL: &[&str] = &["reconciler", "concurrency", "install"];
    let most = part.value(&["parallel", "maxConcurrent"]);
    match part.flag(&["parallel", "enable"]) {
        Some(true) => {
            if let Some(most) = most {
                cx.draft.put(INSTALL, most);
            }
        }
        off @ (Some(false) | None) => {
            if off.is_some() {
                cx.draft.put(INSTALL, 1);
            }
            if most.is_some() {
                let message = "has no effect: parallel.enable is not true";
                part.note(
                    Why::Left,
                    &["parallel", "maxConcurrent"],
                    message,
                    "set reconciler.concurrency.install",
                );
            }
        }
    }
}

fn machine(part: &mut Part<'_>, key: &str, cx: &mut Cx<'_>) {
    let Some(name) = cx.machines.today(key).map(str::to_owned) else {
        for setting in part.keys() {
            part.leave(&[&setting], &format!("there is no machine {key}"), "remove it, or add the machine");
        }
        return;
    };
    if let Some(method) = part.value(&["method"]) {
        cx.member(&name, &["provisioner"], method);
    }
    match part.flag(&["skip"]) {
        Some(true) => {
            cx.member(&name, &["skip"], true);
            let help = "remove skip from the member as soon as nix8s shall look after it";
            let message = "the design skipped installing; nix8s leaves the machine alone altogether";
            part.note(Why::Changed, &["skip"], message, help);
        }
        Some(false) => cx.member(&name, &["skip"], Value::Bool(false)),
        None => {}
    }
    for (key, when) in [("pre", "pre-provision"), ("post", "post-provision")] {
        script::hook(part, &["hooks", key], when, &script::Of::Machine(&name), cx);
    }
}
