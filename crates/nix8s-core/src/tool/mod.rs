//! External programs: one file each, arguments out, parsed output in. Nothing here runs anything.

pub mod k3s;
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

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Machine;
use crate::model::MachineName;
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
}

/// A file that a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it. It may be a secret, so it cannot be printed.
    pub text: Redacted,
    /// Its permissions, which programs that copy it keep. Nobody else can reach the file here in any case.
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
    if folder == SECRETS { 0o700 } else { 0o755 }
}

/// Stands in `argv` for the directory of [`Command::files`].
pub const FILES: &str = "{files}";

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// On the computer that runs nix8s.
    Here,
    /// On a machine, over SSH.
    Machine {
        /// Its name, for reports.
        name: MachineName,
        /// Its address; `None` when it is not known yet.
        address: Option<String>,
        /// The SSH port.
        port: u16,
        /// The SSH user.
        user: String,
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
        Self { on: Host::Here, argv, stdin: None, files: BTreeMap::new(), timeout }
    }

    /// A command on a machine.
    pub fn on<S: Into<String>>(
        machine: &Machine,
        argv: impl IntoIterator<Item = S>,
        timeout: Duration,
    ) -> Self {
        let on = Host::Machine {
            name: machine.name.clone(),
            address: machine.ssh.host.clone(),
            port: machine.ssh.port,
            user: machine.ssh.user.clone(),
        };
        let argv = argv.into_iter().map(Into::into).collect();
        Self { on, argv, stdin: None, files: BTreeMap::new(), timeout }
    }

    /// The same with something to read.
    pub fn reading(self, stdin: impl Into<Redacted>) -> Self {
        Self { stdin: Some(stdin.into()), ..self }
    }
}

/// Reads JSON that a program printed.
fn json<T: serde::de::DeserializeOwned>(program: &'static str, text: &str) -> Result<T, NotUnderstood> {
    serde_json::from_str(text).map_err(|e| NotUnderstood { program, why: e.to_string() })
}

/// A minute: commands that only ask or write something small.
pub const SHORT: Duration = Duration::from_secs(60);
