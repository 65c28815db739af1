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
use crate::secret::delivery::HOST_KEY;

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
/// `--phases` names all four so that a change of nixos-anywhere's default cannot change ours. Left to itself it checks no host
/// key; here it does (N-24), and the host key that the machine has stays its own, unless one was made for it.
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
    if let Some(key) = &machine.ssh.key_file {
        argv.extend(["-i", key]);
    }
    let options = super::ssh::options(&machine.ssh);
    argv.extend(options.iter().flat_map(|option| ["--ssh-option", option]));
    let extra = format!("{FILES}/{EXTRA}");
    if !given.secrets.contains_key(HOST_KEY) {
        argv.push("--copy-host-keys");
    }
    argv.extend(["--extra-files", &extra, "--phases", "kexec,disko,install,reboot"]);
    let mut command = Command::here(argv, Duration::from_secs(3600)).reaching(machine);
    let secrets = given.secrets.into_iter().map(|(path, file)| (format!("{EXTRA}/{path}"), file));
    command.files.extend(secrets);
    let mark = serde_json::to_string(given.mark).expect("a mark is three strings");
    command.files.insert(format!("{EXTRA}{IDENTITY_FILE}"), File::public(mark));
    command
}

/// The folder of what is put on the new root.
pub const EXTRA: &str = "extra";

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
