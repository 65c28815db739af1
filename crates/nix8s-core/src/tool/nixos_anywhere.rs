//! nixos-anywhere 1.13: installs NixOS over SSH (facts: flags and behaviour of that version).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::FILES;
use super::File;
use super::KNOWN_HOSTS;
use super::PROGRAMS;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::Anywhere;
use crate::model::Cluster;
use crate::model::InstallPhase;
use crate::model::Machine;
use crate::model::Ssh;
use crate::model::StorePath;
use crate::observed::Mark;
use crate::secret::delivery::HOST_KEY;

/// What a machine is given.
#[derive(Debug)]
pub struct Given<'a> {
    /// Its system.
    pub system: System<'a>,
    /// Its identity mark.
    pub mark: &'a Mark,
    /// The files that hold its secrets, by their path without the leading slash.
    pub secrets: BTreeMap<String, File>,
}

/// The system of a machine.
#[derive(Debug, Clone, Copy)]
pub enum System<'a> {
    /// It is in the store here.
    Here {
        /// What lays out its disks.
        disko: &'a StorePath,
        /// It.
        path: &'a StorePath,
    },
    /// The machine builds it from this flake, at the version that is configured.
    There(&'a str),
}

/// Installs a machine's system with what it is given. nixos-anywhere exits 0 or 1 and does not verify that the machine comes
/// back: observing does. It tries for ever to connect: it is stopped after an hour.
///
/// What is built here is handed over as store paths: from a flake it takes nothing but `nixosConfigurations`, of which there is
/// one for each machine and not for each version. `--phases` and `--build-on` are said also where they are the usual ones, so
/// that a change of nixos-anywhere's defaults cannot change ours. It checks no host key, and says so before whatever it is told
/// with `--ssh-option`; so the `ssh` that it finds is [`wrapper`] (N-24). The host key that the machine has stays its own, unless
/// one was made for it.
pub fn install(machine: &Machine, cluster: &Cluster, given: Given<'_>) -> Command {
    let anywhere = &cluster.anywhere;
    let host = machine.ssh.host.as_deref().unwrap_or(machine.name.as_str());
    let target = format!("{}@{host}", machine.ssh.user);
    let port = machine.ssh.port.to_string();
    let flake;
    let mut argv = vec!["nixos-anywhere"];
    match given.system {
        System::Here { disko, path } => argv.extend(["--store-paths", disko.as_str(), path.as_str()]),
        System::There(folder) => {
            flake = format!("{folder}#{}", machine.name);
            argv.extend(["--flake", &flake]);
        }
    }
    argv.extend(["--target-host", &target]);
    if machine.ssh.port != 22 {
        argv.extend(["--ssh-port", &port]);
    }
    if let Some(key) = &machine.ssh.key_file {
        argv.extend(["-i", key]);
    }
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
    command.files.insert(format!("{PROGRAMS}/ssh"), wrapper(&machine.ssh));
    command.log = Some(machine.name.clone());
    command
}

/// The attribute of what lays out a machine's disks, and of its system.
pub fn attributes(anywhere: &Anywhere) -> [&'static str; 2] {
    let bare = anywhere.extra_flags.iter().any(|flag| flag == "--no-disko-deps");
    [if bare { "diskoScriptNoDeps" } else { "diskoScript" }, "toplevel"]
}

