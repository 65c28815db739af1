//! The design's provisioners: settings for all of their machines, and the machines themselves.

use serde_json::Value;

use super::super::note::Why;
use super::super::source::Part;
use super::Cx;
use super::Move;
use super::machine;
use super::seconds;

/// The provisioners of the design.
const KINDS: &[&str] = &["nixos-anywhere", "pxe", "terraform", "manual", "nixos-rebuild"];

/// SSH, as defaults of each.
const SSH: &[&str] = &["host", "port", "user", "keyFile"];

/// Settings that only move, of any of them: they stand directly there or below `defaults`.
const SETTINGS: &[(&str, &[Move])] = &[
    ("nixos-anywhere", &[(&["extraFlags"], &["extraFlags"]), (&["buildOnRemote"], &["buildOnRemote"])]),
    (
        "pxe",
        &[
            (&["server", "ip"], &["server", "ip"]),
            (&["server", "interface"], &["server", "interface"]),
            (&["discovery", "enable"], &["discovery", "enable"]),
            (&["role"], &["discovery", "defaults", "role"]),
        ],
    ),
    ("terraform", &[(&["provider"], &["provider"]), (&["backend"], &["backend"])]),
    (
        "manual",
        &[
            (&["waitForSsh"], &["waitForSsh"]),
            (&["waitForReady"], &["waitForSsh"]),
            (&["validateNixos"], &["validateNixos"]),
            (&["expectedNixosVersion"], &["expectedNixosVersion"]),
        ],
    ),
    ("nixos-rebuild", &[(&["flakeRef"], &["flakeRef"]), (&["action"], &["action"])]),
];

/// Takes every provisioner with its machines.
pub fn all(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    let mut seen: Vec<String> = Vec::new();
    for kind in KINDS {
        let mut own = part.below(&["provisioners", kind]);
        if own.peek(&[]).is_none() {
            continue;
        }
        cx.draft.put(&["provisioning", kind], Value::Object(serde_json::Map::new()));
        settings(&mut own, kind, cx);
        settings(&mut own.below(&["defaults"]), kind, cx);
        if *kind == "terraform" {
            let mut defaults = own.below(&["defaults"]);
            for key in defaults.keys() {
                if let Some(value) = defaults.value(&[&key]) {
                    cx.draft.put(&["provisioning", kind, "defaults", &key], value);
                }
            }
        }
        for key in own.below(&["nodes"]).keys() {
            if seen.contains(&key) {
                let help = "a machine has one provisioner: choose";
                let message = "the machine stands under another provisioner as well, which holds";
                own.leave(&["nodes", &key], message, help);
                continue;
            }
            machine::member(&mut own.below(&["nodes", &key]), kind, &key, cx);
            seen.push(key);
        }
    }
}

/// Takes what stands directly under a provisioner, under its `defaults`, or in its module's options.
pub fn settings(part: &mut Part<'_>, kind: &str, cx: &mut Cx<'_>) {
    for key in SSH {
        if let Some(value) = part.value(&["ssh", key]) {
            cx.draft.put(&["provisioning", kind, "ssh", key], value);
        }
    }
    let moves = SETTINGS.iter().filter(|(name, _)| *name == kind).flat_map(|(_, moves)| moves.iter());
    for (from, to) in moves {
        if let Some(value) = part.value(from) {
            cx.draft.put(&[&["provisioning", kind], *to].concat(), value);
        }
    }
    match kind {
        "nixos-anywhere" => nixos_anywhere(part, cx),
        "pxe" => pxe(part, cx),
        "nixos-rebuild" => nixos_rebuild(part, cx),
        _ => {}
    }
}

fn nixos_anywhere(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    const AT: &[&str] = &["provisioning", "nixos-anywhere", "kexec"];
    // The image is a package in the design, which cannot be carried over; a path can.
    let enable = part.flag(&["kexec"]).or_else(|| part.flag(&["kexec", "enable"]));
    match (enable, part.value(&["kexec", "image"])) {
        (Some(false), Some(_)) => {
            cx.draft.put(AT, false);
            part.note(Why::Left, &["kexec", "image"], "has no effect: kexec is switched off", "remove it");
        }
        (_, Some(image)) => cx.draft.put(AT, image),
        (Some(enable), None) => cx.draft.put(AT, enable),
        (None, None) => {}
    }
}

fn pxe(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    let ours = ["provisioning", "pxe"];
    for from in [&["server", "dhcp"][..], &["dhcp"]] {
        let mut dhcp = part.below(from);
        match dhcp.flag(&["enable"]) {
            Some(false) => cx.draft.put(&["provisioning", "pxe", "dhcp", "mode"], "off"),
            Some(true) => cx.draft.put(&["provisioning", "pxe", "dhcp", "mode"], "full"),
            None => {}
        }
        for key in ["range", "subnet", "gateway", "dns"] {
            if let Some(value) = dhcp.value(&[key]) {
                cx.draft.put(&["provisioning", "pxe", "dhcp", key], value);
            }
        }
    }
    for key in ["range", "subnet"] {
        // Without an answer of its own, the design's server was the only one of its network.
        if cx.draft.get(&["provisioning", "pxe", "dhcp", key]).is_some()
            && cx.draft.get(&["provisioning", "pxe", "dhcp", "mode"]).is_none()
        {
            cx.draft.put(&["provisioning", "pxe", "dhcp", "mode"], "full");
        }
    }
    for path in [&["tftp", "enable"][..], &["http", "port"]] {
        if let Some(value) = part.value(path) {
            cx.draft.put(&[&ours, path].concat(), value);
        }
    }
    for (path, to) in [
        (&["bootTimeout"][..], &["bootTimeout"][..]),
        (&["discovery", "ttl"], &["discovery", "ttl"]),
        (&["discovery", "heartbeat", "interval"], &["discovery", "heartbeat", "interval"]),
        (&["discovery", "heartbeat", "timeout"], &["discovery", "heartbeat", "timeout"]),
    ] {
        if let Some(value) = seconds(part, path) {
            cx.draft.put(&[&ours, to].concat(), value);
        }
    }
    part.leave(
        &["server", "enable"],
        "the server runs while it is needed",
        "use `apply --serve` or `pxe serve`",
    );
    part.leave(
        &["tftp", "root"],
        "nothing is served out of a folder",
        "nothing is to be done: the files come from nix8s",
    );
    part.leave(&["http", "enable"], "installing over the network needs it always", "nothing is to be done");
    let help = "open provisioning.pxe.http.port in the firewall instead of the callback's port";
    part.leave(&["callback", "enable"], "machines always report back, signed, over HTTP", help);
    part.leave(&["callback", "port"], "machines report back to the port of HTTP", help);
}

fn nixos_rebuild(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    if let Some(sudo) = part.flag(&["useRemoteSudo"]) {
        let word = if sudo { "passwordless" } else { "none" };
        cx.draft.put(&["provisioning", "nixos-rebuild", "ssh", "sudo"], word);
    }
    if let Some(rollback) = part.flag(&["rollback", "enable"]) {
        cx.put(&["upgrade", "rollback"], rollback);
    }
    if let Some(timeout) = seconds(part, &["rollback", "timeout"]) {
        cx.put(&["gates", "timeout"], timeout);
        let help = "look at gates.timeout, which holds for every machine of the cluster";
        part.note(Why::Changed, &["rollback", "timeout"], "it is the cluster's gates.timeout today", help);
    }
}
