//! Where things are in the state directory. Every path that nix8s writes is made here, from validated names.

use nix8s_core::model::MachineName;

/// The event log.
pub const LOG: &str = "events.jsonl";
/// The past as of some place in the log: a cache.
pub const SNAPSHOT: &str = "snapshot.json";
/// What the cluster looked like when it was last looked at.
pub const OVERVIEW: &str = "overview.json";
/// Whether this is the state of real machines or of simulated ones.
pub const KIND: &str = "kind";
/// Who plans.
pub const LOCK: &str = "lock";
/// When a loop last looked (`nix8s run`).
pub const HEARTBEAT: &str = "heartbeat.json";
/// Written when a person left a marker: a loop that rests looks at once.
pub const WAKE: &str = "wake";
/// Written when a person asked for something while a loop holds the lock: it begins anew.
pub const WAKE_ASKED: &str = "wake-asked";
/// What people asked for while somebody else held the lock, one file each.
pub const ASKED: &str = "asked";
/// An admin kubeconfig that works from here.
pub const KUBECONFIG: &str = "k8s/kubeconfig";
/// The host keys of machines: those that nix8s made, and those that a person accepted.
pub const KNOWN_HOSTS: &str = "known_hosts";
/// When the cluster was initialised.
pub const INITIALIZED: &str = "k8s/initialized";
/// Who initialised it.
pub const FIRST_SERVER: &str = "k8s/first-server";
/// Members, one file each.
pub const MEMBERS: &str = "k8s/members";
/// One folder a machine.
pub const NODES: &str = "nodes";
/// What came of users' own reconcilers, one file each.
pub const RECONCILERS: &str = "reconcilers";
/// Users' programs that run here, one file each.
pub const RUNNING: &str = "running";
/// Systems that failed their gates.
pub const BAD_SYSTEMS: &str = "bad-systems.json";

/// The systems that were evaluated last: a cache.
pub const EVALUATED: &str = "evaluated.json";
/// With which release of NixOS machines were installed.
pub const RELEASES: &str = "releases.json";
/// The flake that nix8s makes systems from where the project has none.
pub const FLAKE: &str = "flake";

/// What came of a user's own reconciler.
pub fn reconciler(name: &str) -> String {
    format!("{RECONCILERS}/{name}.json")
}

/// A user's program that runs here, by the number of its process.
pub fn running(process: i32) -> String {
    format!("{RUNNING}/{process}")
}

/// What a machine should be.
pub fn desired(machine: &MachineName) -> String {
    format!("desired/{machine}.json")
}

/// One thing that was asked for; names sort by the time of asking.
pub fn asked(name: &str) -> String {
    format!("{ASKED}/{name}.json")
}

/// A machine's folder.
pub fn node(machine: &MachineName) -> String {
    format!("{NODES}/{machine}")
}

/// A machine as it was last configured: how to reach it when it has left the configuration.
pub fn config(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/config.json")
}

/// What its last installation printed.
pub fn install_log(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/install.log")
}

/// A machine as it was last seen.
pub fn seen(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/state.json")
}

/// The digest of what a machine should be, once it is. Whoever removes it asks for a rebuild.
pub fn config_hash(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/config-hash")
}

/// Asks for a member's removal; stays as its tombstone.
pub fn delete(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/DELETE")
}

/// Takes a DELETE back.
pub fn undelete(machine: &MachineName) -> String {
    format!("{NODES}/{machine}/UNDELETE")
}

/// A member.
pub fn member(machine: &MachineName) -> String {
    format!("{MEMBERS}/{machine}")
}

/// What a platform is at.
pub fn platform(name: &str, file: &str) -> String {
    format!("{name}/{file}")
}

/// What a run came to.
pub fn run(id: &str) -> String {
    format!("runs/{id}.json")
}
