//! Which files of a machine hold secrets, and what is in them.
//!
//! The NixOS side reads them at these paths: `tokenFile` of k3s, the host key of sshd, and a file of authorized keys
//! beside those that the configuration names.

use std::collections::BTreeMap;

use super::Kept;
use super::Publics;
use super::Redacted;
use crate::model::Cluster;
use crate::model::Machine;
use crate::model::Role;
use crate::observed::Secret;
use crate::tool::File;
use crate::tool::SECRETS;

/// A machine's SSH host key; its public half has `.pub` behind it.
pub const HOST_KEY: &str = "etc/ssh/ssh_host_ed25519_key";

/// Who may log in as the user that nix8s deploys as: public keys, one a line.
pub const AUTHORIZED_KEYS: &str = "etc/ssh/nix8s_authorized_keys";

/// The files of a machine, by their path without the leading slash. They belong to root.
///
/// # Errors
/// When a secret that the machine needs does not exist: nothing is delivered by halves (N-17).
pub fn files(
    cluster: &Cluster,
    machine: &Machine,
    kept: &Kept,
    publics: &Publics,
) -> Result<BTreeMap<String, File>, Secret> {
    let text = |secret: Secret| match kept.values.get(&secret) {
        Some(value) => Ok(value.text.clone()),
        None => Err(secret),
    };
    let public = |secret: Secret| publics.get(&secret).ok_or(secret);
    let mut files = BTreeMap::new();
    if !cluster.keeps_host_key(machine) {
        let host_key = Secret::HostKey(machine.name.clone());
        files.insert(HOST_KEY.to_owned(), File::private(text(host_key.clone())?));
        let public = format!("{} {}\n", public(host_key)?.now, machine.name);
        files.insert(format!("{HOST_KEY}.pub"), File::public(public));
    }
    let deploy = public(Secret::DeployKey)?.all().map(|key| format!("{key} nix8s-{}\n", cluster.name));
    let users = cluster.secrets.ssh_pub_key.iter().map(|key| format!("{}\n", key.trim()));
    files.insert(AUTHORIZED_KEYS.to_owned(), File::public(deploy.chain(users).collect::<String>()));
    for secret in tokens(cluster, machine) {
        files.insert(format!("{SECRETS}/{secret}"), File::private(text(secret)?));
    }
    Ok(files)
}

/// The tokens that a machine needs: a worker must not be able to become a control plane.
fn tokens(cluster: &Cluster, machine: &Machine) -> Vec<Secret> {
    if !crate::distribution::of(cluster.distribution).has_tokens {
        return Vec::new();
    }
    match machine.role {
        Role::ControlPlane => vec![Secret::Token, Secret::AgentToken],
        Role::Worker => vec![Secret::AgentToken],
        Role::None => Vec::new(),
    }
}

/// Whether a machine has a file that holds this secret, or its public half.
pub fn has(cluster: &Cluster, machine: &Machine, secret: &Secret) -> bool {
    match secret {
        Secret::DeployKey => true,
        Secret::HostKey(name) => *name == machine.name && !cluster.keeps_host_key(machine),
        Secret::Token | Secret::AgentToken => tokens(cluster, machine).contains(secret),
    }
}

/// Keys to log in with: the deploy key, and the one before it as long as machines may know only that.
pub fn login_keys(kept: &Kept) -> Vec<Redacted> {
    let value = kept.values.get(&Secret::DeployKey);
    value.into_iter().flat_map(|value| [Some(value.text.clone()), value.before.clone()]).flatten().collect()
}
