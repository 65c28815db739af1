//! A hive of NixOS machines: colmena's `hive.nix`, or a folder with one file for each machine.
//!
//! What nix8s has to know (addresses, SSH, what k3s does) becomes settings. Everything else stays options of NixOS, or
//! stays in the machine's own file, which is named as a module.

use serde_json::Value;
use serde_json::json;

use super::draft::Draft;
use super::note::Why;
use super::source::Part;
use super::source::Source;
use super::source::mark;

/// The cluster's name, which a hive does not have.
const CLUSTER: &[&str] = &["clusters", "hive"];

/// Settings that only move.
const MOVES: &[(&[&str], &[&str])] = &[
    (&["deployment", "targetPort"], &["ssh", "port"]),
    (&["deployment", "targetUser"], &["ssh", "user"]),
    (&["networking", "nameservers"], &["network", "nameservers"]),
    (&["networking", "useDHCP"], &["network", "dhcp"]),
    (&["disko", "devices"], &["disko", "devices"]),
    (&["boot", "kernelParams"], &["boot", "kernelParams"]),
    (&["boot", "kernelModules"], &["boot", "kernelModules"]),
    (&["system", "stateVersion"], &["stateVersion"]),
    (&["users", "users", "root", "openssh", "authorizedKeys", "keys"], &["ssh", "authorizedKeys"]),
];

/// Where what a machine says beyond that ends up.
#[derive(Clone, Copy, PartialEq)]
enum Rest {
    /// In options of NixOS.
    Options,
    /// In the machine's own file, which stays.
    File,
}

/// What nix8s has to know even when the machine's file says it as well.
const NEEDED: &[&str] = &["ssh", "disko", "stateVersion"];

/// What colmena does and nix8s does otherwise.
const LEFT: &[(&[&str], &str, &str)] = &[
    (
        &["deployment", "allowLocalDeployment"],
        "nix8s reaches every machine over SSH",
        "nothing is to be done",
    ),
    (
        &["deployment", "replaceUnknownProfiles"],
        "nix8s knows what runs on a machine by asking it",
        "nothing is to be done",
    ),
    (&["deployment", "sshOptions"], "options of SSH stand in one's own ssh_config", "write them there"),
    (&["deployment", "tags"], "there are no tags", "select with --node, or with exec --role"),
    (&["services", "k3s", "package"], "the version of the cluster says which k3s runs", "set version"),
    (&["services", "k3s", "serverAddr"], "nix8s knows where to join", "nothing is to be done"),
    (
        &["services", "k3s", "tokenFile"],
        "nix8s makes the token and brings it to the machine",
        "nothing is to be done",
    ),
    (
        &["services", "k3s", "configPath"],
        "a file on the machine cannot be read here",
        "write its settings under k3s.config of the cluster",
    ),
    (
        &["services", "k3s", "environmentFile"],
        "a file on the machine cannot be read here",
        "write what it sets under nixos.systemd.services.k3s",
    ),
];

/// Takes every machine.
pub fn import(source: &mut Source, draft: &mut Draft) {
    let mut all = source.all();
    meta(&mut all);
    draft.put(&[CLUSTER, &["distribution"]].concat(), "k3s");
    let message = "a hive has no name for the cluster; it is called hive";
    all.note(Why::Added, &["meta", "name"], message, "rename clusters.hive before the first apply");
    let mut found = Found::default();
    for key in all.keys().into_iter().filter(|key| key != "meta" && key != "network" && key != "defaults") {
        machine(&mut all, &key, draft, &mut found);
    }
    defaults(&mut all, draft);
    for kind in &found.provisioners {
        draft.put(&["provisioning", kind], json!({}));
    }
    together(&mut all, draft, &found);
}

