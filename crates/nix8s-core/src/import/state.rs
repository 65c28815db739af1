//! Reads the state directories of the kubeadm design, of which there were three layouts, as what happened before.
//!
//! What they assert is believed as far as it makes nix8s more careful: a machine that any of their files calls installed
//! is never erased without leave. Everything else is looked up on the machines.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::note::Note;
use super::note::Why;
use crate::event::Migrated;
use crate::event::What;
use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Role;

/// What the layout with marks says when the cluster was initialised.
const INIT_MARK: &str = "kubeadm-init.done";

/// Files of an older state directory: text by path, with `/`.
pub type Files = BTreeMap<String, String>;

/// What becomes of an older state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// What is put on record: one event, so that it is there whole or not at all. `None`: nothing to carry over.
    pub what: Option<What>,
    /// What is left behind.
    pub notes: Vec<Note>,
}

/// What a machine is said to have been.
#[derive(Debug, Default)]
struct Said {
    provisioned: bool,
    joined: bool,
    delete: bool,
    role: Option<Role>,
}

/// Reads `files`, which came from the folder `from`, for the cluster as it is configured today.
pub fn migrate(cluster: &Cluster, from: &str, files: &Files) -> Migration {
    let (mut machines, mut notes) = (BTreeMap::<String, Said>::new(), Vec::new());
    let mut initialized = false;
    for (path, text) in files {
        match read(path, text) {
            Read::Machine(name, says) => says(machines.entry(name.to_owned()).or_default(), text),
            Read::Initialized => initialized = true,
            Read::Both(name, says) => {
                initialized = true;
                says(machines.entry(name.to_owned()).or_default(), text);
            }
            Read::Left(why, help) => notes.push(left(path, why, help)),
            Read::Secret => notes.push(Note {
                why: Why::Secret,
                ..left(
                    path,
                    "it lets machines join, and is not carried over",
                    "delete it: nix8s makes one when it is needed, and stores none",
                )
            }),
            Read::Silent => {}
        }
    }
    let mut known = BTreeMap::new();
    for (older, said) in machines {
        if !(said.provisioned || said.joined || said.delete) {
            continue;
        }
        let Some(name) = today(cluster, &older) else {
            let message = "it is no machine of this cluster as it is configured today";
            let help = "it is not looked after: add it to the configuration and migrate again, or take it down yourself";
            notes.push(left(&format!("nodes/{older}"), message, help));
            continue;
        };
        known.insert(name.clone(), said);
    }
    if files.contains_key(INIT_MARK) {
        found_first(cluster, &mut known);
    }
    let first_server = initialized.then(|| first(cluster, &known)).flatten();
    let machines: BTreeMap<MachineName, Migrated> = known
        .into_iter()
        .map(|(name, said)| {
            let configured = cluster.machines.get(&name).map(|machine| machine.role);
            let role = said.role.or(configured).filter(|_| said.joined);
            (name, Migrated { joined: role, delete: said.delete })
        })
        .collect();
    let is_nothing = machines.is_empty() && !initialized;
    let what = What::Migrated { from: from.to_owned(), initialized, first_server, machines };
    Migration { what: (!is_nothing).then_some(what), notes }
}

fn left(path: &str, message: &str, help: &str) -> Note {
    let (message, help) = (message.to_owned(), help.to_owned());
    Note { path: path.to_owned(), why: Why::Left, message, help }
}

/// What a file says of a machine.
type Says = fn(&mut Said, &str);