/// An `ssh` that says what must hold before anything else is said: the first value of an option counts (`ssh_config`(5)). It
/// stands in [`PROGRAMS`], beside the file with the host keys, and runs the next one on the PATH.
pub fn wrapper(ssh: &Ssh) -> File {
    let options = super::ssh::options(ssh);
    let others = options.iter().filter(|option| !option.starts_with("UserKnownHostsFile="));
    let words = super::ssh::shell(others.flat_map(|option| ["-o", option]));
    let text = format!(
        "#!/bin/sh\nown=${{0%/*}}\nrest=\nIFS=:\nfor folder in $PATH; do [ \"$folder\" = \"$own\" ] || rest=$rest:$folder; done\n\
         unset IFS\nPATH=${{rest#:}}\nexec ssh -o \"UserKnownHostsFile=\\\"${{own%/*}}/{KNOWN_HOSTS}\\\"\" {words} \"$@\"\n"
    );
    File { text: text.into(), mode: 0o755 }
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
    ("--disko-mode", "disks are laid out anew, or left alone by way of phases"),
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
    use crate::model::BuildOn;

    /// What installs `w1` of a document with these settings of nixos-anywhere and of the machine.
    fn command(anywhere: &str, machine: &str) -> Command {
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
        let (disko, path) = (StorePath::new("/nix/store/d"), StorePath::new("/nix/store/s"));
        let system = match cluster.anywhere.build {
            BuildOn::Auto | BuildOn::Local => System::Here { disko: &disko, path: &path },
            BuildOn::Remote => System::There("/project"),
        };
        install(machine, cluster, Given { system, mark: &mark, secrets })
    }

    fn argv(anywhere: &str, machine: &str) -> String {
        command(anywhere, machine).argv.join(" ")
    }

    #[test]
    fn settings_are_flags_of_nixos_anywhere() {
        assert_snapshot!(argv("", ""), @"nixos-anywhere --store-paths /nix/store/d /nix/store/s --target-host root@10.0.0.1 --build-on auto --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("kexec: false", ""), @"nixos-anywhere --store-paths /nix/store/d /nix/store/s --target-host root@10.0.0.1 --build-on auto --extra-files {files}/extra --phases disko,install,reboot");
        assert_snapshot!(argv("kexec: https://example.com/installer.tar.gz, build: remote", ""), @"nixos-anywhere --flake /project#home-w1 --target-host root@10.0.0.1 --build-on remote --kexec https://example.com/installer.tar.gz --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("copyHostKeys: true", ""), @"nixos-anywhere --store-paths /nix/store/d /nix/store/s --target-host root@10.0.0.1 --build-on auto --copy-host-keys --extra-files {files}/extra --phases kexec,disko,install,reboot");
        assert_snapshot!(argv("phases: [reboot, install]", ", encryption: { enable: true, keyFile: ./disk.key }"), @"nixos-anywhere --store-paths /nix/store/d /nix/store/s --target-host root@10.0.0.1 --build-on auto --extra-files {files}/extra --phases install,reboot");
        assert_snapshot!(argv("extraFlags: [--option, cores, '4']", ", encryption: { enable: true, keyFile: ./disk.key }"), @"nixos-anywhere --store-paths /nix/store/d /nix/store/s --target-host root@10.0.0.1 --option cores 4 --build-on auto --disk-encryption-keys /run/nix8s-disk.key ./disk.key --extra-files {files}/extra --phases kexec,disko,install,reboot");
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

    /// N-24: nixos-anywhere says `StrictHostKeyChecking=no` before whatever it is told, and the first value counts.
    #[test]
    fn n_24_the_ssh_that_nixos_anywhere_finds_verifies_host_keys_before_anything_else_is_said() {
        let command = command("ssh: { jump: me@gate }", "");
        assert_snapshot!(command.files["bin/ssh"].text.expose(), @r#"
        #!/bin/sh
        own=${0%/*}
        rest=
        IFS=:
        for folder in $PATH; do [ "$folder" = "$own" ] || rest=$rest:$folder; done
        unset IFS
        PATH=${rest#:}
        exec ssh -o "UserKnownHostsFile=\"${own%/*}/known_hosts\"" '-o' 'GlobalKnownHostsFile=/dev/null' '-o' 'StrictHostKeyChecking=yes' '-o' 'BatchMode=yes' '-o' 'ConnectTimeout=10' '-o' 'ServerAliveInterval=15' '-o' 'ServerAliveCountMax=3' '-o' 'ProxyJump=me@gate' "$@"
        "#);
        assert_eq!(command.files["bin/ssh"].mode, 0o755);
        assert!(!command.argv.iter().any(|word| word == "--ssh-option"));
    }
}
