//! nixos-anywhere 1.13: installs NixOS over SSH (facts: flags and behaviour of that version).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::FILES;
use super::File;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::Cluster;
use crate::model::InstallPhase;
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
/// or 1 and does not verify that the machine comes back: observing does. It tries for ever to connect: it is stopped after an
/// hour, for which builds and downloads count too.
///
/// `--phases` and `--build-on` are said also where they are the usual ones, so that a change of nixos-anywhere's defaults
/// cannot change ours. Left to itself it checks no host key; here it does (N-24), and the host key that the machine has stays its
/// own, unless one was made for it.
pub fn install(
    machine: &Machine,
    flake: &str,
    cluster: &Cluster,
    version: &Version,
    given: Given<'_>,
) -> Command {
    let anywhere = &cluster.anywhere;
    let host = machine.ssh.host.as_deref().unwrap_or(machine.name.as_str());
    let target = format!("{}@{host}", machine.ssh.user);
    let flake = format!("{flake}#nix8sConfigurations.{}.\"{version}\".{}", cluster.name, machine.name);
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
    argv.extend(anywhere.extra_flags.iter().map(String::as_str));
    argv.extend(["--build-on", anywhere.build.as_str()]);
    if let Some(image) = &anywhere.image {
        argv.extend(["--kexec", image]);
    }
    if let Some(key) = machine.disk_key.as_ref().filter(|_| anywhere.has(InstallPhase::Disko)) {
        argv.extend(["--disk-encryption-keys", DISK_KEY, key]);
    }
    if !given.secrets.contains_key(HOST_KEY) {
        argv.push("--copy-host-keys");
    }
    let extra = format!("{FILES}/{EXTRA}");
    let phases: Vec<&str> = anywhere.phases.iter().map(|phase| phase.as_str()).collect();
    let phases = phases.join(",");
    argv.extend(["--extra-files", &extra, "--phases", &phases]);
    let mut command = Command::here(argv, Duration::from_secs(3600)).reaching(machine);
    let secrets = given.secrets.into_iter().map(|(path, file)| (format!("{EXTRA}/{path}"), file));
    command.files.extend(secrets);
    let mark = serde_json::to_string(given.mark).expect("a mark is three strings");
    command.files.insert(format!("{EXTRA}{IDENTITY_FILE}"), File::public(mark));
    command.log = Some(machine.name.clone());
    command
}

/// Where the key of a machine's encrypted disks is while they are laid out, in memory: what disko's `passwordFile` or `keyFile`
/// is to say.
pub const DISK_KEY: &str = "/run/nix8s-disk.key";

/// Whose a flag of nixos-anywhere is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// The user's; this many arguments follow it.
    Takes(usize),
    /// Ours; what to use in its place.
    Ours(&'static str),
    /// Nobody knows it.
    Unknown,
}

/// What a user may add, with the number of arguments. `--force-kexec` is not among them: 1.13 swallows the argument behind it.
const TAKES: &[(&str, usize)] = &[
    ("--post-kexec-ssh-port", 1),
    ("--kexec-extra-flags", 1),
    ("--ssh-store-setting", 2),
    ("--no-substitute-on-destination", 0),
    ("--no-use-machine-substituters", 0),
    ("--from", 1),
    ("--option", 2),
    ("--debug", 0),
    ("--show-trace", 0),
    ("-L", 0),
    ("--print-build-logs", 0),
    ("--disko-mode", 1),
    ("--no-disko-deps", 0),
];

/// What nix8s sets itself.
const OURS: &[(&str, &str)] = &[
    ("--ssh-option", "which host keys count, and by which way a machine is reached, stands in its ssh"),
    ("--flake", "the system is that of the machine"),
    ("-f", "the system is that of the machine"),
    ("--store-paths", "the system is that of the machine"),
    ("-s", "the system is that of the machine"),
    ("--target-host", "the machine is the one that is planned"),
    ("-i", "set ssh.keyFile"),
    ("-p", "set ssh.port"),
    ("--ssh-port", "set ssh.port"),
    ("--env-password", "log in with a key"),
    ("--kexec", "set kexec"),
    ("--copy-host-keys", "set copyHostKeys"),
    ("--phases", "set phases"),
    ("--no-reboot", "set phases"),
    ("--stop-after-disko", "set phases"),
    ("--build-on", "set build"),
    ("--build-on-remote", "set build"),
    ("--extra-files", "what a machine is given comes from its secrets"),
    ("--chown", "what a machine is given belongs to root"),
    ("--disk-encryption-keys", "set install.encryption.keyFile"),
    ("--generate-hardware-config", "set hardwareConfig"),
    ("--vm-test", "nothing is installed by it"),
];

