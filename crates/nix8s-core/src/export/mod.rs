//! A cluster of today in the words of other tools, with a list of what those do not know.

pub mod cluster_nix;
pub mod colmena;
pub mod nix;

use serde_json::Value;

use crate::import::Note;
use crate::import::Why;

/// What exporting gives.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The file.
    pub text: String,
    /// What it does not say, by path.
    pub notes: Vec<Note>,
}

/// The members of a resolved cluster, control planes first, and of those the one that initialises the cluster.
fn members(cluster: &Value) -> Vec<(&String, &Value)> {
    let first = cluster["ha"]["firstServer"].as_str().unwrap_or_default();
    let mut all: Vec<_> = cluster["members"].as_object().into_iter().flatten().collect();
    all.sort_by_key(|(key, member)| {
        let role = match member["role"].as_str() {
            Some("control-plane") => 0,
            Some("worker") => 1,
            _ => 2,
        };
        (role, *key != first)
    });
    all
}

/// What a tool knows: keys that are not among these are noted.
struct Known {
    tool: &'static str,
    cluster: &'static [&'static str],
    ha: &'static [&'static str],
    machine: &'static [&'static str],
}

/// Notes every key that was written for a cluster and that a tool does not know. Defaults are nobody's loss.
fn unknown(name: &str, written: &Value, known: &Known, notes: &mut Vec<Note>) {
    others(written, "", &["nodes", "clusters", "nixpkgs"], known.tool, notes);
    let cluster = &written["clusters"][name];
    let path = format!("clusters.{name}");
    others(cluster, &path, known.cluster, known.tool, notes);
    if known.cluster.contains(&"ha") {
        others(&cluster["ha"], &format!("{path}.ha"), known.ha, known.tool, notes);
    }
    let machines =
        [(&cluster["members"], format!("{path}.members")), (&written["nodes"], "nodes".to_owned())];
    for (machines, path) in machines {
        for (key, machine) in machines.as_object().into_iter().flatten() {
            others(machine, &format!("{path}.{key}"), known.machine, known.tool, notes);
        }
    }
}

fn others(map: &Value, path: &str, carried: &[&str], tool: &str, notes: &mut Vec<Note>) {
    let entries = map.as_object().into_iter().flatten();
    for (key, _) in entries.filter(|(key, value)| !carried.contains(&key.as_str()) && !value.is_null()) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let message = format!("{tool} has no such setting");
        let help = "keep the configuration of nix8s beside it".to_owned();
        notes.push(Note { path, why: Why::Left, message, help });
    }
}
