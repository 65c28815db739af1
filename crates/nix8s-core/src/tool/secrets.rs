//! `nix8s secrets`: run as a program of its own, so that planning and reports never hold a secret.

use std::collections::BTreeSet;

use super::Command;
use super::NotUnderstood;
use super::SHORT;
use super::json;
use crate::model::ClusterName;
use crate::observed::Secret;

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
    Command::here(["nix8s", "secrets", "generate", cluster.as_str()], SHORT).reading(missing)
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
