//! `nix8s secrets`: run as a program of its own, so that planning and reports never hold a secret.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use super::Command;
use super::File;
use super::NotUnderstood;
use super::SHORT;
use super::json;
use crate::model::ClusterName;
use crate::model::MachineName;
use crate::observed::Secret;
use crate::secret::Redacted;

/// Lists the secrets that exist, by name.
pub fn check(cluster: &ClusterName) -> Command {
    Command::here(["nix8s", "-o", "json", "secrets", "check", cluster.as_str()], SHORT)
}

/// Reads what [`check`] printed.
///
/// # Errors
/// When it is not a list of names.
pub fn checked(stdout: &str) -> Result<BTreeSet<Secret>, NotUnderstood> {
    json("nix8s secrets check", stdout)
}

/// Makes the secrets that are missing; existing ones are left as they are.
pub fn generate(cluster: &ClusterName, missing: &BTreeSet<Secret>) -> Command {
    let missing = serde_json::to_string(missing).expect("a list of names");
    let argv = ["nix8s", "secrets", "generate", "--names-on-stdin", cluster.as_str()];
    Command::here(argv, SHORT).reading(missing)
}

/// Prints the files of a machine that hold secrets, for the one who puts them there.
pub fn files(cluster: &ClusterName, machine: &MachineName) -> Command {
    let argv = ["nix8s", "-o", "json", "secrets", "files", cluster.as_str(), machine.as_str()];
    Command::here(argv, SHORT)
}

/// A file as [`files`] prints it.
#[derive(Serialize, Deserialize)]
struct Printed {
    mode: u32,
    text: String,
}

/// What [`files`] prints.
pub fn print_files(files: &BTreeMap<String, File>) -> Redacted {
    let printed = |file: &File| Printed { mode: file.mode, text: file.text.expose().to_owned() };
    let all: BTreeMap<&String, Printed> = files.iter().map(|(path, file)| (path, printed(file))).collect();
    serde_json::to_string(&all).expect("texts and numbers").into()
}

/// Reads what [`files`] printed.
///
/// # Errors
/// When it is not that; what it is instead is not told, because it may hold secrets.
pub fn files_printed(stdout: &Redacted) -> Result<BTreeMap<String, File>, NotUnderstood> {
    let wrong =
        |_| NotUnderstood { program: "nix8s secrets files", why: "it is no list of files".to_owned() };
    let all: BTreeMap<String, Printed> = serde_json::from_str(stdout.expose()).map_err(wrong)?;
    Ok(all.into_iter().map(|(path, file)| (path, File { text: file.text.into(), mode: file.mode })).collect())
}

/// Forgets what was accepted of a machine that has its own host key by now.
pub fn settled(cluster: &ClusterName, machine: &MachineName) -> Command {
    Command::here(["nix8s", "secrets", "settled", cluster.as_str(), machine.as_str()], SHORT)
}

/// Prints the keys to log in with, for the agent of a run.
pub fn logins(cluster: &ClusterName) -> Command {
    Command::here(["nix8s", "-o", "json", "secrets", "logins", cluster.as_str()], SHORT)
}

/// What [`logins`] prints.
pub fn print_logins(keys: &[Redacted]) -> Redacted {
    let all: Vec<&str> = keys.iter().map(Redacted::expose).collect();
    serde_json::to_string(&all).expect("texts").into()
}

/// Reads what [`logins`] printed.
///
/// # Errors
/// When it is not that; what it is instead is not told, because it may hold secrets.
pub fn logins_printed(stdout: &Redacted) -> Result<Vec<Redacted>, NotUnderstood> {
    let wrong =
        |_| NotUnderstood { program: "nix8s secrets logins", why: "it is no list of keys".to_owned() };
    let all: Vec<String> = serde_json::from_str(stdout.expose()).map_err(wrong)?;
    Ok(all.into_iter().map(Redacted::from).collect())
}

/// Where the kept kubeconfig of a cluster stands with its API server.
pub fn check_kubeconfig(cluster: &ClusterName) -> Command {
    Command::here(["nix8s", "-o", "json", "kubeconfig", cluster.as_str(), "--check"], SHORT)
}

/// Reads what [`check_kubeconfig`] printed.
///
/// # Errors
/// When it is none of `missing`, `stale`, `works`.
pub fn kubeconfig_checked(stdout: &str) -> Result<crate::observed::KubeconfigSeen, NotUnderstood> {
    json("nix8s kubeconfig --check", stdout)
}