/// What the machines say of the cluster.
#[derive(Default)]
struct Found {
    provisioners: Vec<&'static str>,
    /// Machines that build their own systems, and the others.
    build: Vec<(String, bool)>,
    /// Flags of k3s by role.
    flags: Vec<(String, &'static str, Vec<String>)>,
}

fn meta(all: &mut Part<'_>) {
    for at in ["meta", "network"] {
        let help = "set nixpkgs: nixos-26.05, or the release that the hive pins";
        all.leave(&[at, "nixpkgs"], "the release is a name today", help);
        for key in ["description", "name"] {
            all.leave(&[at, key], "nothing shows it", "write it as a comment");
        }
        for key in ["specialArgs", "nodeSpecialArgs", "nodeNixpkgs"] {
            all.leave(
                &[at, key],
                "modules get what nix8s gives them",
                "write it into a module under nixosModules",
            );
        }
        let help = "configure nix.buildMachines where nix8s runs";
        all.leave(&[at, "machinesFile"], "builders are a matter of the computer that builds", help);
    }
}

/// What every machine shares becomes a template that every machine extends.
fn defaults(all: &mut Part<'_>, draft: &mut Draft) {
    draft.put(&["nodes", "hive"], json!({}));
    let mut part = all.below(&["defaults"]);
    settings(&mut part, &["nodes", "hive"], Rest::Options, draft);
    options(&mut part, &["nodes", "hive", "nixos"], draft);
}

fn machine(all: &mut Part<'_>, key: &str, draft: &mut Draft, found: &mut Found) {
    let own = [CLUSTER, &["members", key]].concat();
    draft.put(&own, json!({ "node": "hive" }));
    let file = all.value(&[key, "_file"]);
    let inside = [key, "_value"];
    let mut part = all.below(if file.is_some() { &inside } else { &inside[..1] });
    if let Some(what) = part.peek(&[]).and_then(mark) {
        part.take_all();
        let message = format!("is {what}, so that nothing can be read out of it");
        part.note(
            Why::Missing,
            &[],
            message,
            "set ip and role, and name the machine's file under nixosModules",
        );
    }
    let rest = if file.is_some() { Rest::File } else { Rest::Options };
    if rest == Rest::File {
        shared(&mut part);
    }
    name(&mut part, key, &own, draft);
    address(&mut part, &own, rest, draft);
    settings(&mut part, &own, rest, draft);
    role(&mut part, key, &own, draft, found);
    let has_layout = draft.get(&[&own[..], &["disko"]].concat()).is_some();
    let kind = if has_layout { "nixos-anywhere" } else { "nixos-rebuild" };
    draft.put(&[&own[..], &["provisioner"]].concat(), kind);
    if !found.provisioners.contains(&kind) {
        found.provisioners.push(kind);
    }
    if let Some(remote) = part.flag(&["deployment", "buildOnTarget"]) {
        found.build.push((key.to_owned(), remote));
    }
    match file {
        // The file itself says the rest, and has the last word.
        Some(file) => {
            draft.put(&[&own[..], &["nixosModules"]].concat(), json!([file]));
            part.take_all();
        }
        None => options(&mut part, &[&own[..], &["nixos"]].concat(), draft),
    }
}

/// What stands in the machine's file and is set by nix8s as well.
fn shared(part: &mut Part<'_>) {
    for (path, ours) in [(&["services", "k3s"][..], "what k3s does"), (&["disko", "devices"], "the disks")] {
        if part.peek(path).is_some() {
            let message = format!("stays in the machine's file, and nix8s sets {ours} as well");
            part.note(Why::Changed, path, message, "take it out of the file: what both say may contradict");
        }
    }
}

fn name(part: &mut Part<'_>, key: &str, own: &[&str], draft: &mut Draft) {
    let name = part.text(&["networking", "hostName"]).unwrap_or_else(|| key.to_owned());
    draft.put(&[own, &["name"]].concat(), name);
}

/// The machine's address: what colmena connects to, or the first address that the machine gives itself.
fn address(part: &mut Part<'_>, own: &[&str], rest: Rest, draft: &mut Draft) {
    let mut static_one = None;
    for interface in part.below(&["networking", "interfaces"]).keys() {
        let at = ["networking", "interfaces", &interface, "ipv4", "addresses"];
        let Some(first) = part.peek(&at).and_then(|list| list.items().first()).cloned() else { continue };
        if static_one.is_some() {
            continue;
        }
        let (ip, length) =
            (first.get("address").and_then(|ip| ip.text().map(String::from)), first.get("prefixLength"));
        if let (Some(ip), Some(length)) = (ip, length.and_then(|length| length.integer())) {
            static_one = Some((interface.clone(), ip, length));
        }
    }
    let target = part.text(&["deployment", "targetHost"]);
    let is_ip = |text: &String| text.parse::<std::net::IpAddr>().is_ok();
    let ip = target.clone().filter(is_ip).or_else(|| static_one.as_ref().map(|(_, ip, _)| ip.clone()));
    match ip {
        Some(ip) => draft.put(&[own, &["ip"]].concat(), ip),
        None => part.note(
            Why::Missing,
            &["deployment", "targetHost"],
            "the machine's address is not known",
            "set ip",
        ),
    }
    if let Some(host) = target.filter(|target| !is_ip(target)) {
        draft.put(&[own, &["ssh", "host"]].concat(), host);
    }
    if rest == Rest::File {
        return;
    }
    if let Some((interface, _, length)) = static_one {
        let network = json!({ "interface": interface, "dhcp": false, "prefixLength": length });
        draft.put(&[own, &["network"]].concat(), network);
        let all = part.items(&["networking", "interfaces", &interface, "ipv4", "addresses"]);
        for entry in all.first().map(crate::input::tree::Tree::entries).unwrap_or_default() {
            if !["address", "prefixLength"].contains(&&*entry.key) {
                let key = format!("addresses[0].{}", entry.key);
                let at = ["networking", "interfaces", &interface, "ipv4", &key];
                part.note(
                    Why::Left,
                    &at,
                    "is no part of an address here",
                    "write it under nixos of the machine",
                );
            }
        }
        for (index, more) in all.iter().enumerate().skip(1) {
            if let Some(value) = part.carry(&[&format!("networking.interfaces.{interface}[{index}]")], more) {
                let at = ["nixos", "networking", "interfaces", &interface, "ipv4", "addresses"];
                draft.push(&[own, &at].concat(), value);
            }
        }
    }
    let gateway = part.value(&["networking", "defaultGateway", "address"]);
    if let Some(gateway) = gateway.or_else(|| part.value(&["networking", "defaultGateway"])) {
        draft.put(&[own, &["network", "gateway"]].concat(), gateway);
    }
}

/// What machines and the defaults share.
fn settings(part: &mut Part<'_>, own: &[&str], rest: Rest, draft: &mut Draft) {
    for (from, to) in MOVES.iter().filter(|(_, to)| rest == Rest::Options || NEEDED.contains(&to[0])) {
        if let Some(value) = part.value(from) {
            draft.put(&[own, to].concat(), value);
        }
    }
    let login = part.text(&["services", "openssh", "settings", "PermitRootLogin"]);
    match login.as_deref() {
        Some("no") => draft.put(&[own, &["ssh", "rootLogin"]].concat(), "no"),
        Some("prohibit-password" | "without-password") => {
            draft.put(&[own, &["ssh", "rootLogin"]].concat(), "key");
        }
        Some(other) => {
            let message = format!("{other:?} is not offered: root comes with a key or not at all");
            part.note(
                Why::Changed,
                &["services", "openssh", "settings", "PermitRootLogin"],
                message,
                "nothing is to be done",
            );
        }
        None => {}
    }
    if let Some(command) = part.value(&["deployment", "privilegeEscalationCommand"]) {
        let word = if command.to_string().contains("\"-S\"") { "password" } else { "passwordless" };
        draft.put(&[own, &["ssh", "sudo"]].concat(), word);
        let message = format!("{command} is ssh.sudo: {word} today");
        part.note(
            Why::Changed,
            &["deployment", "privilegeEscalationCommand"],
            message,
            "look whether sudo asks",
        );
    }
    for (path, message, help) in LEFT {
        part.leave(path, message, help);
    }
    for key in part.below(&["deployment", "keys"]).keys() {
        part.take(&["deployment", "keys", &key]);
        let message = "secrets are not delivered out of a hive; its value was not carried over";
        let help = "keep it in a file and deliver that with a script after provisioning";
        part.note(Why::Secret, &["deployment", "keys", &key], message, help);
    }
}

fn role(part: &mut Part<'_>, key: &str, own: &[&str], draft: &mut Draft, found: &mut Found) {
    let enable = part.flag(&["services", "k3s", "enable"]);
    let role = part.text(&["services", "k3s", "role"]);
    if enable != Some(true) {
        draft.put(&[own, &["role"]].concat(), "none");
        return;
    }
    let role = match role.as_deref() {
        Some("agent") => "worker",
        Some("server") | None => "control-plane",
        Some(other) => {
            let message = format!("k3s has no role {other:?}; the machine is a control plane");
            part.note(Why::Changed, &["services", "k3s", "role"], message, "set its role");
            "control-plane"
        }
    };
    draft.put(&[own, &["role"]].concat(), role);
    if part.flag(&["services", "k3s", "clusterInit"]) == Some(true) {
        draft.put(&[CLUSTER, &["ha", "firstServer"]].concat(), key);
    }
    const FLAGS: &[&str] = &["services", "k3s", "extraFlags"];
    let flags = match part.text(FLAGS) {
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        None => part.texts(FLAGS).into_iter().map(|(_, flag)| flag).collect(),
    };
    found.flags.push((key.to_owned(), role, flags));
    for item in part.items(&["services", "k3s", "disable"]) {
        let Some(value) = part.carry(&["services", "k3s", "disable"], &item) else { continue };
        let at = [CLUSTER, &["k3s", "disable"]].concat();
        if !draft.get(&at).and_then(Value::as_array).is_some_and(|list| list.contains(&value)) {
            draft.push(&at, value);
        }
    }
}

/// What is of the cluster today and was said by each machine.
fn together(all: &mut Part<'_>, draft: &mut Draft, found: &Found) {
    for role in ["control-plane", "worker"] {
        let mut of = found.flags.iter().filter(|(_, its, _)| *its == role);
        let Some((_, _, first)) = of.next() else { continue };
        if !first.is_empty() {
            draft.put(&[CLUSTER, &["k3s", "extraArgs", role]].concat(), json!(first));
        }
        for (key, _, flags) in of.filter(|(_, _, flags)| flags != first) {
            let message =
                format!("{flags:?} differs from the first {role}'s; flags are the cluster's today, by role");
            let help =
                "set k3s.extraArgs of the cluster, or services.k3s.extraFlags under nixos of the machine";
            all.note(Why::Left, &[key, "services", "k3s", "extraFlags"], message, help);
        }
    }
    let remote = found.build.iter().filter(|(_, remote)| *remote).count();
    if !found.build.is_empty() {
        let word = if remote == 0 {
            "local"
        } else if remote == found.build.len() {
            "remote"
        } else {
            "auto"
        };
        draft.put(&[CLUSTER, &["build"]].concat(), word);
    }
    if remote > 0 && remote < found.build.len() {
        for (key, remote) in &found.build {
            let message =
                format!("is {remote} here and not everywhere; build is a setting of the cluster, now auto");
            all.note(
                Why::Changed,
                &[key, "deployment", "buildOnTarget"],
                message,
                "set build of the cluster",
            );
        }
    }
}

/// Everything else: modules by their paths, and options of NixOS.
fn options(part: &mut Part<'_>, to: &[&str], draft: &mut Draft) {
    let above = &to[..to.len() - 1];
    for (index, module) in part.items(&["imports"]).iter().enumerate() {
        if let Some(path) = part.carry(&[&format!("imports[{index}]")], module) {
            match path {
                Value::String(_) => draft.push(&[above, &["nixosModules"]].concat(), path),
                Value::Object(_) => draft.put(to, path),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    let help = "name a file, or write its options here";
                    part.note(Why::Left, &[&format!("imports[{index}]")], "is no module", help);
                }
            }
        }
    }
    for key in part.keys().into_iter().filter(|key| key != "deployment") {
        if let Some(value) = part.value(&[&key]) {
            let is_nothing = value.as_object().is_some_and(|map| map.values().all(is_empty));
            if !is_nothing {
                draft.put(&[to, &[&key]].concat(), value);
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().all(is_empty),
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    }
}
