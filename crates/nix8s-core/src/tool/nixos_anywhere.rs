//! nixos-anywhere 1.13: installs NixOS over SSH (facts: flags and behaviour of that version).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::FILES;
use super::File;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::ClusterName;
use crate::model::Machine;
use crate::model::Version;
use crate::observed::Mark;

/// What a machine is given besides its system.
#[derive(Debug)]
pub struct Given<'a> {
    /// Its identity mark.
    pub mark: &'a Mark,
    /// The files that hold its secrets, by their path without the leading slash.
    pub secrets: BTreeMap<String, File>,
}

/// Installs a machine's system, evaluated at a Kubernetes version, with what it is given. nixos-anywhere exits 0
/// or 1 and does not verify that the machine comes back: observing does.
///
/// `--phases` names all four so that a change of nixos-anywhere's default cannot change ours.
pub fn install(
    machine: &Machine,
    flake: &str,
    cluster: &ClusterName,
    version: &Version,
    given: Given<'_>,
) -> Command {
    let host = machine.ssh.host.as_deref().unwrap_or(machine.name.as_str());
    let target = format!("{}@{host}", machine.ssh.user);
    let flake = format!("{flake}#nix8sConfigurations.{cluster}.\"{version}\".{}", machine.name);
    let port = machine.ssh.port.to_string();
    let mut argv = vec!["nixos-anywhere", "--flake", &flake, "--target-host", &target];
    if machine.ssh.port != 22 {
        argv.extend(["--ssh-port", &port]);
    }
    argv.extend(["--extra-files", FILES, "--phases", "kexec,disko,install,reboot"]);
    let mut command = Command::here(argv, Duration::from_secs(3600));
    command.files = given.secrets;
    let mark = serde_json::to_string(given.mark).expect("a mark is three strings");
    command.files.insert(IDENTITY_FILE.trim_start_matches('/').to_owned(), File::public(mark));
    command
}

/// Where the identity mark is on an installed machine; there is a copy on the ESP.
pub const IDENTITY_FILE: &str = "/var/lib/nix8s/identity.json";

/// Messages that nixos-anywhere, and the ssh that it runs, are known for.
pub const KNOWN: &[Known] = &[
    lasting("Permission denied (publickey", "put the deploy key on the machine, then `nix8s node retry`"),
    passing(
        "Connection timed out during banner exchange",
        "the machine is reached and busy, or something in between is",
    ),
];
