//! Node configurations become templates, and machines inside provisioners become members.

use serde_json::Value;

use super::super::note::Why;
use super::super::source::Part;
use super::super::source::mark;
use super::Cx;
use super::Move;

const MACHINE: &[Move] = &[
    (&["role"], &["role"]),
    (&["profiles"], &["profiles"]),
    (&["mac"], &["network", "mac"]),
    (&["ssh", "host"], &["ssh", "host"]),
    (&["ssh", "port"], &["ssh", "port"]),
    (&["ssh", "user"], &["ssh", "user"]),
    (&["ssh", "keyFile"], &["ssh", "keyFile"]),
];

const EXTENSIONS: &[Move] = &[
    (&["drbd", "enable"], &["extensions", "drbd", "enable"]),
    (&["gpu", "enable"], &["extensions", "gpu", "enable"]),
    (&["gpu", "vendor"], &["extensions", "gpu", "vendor"]),
    (&["storage", "enable"], &["extensions", "storage", "enable"]),
    (&["monitoring", "enable"], &["extensions", "monitoring", "enable"]),
    (&["monitoring", "nodeExporter"], &["extensions", "monitoring", "nodeExporter"]),
];

const DISKO: &[Move] = &[
    (&["enable"], &["install", "enable"]),
    (&["profile"], &["install", "profile"]),
    (&["disks", "main"], &["install", "disks", "main"]),
    (&["disks", "etcd"], &["install", "disks", "etcd"]),
    (&["disks", "data"], &["install", "disks", "data"]),
    (&["partitions", "boot"], &["install", "bootSize"]),
    (&["encryption", "enable"], &["install", "encryption", "enable"]),
    (&["encryption", "keyFile"], &["install", "encryption", "keyFile"]),
];

/// Takes a node configuration.
pub fn template(part: &mut Part<'_>, key: &str, cx: &mut Cx<'_>) {
    let Some(name) = cx.templates.today(key).map(str::to_owned) else { return };
    let at = ["nodes", name.as_str()];
    cx.draft.put(&at, Value::Object(serde_json::Map::new()));
    if let Some(parent) = part.text(&["extends"]) {
        let today = cx.templates.today(&parent).map(str::to_owned);
        cx.draft.put(&["nodes", &name, "extends"], today.unwrap_or(parent));
    }
    settings(part, &at, cx);
}

/// Takes a machine inside a provisioner.
pub fn member(part: &mut Part<'_>, kind: &str, key: &str, cx: &mut Cx<'_>) {
    let Some(name) = cx.machines.today(key).map(str::to_owned) else { return };
    if let Some(template) = part.text(&["configuration"]) {
        let today = cx.templates.today(&template).map(str::to_owned);
        cx.member(&name, &["node"], today.unwrap_or(template));
    }
    // The design's host names are bare, and Kubernetes knows the nodes by them.
    cx.member(&name, &["name"], name.as_str());
    cx.member(&name, &["provisioner"], kind);
    match part.value(&["ip"]) {
        Some(ip) => cx.member(&name, &["ip"], ip),
        None if kind == "terraform" => cx.member(&name, &["ip"], "auto"),
        None => part.note(Why::Missing, &["ip"], "the machine has no address", "set its ip"),
    }
    let cluster = cx.cluster.clone();
    let at = ["clusters", cluster.as_str(), "members", name.as_str()];
    settings(part, &at, cx);
    if kind == "terraform" {
        // Everything else describes the cloud's machine.
        for key in part.keys() {
            if part.is_empty(&[&key]) {
                part.take(&[&key]);
            } else if let Some(value) = part.value(&[&key]) {
                cx.member(&name, &["terraform", &key], value);
            }
        }
    }
}

/// Takes what templates and members share.
fn settings(part: &mut Part<'_>, at: &[&str], cx: &mut Cx<'_>) {
    moved(part, MACHINE, at, cx);
    moved(&mut part.below(&["extensions"]), EXTENSIONS, at, cx);
    disko(&mut part.below(&["disko"]), at, cx);
    nixos(part, "nixos", at, cx);
    for (index, module) in part.items(&["modules"]).into_iter().enumerate() {
        let key = format!("modules[{index}]");
        if module.text().is_some() || mark(&module).is_some() {
            if let Some(path) = part.carry(&[&key], &module) {
                cx.draft.push(&[at, &["nixosModules"]].concat(), path);
            }
            continue;
        }
        part.put_back(&key, module);
        nixos(part, &key, at, cx);
    }
}