/// Whose this flag is.
pub fn flag(word: &str) -> Flag {
    let ours = OURS.iter().find(|(flag, _)| *flag == word).map(|(_, instead)| Flag::Ours(instead));
    let takes = || TAKES.iter().find(|(flag, _)| *flag == word).map(|(_, count)| Flag::Takes(*count));
    ours.or_else(takes).unwrap_or(Flag::Unknown)
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::input::At;
    use crate::input::Source;
    use crate::input::load;

    /// What installs `w1` of a document with these settings of nixos-anywhere and of the machine.
    fn argv(anywhere: &str, machine: &str) -> String {
        let text = format!(
            "nodes:\n  w: {{ role: control-plane, install: {{ disk: /dev/disk/by-id/a{machine} }} }}\n\
             clusters: {{ home: {{ version: \"1.34\", members: {{ w1: {{ node: w, ip: 10.0.0.1 }} }} }} }}\n\
             provisioning: {{ nixos-anywhere: {{ {anywhere} }} }}\n"
        );
        let source = Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes: text.into_bytes() };
        let fleet = load(&[source]).fleet.expect("the document is in order");
        let cluster = fleet.clusters.values().next().expect("there is one");
        let machine = cluster.machines.values().next().expect("there is one");
        let text = || "x".to_owned();
        let mark = Mark { cluster: text(), machine: text(), installation: text(), booted: false };
        let secrets = match cluster.keeps_host_key(machine) {
            true => BTreeMap::new(),
            false => BTreeMap::from([(HOST_KEY.to_owned(), File::private("key"))]),
        };
        let given = Given { mark: &mark, secrets };
        let argv = install(machine, "/project", cluster, &cluster.version, given).argv;
        // Which host keys count, and by which way, is the same for all: what is different comes behind it.
        let last = argv.iter().rposition(|word| word == "--ssh-option").expect("host keys are verified");
        argv[last + 2..].join(" ")
    }

    #[test]
    fn settings_are_flags_of_nixos_anywhere() {
        assert_snapshot!(argv("", ""), @"--build-on auto --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("kexec: false", ""), @"--build-on auto --extra-files {files}/extra --phases disko,install,reboot");
        assert_snapshot!(argv("kexec: https://example.com/installer.tar.gz, build: remote", ""), @"--build-on remote --kexec https://example.com/installer.tar.gz --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("copyHostKeys: true", ""), @"--build-on auto --copy-host-keys --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("phases: [reboot, install]", ", encryption: { enable: true, keyFile: ./disk.key }"), @"--build-on auto --extra-files {files}/extra --phases install,reboot");
        assert_snapshot!(argv("extraFlags: [--option, cores, '4']", ", encryption: { enable: true, keyFile: ./disk.key }"), @"--option cores 4 --build-on auto --disk-encryption-keys /run/nix8s-disk.key ./disk.key --extra-files {files}/extra --phases kexec,disko,install,reboot");
    }

    #[test]
    fn no_flag_of_the_users_is_also_ours() {
        let twice: Vec<&str> = TAKES
            .iter()
            .map(|(flag, _)| *flag)
            .filter(|flag| OURS.iter().any(|(ours, _)| ours == flag))
            .collect();
        assert_eq!(twice, Vec::<&str>::new());
        assert_eq!(flag("StrictHostKeyChecking=no"), Flag::Unknown);
    }

    /// N-24: whatever is set, host keys are verified.
    #[test]
    fn n_24_host_keys_are_verified_before_anything_else_is_said() {
        let source = "nodes: { w: { role: control-plane, install: { disk: /dev/disk/by-id/a } } }\n\
            clusters: { home: { version: \"1.34\", members: { w1: { node: w, ip: 10.0.0.1 } } } }\n\
            provisioning: { nixos-anywhere: { extraFlags: [--ssh-option, StrictHostKeyChecking=no] } }\n";
        let source = Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes: source.into() };
        assert!(load(&[source]).fleet.is_none());
    }
}
