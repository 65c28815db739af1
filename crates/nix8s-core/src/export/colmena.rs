//! A cluster as a hive for colmena: how each machine is reached, and its options of NixOS.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Exported;
use super::Known;
use super::nix;
use crate::import::Note;
use crate::import::Why;

/// What a hive knows of a cluster.
const KNOWN: Known = Known {
    tool: "a hive",
    cluster: &["members", "build"],
    ha: &[],
    machine: &[
        "name",
        "ip",
        "role",
        "node",
        "extends",
        "ssh",
        "boot",
        "network",
        "nixos",
        "nixosModules",
        "stateVersion",
        "disko",
    ],
};

/// Writes a resolved cluster; what it does not say is noted by what was written.
pub fn export(name: &str, cluster: &Value, written: &Value) -> Exported {
    let mut notes = Vec::new();
    let nixpkgs = match written["nixpkgs"].as_str() {
        Some(release) => {
            let url = format!("https://channels.nixos.org/{release}/nixexprs.tar.xz");
            format!("import (fetchTarball {}) {{ }}", crate::tool::nix::quoted(&url))
        }
        None => "<nixpkgs>".to_owned(),
    };
    let mut text = format!("{{\n  meta.nixpkgs = {nixpkgs};\n");
    let remote = cluster["build"].as_str() == Some("remote");
    for (key, member) in super::members(cluster) {
        let path = format!("clusters.{name}.members.{key}");
        text.push_str(&format!("\n  {} = {{\n", nix::name(member["name"].as_str().unwrap_or(key))));
        text.push_str(&machine(name, member, remote, &path, &mut notes));
        text.push_str("  };\n");
    }
    text.push_str("}\n");
    super::unknown(name, written, &KNOWN, &mut notes);
    notes.sort();
    Exported { text, notes }
}

fn machine(cluster: &str, member: &Value, remote: bool, path: &str, notes: &mut Vec<Note>) -> String {
    let mut text = String::new();
    let modules = member["nixosModules"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let modules: String = modules.map(|module| format!(" {}", nix::path(module))).collect();
    if !modules.is_empty() {
        text.push_str(&format!("    imports = [{modules} ];\n"));
    }
    let mut options = member["nixos"].as_object().cloned().unwrap_or_default();
    let mut set = |at: &[&str], value: Value| put(&mut options, at, value);
    set(&["networking", "hostName"], member["name"].clone());
    set(&["deployment"], deployment(cluster, member, remote, path, notes));
    for (from, to) in [
        (&["boot", "kernelParams"][..], &["boot", "kernelParams"][..]),
        (&["boot", "kernelModules"], &["boot", "kernelModules"]),
        (&["network", "nameservers"], &["networking", "nameservers"]),
        (&["network", "gateway"], &["networking", "defaultGateway"]),
        (&["network", "dhcp"], &["networking", "useDHCP"]),
        (&["disko"], &["disko"]),
        (&["stateVersion"], &["system", "stateVersion"]),
        (&["ssh", "authorizedKeys"], &["users", "users", "root", "openssh", "authorizedKeys", "keys"]),
    ] {
        if let Some(value) = from.iter().try_fold(member, |at, key| at.get(*key)) {
            set(to, value.clone());
        }
    }
    let network = &member["network"];
    if let (Some(interface), Some(length)) = (network["interface"].as_str(), network["prefixLength"].as_i64())
        && network["dhcp"].as_bool() == Some(false)
    {
        let addresses = json!([{ "address": member["ip"], "prefixLength": length }]);
        set(&["networking", "interfaces", interface, "ipv4", "addresses"], addresses);
    }
    let boot = &member["boot"];
    let left = [("network", network, "vlans"), ("network", network, "bonds"), ("boot", boot, "loader")];
    for (above, _, key) in left.iter().filter(|(_, map, key)| map.get(*key).is_some()) {
        notes.push(Note {
            path: format!("{path}.{above}.{key}"),
            why: Why::Left,
            message: "is not written into a hive".to_owned(),
            help: "write its options of NixOS into a module".to_owned(),
        });
    }
    for (key, value) in &options {
        text.push_str(&format!("    {} = {};\n", nix::name(key), nix::expression(value, 2)));
    }
    text
}

fn deployment(cluster: &str, member: &Value, remote: bool, path: &str, notes: &mut Vec<Note>) -> Value {
    let ssh = &member["ssh"];
    let known = |value: &Value| value.as_str().filter(|text| *text != "auto").map(str::to_owned);
    let host = known(&ssh["host"]).or_else(|| known(&member["ip"]));
    let mut all = json!({ "tags": [cluster, member["role"]], "buildOnTarget": remote, "targetHost": host });
    if host.is_none() {
        let message = "its address is not known before it is made".to_owned();
        notes.push(Note {
            path: format!("{path}.ip"),
            why: Why::Missing,
            message,
            help: "set ip".to_owned(),
        });
    }
    for (from, to) in [("port", "targetPort"), ("user", "targetUser")] {
        if let Some(value) = ssh.get(from) {
            all[to] = value.clone();
        }
    }
    match ssh["sudo"].as_str() {
        Some("passwordless") => all["privilegeEscalationCommand"] = json!(["sudo", "-H", "--"]),
        Some("password") => notes.push(Note {
            path: format!("{path}.ssh.sudo"),
            why: Why::Left,
            message: "a hive cannot ask for a password".to_owned(),
            help: "let sudo of that user ask for none, or use nix8s".to_owned(),
        }),
        Some(_) | None => {}
    }
    for key in ["keyFile", "jump", "hostKey", "rootLogin"].iter().filter(|key| ssh.get(**key).is_some()) {
        notes.push(Note {
            path: format!("{path}.ssh.{key}"),
            why: Why::Left,
            message: "a hive has no such setting".to_owned(),
            help: "write it into ssh_config for that host".to_owned(),
        });
    }
    all
}

/// Lays a value over options, key by key; lists are joined, as NixOS joins them.
fn put(options: &mut Map<String, Value>, at: &[&str], value: Value) {
    let Some((first, rest)) = at.split_first() else { return };
    if rest.is_empty() {
        match (options.get_mut(*first), value) {
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (_, value) => drop(options.insert((*first).to_owned(), value)),
        }
        return;
    }
    let below = options.entry(*first).or_insert_with(|| json!({}));
    if let Some(below) = below.as_object_mut() {
        put(below, rest, value);
    }
}
