//! A cluster as the `cluster.nix` of k3s with keepalived: an attribute set, which that flake imports.

use serde_json::Value;

use super::Exported;
use super::Known;
use crate::import::Note;
use crate::import::Why;
use crate::tool::nix::quoted;

/// What that design knows of a cluster.
const KNOWN: Known = Known {
    tool: "cluster.nix",
    cluster: &["members", "ha", "distribution"],
    ha: &["vip", "firstServer"],
    machine: &["name", "ip", "role", "node", "extends"],
};

/// Writes a resolved cluster; what it does not say is noted by what was written.
pub fn export(name: &str, cluster: &Value, written: &Value) -> Exported {
    let mut notes = Vec::new();
    let path = format!("clusters.{name}");
    let mut left = |path: String, message: &str, help: &str| {
        notes.push(Note { path, why: Why::Left, message: message.to_owned(), help: help.to_owned() });
    };
    if cluster["distribution"].as_str() != Some("k3s") {
        let help = "that flake cannot run this cluster";
        left(format!("{path}.distribution"), "cluster.nix is about k3s only", help);
    }
    let mut text = format!("{{\n  name = {};\n", quoted(name));
    match cluster["ha"]["vip"].as_str() {
        Some(vip) => text.push_str(&format!("  vip = {};\n", quoted(vip))),
        None => left(format!("{path}.ha.vip"), "cluster.nix needs an address for the API", "set ha.vip"),
    }
    let members = super::members(cluster);
    for (list, role) in [("controlPlane", "control-plane"), ("workers", "worker")] {
        text.push_str(&format!("\n  {list} = [\n"));
        for (key, member) in members.iter().filter(|(_, member)| member["role"].as_str() == Some(role)) {
            let path = format!("{path}.members.{key}");
            let machine = member["name"].as_str().unwrap_or(key);
            match member["ip"].as_str().filter(|ip| *ip != "auto") {
                Some(ip) => {
                    text.push_str(&format!("    {{ name = {}; ip = {}; }}\n", quoted(machine), quoted(ip)));
                }
                None => left(path.clone(), "its address is not known before it is made", "set ip"),
            }
        }
        text.push_str("  ];\n");
    }
    text.push_str("}\n");
    for (key, member) in &members {
        let path = format!("{path}.members.{key}");
        if member["role"].as_str() == Some("none") {
            left(path.clone(), "cluster.nix has control planes and workers only", "configure it elsewhere");
        }
    }
    super::unknown(name, written, &KNOWN, &mut notes);
    notes.sort();
    Exported { text, notes }
}