enum Read<'a> {
    Machine(&'a str, Says),
    Initialized,
    Both(&'a str, Says),
    Left(&'static str, &'static str),
    /// Not carried over, and better deleted.
    Secret,
    /// What another file says too, or what says nothing.
    Silent,
}

/// What a file of any of the layouts means.
fn read<'a>(path: &'a str, text: &str) -> Read<'a> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        // Each reconciler with a folder of its own.
        ["nodes", name, "config.json"] => Read::Machine(name, |said, text| {
            said.provisioned = true;
            said.role = said.role.or(role_in(text));
        }),
        ["nodes", name, "DELETE"] => Read::Machine(name, |said, _| said.delete = true),
        ["k8s", "members", name] => {
            Read::Both(name, |said, _| (said.provisioned, said.joined) = (true, true))
        }
        ["k8s", "initialized" | "kubeconfig"] | ["cluster", "kubeconfig"] => Read::Initialized,
        // One state a machine.
        ["nodes", name, "desired.json"] => {
            Read::Machine(name, |said, text| said.role = said.role.or(role_in(text)))
        }
        ["nodes", name, "state"] => match text.trim() {
            "pending" | "discovered" => Read::Silent,
            "joined" | "ready" | "updating" | "draining" => {
                Read::Both(name, |said, _| (said.provisioned, said.joined) = (true, true))
            }
            // Also one whose installation was broken off: what it did to the disk, nobody knows.
            _ => Read::Machine(name, |said, _| said.provisioned = true),
        },
        // One file for each thing that was done.
        [INIT_MARK | "kubeconfig"] => Read::Initialized,
        [mark] if mark.ends_with(".done") => done(mark),
        ["k8s", "join-token" | "cert-key"] | ["join-token" | "cert-key"] => Read::Secret,
        ["cozystack" | "cluster", ..] => {
            Read::Left("what runs on the cluster is looked up in the cluster", "nothing is to be done")
        }
        ["nodes", _, "state.json" | "config-hash" | "ip" | "provisioner"]
        | ["k8s", "ca-hash"]
        | ["ca-hash"]
        | ["pids" | "reconcilers" | "pxe-ready", ..] => Read::Silent,
        _ => Read::Left("nix8s does not know what it is", "keep the folder as long as you may need it"),
    }
}

fn done<'a>(mark: &'a str) -> Read<'a> {
    let stem = mark.strip_suffix(".done").unwrap_or(mark);
    let joined = |role: Says, name| Read::Both(name, role);
    if let Some(name) = stem.strip_prefix("provision-") {
        return Read::Machine(name, |said, _| said.provisioned = true);
    }
    if let Some(name) = stem.strip_prefix("join-cp-") {
        let says: Says = |said, _| {
            (said.provisioned, said.joined, said.role) = (true, true, Some(Role::ControlPlane));
        };
        return joined(says, name);
    }
    if let Some(name) = stem.strip_prefix("join-worker-") {
        let says: Says =
            |said, _| (said.provisioned, said.joined, said.role) = (true, true, Some(Role::Worker));
        return joined(says, name);
    }
    Read::Left("what runs on the cluster is looked up in the cluster", "nothing is to be done")
}

fn role_in(text: &str) -> Option<Role> {
    let value: Value = serde_json::from_str(text).ok()?;
    match value.get("role")?.as_str()? {
        "control-plane" | "server" => Some(Role::ControlPlane),
        "worker" | "agent" => Some(Role::Worker),
        _ => None,
    }
}

/// The machine of today that the older name means: its own name, or its member's.
fn today<'a>(cluster: &'a Cluster, older: &str) -> Option<&'a MachineName> {
    let own = cluster.machines.keys().find(|name| name.as_str() == older);
    let member = || cluster.machines.values().find(|machine| machine.member.as_str() == older);
    own.or_else(|| member().map(|machine| &machine.name))
}

/// The first server of the layout with marks has none that says that it joined: it is the one control plane that was
/// installed without.
fn found_first(cluster: &Cluster, known: &mut BTreeMap<MachineName, Said>) {
    let is_control_plane = |name: &MachineName| {
        cluster.machines.get(name).is_some_and(|machine| machine.role == Role::ControlPlane)
    };
    let installed: BTreeSet<MachineName> = known
        .iter()
        .filter(|(name, said)| said.provisioned && !said.joined && is_control_plane(name))
        .map(|(name, _)| name.clone())
        .collect();
    let others = known.iter().any(|(name, said)| said.joined && is_control_plane(name));
    // Its design took the first by name. Where others have joined and several have not, nobody can tell.
    let first = if others && installed.len() > 1 { None } else { installed.into_iter().next() };
    if let Some(said) = first.and_then(|name| known.get_mut(&name)) {
        said.joined = true;
    }
}

/// Who initialised the cluster: the first control plane by name, as that design chose it, if it is a member.
fn first(cluster: &Cluster, known: &BTreeMap<MachineName, Said>) -> Option<MachineName> {
    let mut control_planes = cluster.control_planes().map(|machine| &machine.name);
    control_planes.find(|name| known.get(*name).is_some_and(|said| said.joined)).cloned()
}