fn moved(part: &mut Part<'_>, moves: &[Move], at: &[&str], cx: &mut Cx<'_>) {
    for (from, to) in moves {
        if let Some(value) = part.value(from) {
            cx.draft.put(&[at, to].concat(), value);
        }
    }
}

/// Options of NixOS; those of the design itself become settings.
fn nixos(part: &mut Part<'_>, key: &str, at: &[&str], cx: &mut Cx<'_>) {
    disko(&mut part.below(&[key, "cozystack", "disko"]), at, cx);
    moved(&mut part.below(&[key, "cozystack", "extensions"]), EXTENSIONS, at, cx);
    for (name, module) in [("sops", "sops-nix"), ("age", "agenix")] {
        let message =
            format!("these options belong to {module}, which nix8s brings only where it is asked for");
        let help = format!(
            "set secrets.provider: {module} on the cluster, and write these options into a module under nixosModules"
        );
        part.below(&[key]).leave(&[name], &message, &help);
    }
    addresses(&mut part.below(&[key, "networking"]));
    let mut options = part.below(&[key]);
    for option in options.keys().into_iter().filter(|option| option != "cozystack") {
        if let Some(value) = options.value(&[&option]) {
            cx.draft.put(&[at, &["nixos", &option]].concat(), value);
        }
    }
}

/// Takes addresses away that are none: NixOS would only find out on the machine.
fn addresses(networking: &mut Part<'_>) {
    for interface in networking.below(&["interfaces"]).keys() {
        for family in ["ipv4", "ipv6"] {
            let at = ["interfaces", &interface, family, "addresses"];
            networking.retain(&at, |item| {
                let address = item.get("address")?.text()?;
                address.parse::<std::net::IpAddr>().is_err().then(|| format!("{address} is no IP address"))
            });
        }
    }
}

fn disko(part: &mut Part<'_>, at: &[&str], cx: &mut Cx<'_>) {
    let mut put = |path: &[&str], value: Value| cx.draft.put(&[at, path].concat(), value);
    if part.peek(&["rawConfig"]).is_some() {
        if part.peek(&["profile"]).and_then(|profile| profile.text()).as_deref() == Some("custom") {
            part.take(&["profile"]);
            put(&["install", "profile"], "custom".into());
        }
        for key in part.keys().into_iter().filter(|key| key != "rawConfig") {
            part.leave(&[&key], "has no effect beside rawConfig, which says all of the layout", "remove it");
        }
        if let Some(devices) = part.value(&["rawConfig"]) {
            put(&["disko", "devices"], devices);
        }
        return;
    }
    for (from, to) in DISKO {
        if let Some(value) = part.value(from) {
            put(to, value);
        }
    }
    if let Some(size) = part.text(&["partitions", "swap"]) {
        let message = format!("swap of {size} is left out: kubeadm's kubelet does not start with it");
        part.note(
            Why::Changed,
            &["partitions", "swap"],
            message,
            "nothing is to be done: the design switched it off again",
        );
    }
    if let Some(size) = part.text(&["partitions", "root"]) {
        put(&["install", "rootSize"], if size == "100%" { "rest".into() } else { size.into() });
    }
    file_system(&mut part.below(&["filesystems", "root"]), &mut put);
}

fn file_system(root: &mut Part<'_>, put: &mut dyn FnMut(&[&str], Value)) {
    let kind = root.text(&["type"]);
    if kind.as_deref() == Some("zfs") {
        put(&["install", "profile"], "zfs".into());
        root.note(
            Why::Changed,
            &["type"],
            "ZFS is a layout of its own: profile is zfs",
            "nothing is to be done",
        );
    } else if let Some(kind) = &kind {
        put(&["install", "filesystem", "type"], kind.as_str().into());
    }
    root.retain(&["options"], |option| {
        let gone = matches!(option.text().as_deref(), Some("nobarrier" | "barrier"));
        gone.then(|| "XFS has had no such mount option since Linux 4.19".to_owned())
    });
    if let Some(options) = root.value(&["options"]) {
        put(&["install", "filesystem", "options"], options);
    }
}
