//! nixos-anywhere 1.13: installs NixOS over SSH (facts: flags and behaviour of that version).

use std::time::Duration;

use super::Command;
use super::FILES;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::ClusterName;
use crate::model::Machine;
use crate::model::Version;
use crate::observed::Mark;

/// Installs a machine's system, evaluated at a Kubernetes version, with its identity mark. nixos-anywhere exits 0
/// or 1 and does not verify that the machine comes back: observing does.
///
/// `--phases` names all four so that a change of nixos-anywhere's default cannot change ours. Left to itself it checks no host
/// key; here it does (N-24), and the key that the machine has stays its key.
pub fn install(
    machine: &Machine,
    flake: &str,
    cluster: &ClusterName,
    version: &Version,
    mark: &Mark,
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
    argv.extend(["--copy-host-keys", "--extra-files", &extra, "--phases", "kexec,disko,install,reboot"]);
    let mut command = Command::here(argv, Duration::from_secs(3600)).reaching(machine);
    let mark = serde_json::to_string(mark).expect("a mark is three strings");
    command.files.insert(format!("{EXTRA}{IDENTITY_FILE}"), mark);
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
