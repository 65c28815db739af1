//! Lines of `known_hosts` for the host keys that nix8s made (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Publics;
use crate::model::Cluster;
use crate::model::Machine;
use crate::model::MachineName;
use crate::observed::Secret;

/// Ends the lines that nix8s writes; what stands behind the key is a comment.
const OURS: &str = "nix8s:";

/// The file without what was accepted of a machine that has a key of ours by now: what its installer showed.
pub fn settled(existing: &str, machine: &Machine) -> String {
    let ours = format!("{OURS}{}", machine.name);
    let is_ours = |line: &str| line.split_whitespace().next_back() == Some(&*ours);
    let names = names(machine);
    let is_its = |line: &str| {
        let hosts = line.split_whitespace().next().unwrap_or_default();
        hosts.split(',').all(|host| names.iter().any(|name| name == host))
    };
    if !existing.lines().any(is_ours) {
        return existing.to_owned();
    }
    let kept = existing.lines().filter(|line| is_ours(line) || line.starts_with(['#', '@']) || !is_its(line));
    kept.map(|line| format!("{line}\n")).collect()
}

/// A machine's names in the file.
fn names(machine: &Machine) -> Vec<String> {
    let mut names = vec![machine.name.to_string()];
    match (&machine.ssh.host, machine.ssh.port) {
        (None, _) => {}
        (Some(host), 22) => names.push(host.clone()),
        (Some(host), port) => names.push(format!("[{host}]:{port}")),
    }
    names.dedup();
    names
}

/// The file with lines for the machines that have a key of ours: `given`, which gets it now, and those that had lines
/// already. Before that a machine shows another key, which is its own affair, and would be taken for an impostor. Lines of
/// other origin stay: a person accepted those.
///
/// A machine is known by its address and by its name. After a rotation both keys are: it shows the new one as soon as it
/// has it.
pub fn merge(existing: &str, cluster: &Cluster, publics: &Publics, given: Option<&MachineName>) -> String {
    let owner = |line: &str| line.split_whitespace().next_back()?.strip_prefix(OURS).map(str::to_owned);
    let is_ours = |line: &&str| owner(line).is_some();
    let ours: BTreeSet<String> =
        existing.lines().filter_map(owner).chain(given.map(ToString::to_string)).collect();
    let mut out = String::new();
    for line in existing.lines().filter(|line| !is_ours(line)) {
        let _ = writeln!(out, "{line}");
    }
    let is_given =
        |machine: &Machine| ours.contains(machine.name.as_str()) && !cluster.keeps_host_key(machine);
    for machine in cluster.machines.values().filter(|machine| is_given(machine)) {
        let Some(public) = publics.get(&Secret::HostKey(machine.name.clone())) else { continue };
        let hosts = names(machine);
        for key in public.all() {
            let _ = writeln!(out, "{} {key} {OURS}{}", hosts.join(","), machine.name);
        }
    }
    out
}
