//! External programs: one file each, arguments out, parsed output in. Nothing here runs anything.

pub mod df;
pub mod journal;
pub mod k3s;
pub mod knock;
pub mod known;
pub mod kubeadm;
pub mod nix;
pub mod nixos_anywhere;
pub mod on_node;
pub mod script;
pub mod secrets;
pub mod sops;
pub mod sops_yaml;
pub mod ssh;
pub mod ssh_agent;
pub mod version;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Machine;
use crate::model::MachineName;
use crate::model::Ssh;
use crate::secret::Redacted;

/// A program to run, here or on a machine. Arguments, never shell text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Where.
    pub on: Host,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it reads. It may hold secrets, so it cannot be printed.
    pub stdin: Option<Redacted>,
    /// Files that the program needs, by relative path. They are put into a private runtime directory for as long as it
    /// runs; [`FILES`] in an argument stands for a folder in it.
    pub files: BTreeMap<String, File>,
    /// When it is stopped.
    pub timeout: Duration,
    /// Over which connection, when it runs on a machine.
    pub connection: Connection,
    /// The machine that this program, which runs here, reaches over SSH by itself: which host keys count is in the file
    /// [`KNOWN_HOSTS`], whose content is not known here.
    pub reaches: Option<(MachineName, Ssh)>,
    /// What the program finds in its environment besides.
    pub environment: BTreeMap<String, String>,
    /// The machine whose log takes down what the program prints and complains about, for people.
    pub log: Option<MachineName>,
    /// What answers in its stead on a machine that does not have nix8s yet: a text for sh(1). Without it, nix8s is put
    /// there first.
    pub instead: Option<&'static str>,
    /// The systems that it evaluates, if it is that: a pure evaluation, whose answer can be remembered and whose work divided.
    pub evaluates: Option<nix::Evaluates>,
}

/// Over which connection a command reaches its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// One that is open already, if there is one.
    Shared,
    /// One that is made for it: that it comes about is a part of the answer.
    New,
}

/// A file that a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it. It may be a secret, so it cannot be printed.
    pub text: Redacted,
    /// Its permissions here, which programs that copy it keep; nobody else can reach it in any case. On a machine it is
    /// its owner's alone.
    pub mode: u32,
}

impl File {
    /// For its owner alone: 0600.
    pub fn private(text: impl Into<Redacted>) -> Self {
        Self { text: text.into(), mode: 0o600 }
    }

    /// For everybody to read: 0644.
    pub fn public(text: impl Into<Redacted>) -> Self {
        Self { text: text.into(), mode: 0o644 }
    }
}

/// Where secrets are on a machine, without the leading slash.
pub const SECRETS: &str = "var/lib/nix8s/secrets";

/// The permissions of a folder on the way to a file of [`Command::files`]: programs that copy the files to a machine
/// keep them, and on the machine the folders are everybody's way, except to the secrets.
pub fn folder_mode(folder: &str) -> u32 {
    if folder.ends_with(SECRETS) { 0o700 } else { 0o755 }
}

/// Stands in `argv` for the directory of [`Command::files`].
pub const FILES: &str = "{files}";

/// The file in [`FILES`] with the host keys that count for a program that reaches a machine by itself.
pub const KNOWN_HOSTS: &str = "known_hosts";

/// The folder in [`FILES`] with programs that a program here finds before all others.
pub const PROGRAMS: &str = "bin";

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// On the computer that runs nix8s.
    Here,
    /// On a machine, over SSH.
    Machine {
        /// Its name, for reports.
        name: MachineName,
        /// How it is reached.
        ssh: Ssh,
    },
}

/// What a program that ended left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// The last lines of what it complained about.
    pub stderr: String,
}

/// Why a program's answer could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{program} printed something that could not be understood: {why}")]
pub struct NotUnderstood {
    /// Which program.
    pub program: &'static str,
    /// What the parser said.
    pub why: String,
}

impl Command {
    /// A command on the computer that runs nix8s.
    pub fn here<S: Into<String>>(argv: impl IntoIterator<Item = S>, timeout: Duration) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self::new(Host::Here, argv, timeout)
    }

    /// A command on a machine.
    pub fn on<S: Into<String>>(
        machine: &Machine,
        argv: impl IntoIterator<Item = S>,
        timeout: Duration,
    ) -> Self {
        let on = Host::Machine { name: machine.name.clone(), ssh: machine.ssh.clone() };
        Self::new(on, argv.into_iter().map(Into::into).collect(), timeout)
    }

    fn new(on: Host, argv: Vec<String>, timeout: Duration) -> Self {
        let (files, environment) = (BTreeMap::new(), BTreeMap::new());
        let connection = Connection::Shared;
        Self {
            environment,
            on,
            argv,
            stdin: None,
            files,
            timeout,
            connection,
            reaches: None,
            log: None,
            instead: None,
            evaluates: None,
        }
    }

    /// The same with something to read.
    pub fn reading(self, stdin: impl Into<Redacted>) -> Self {
        Self { stdin: Some(stdin.into()), ..self }
    }

    /// The same for a program that reaches a machine by itself.
    pub fn reaching(self, machine: &Machine) -> Self {
        Self { reaches: Some((machine.name.clone(), machine.ssh.clone())), ..self }
    }

    /// The same over a connection of its own.
    pub fn over_new_connection(self) -> Self {
        Self { connection: Connection::New, ..self }
    }
}

/// Reads JSON that a program printed.
fn json<T: serde::de::DeserializeOwned>(program: &'static str, text: &str) -> Result<T, NotUnderstood> {
    serde_json::from_str(text).map_err(|e| NotUnderstood { program, why: e.to_string() })
}

/// A minute: commands that only ask or write something small.
pub const SHORT: Duration = Duration::from_secs(60);
