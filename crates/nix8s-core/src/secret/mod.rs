//! The secrets of a cluster: which there are, how they are kept, and which machine gets what. Values come and go as
//! [`Redacted`].

pub mod delivery;
pub mod document;
pub mod follow;
pub mod kept;
pub mod known_hosts;
mod name;
mod redacted;
pub mod scrub;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use kept::Kept;
pub use kept::Public;
pub use kept::Publics;
pub use kept::Value;
pub use redacted::MARK;
pub use redacted::Redacted;

use crate::model::Cluster;
use crate::model::Machine;
use crate::observed::Secret;

/// Secrets that a cluster needs.
pub fn wanted(cluster: &Cluster) -> BTreeSet<Secret> {
    let tokens = crate::distribution::of(cluster.distribution).has_tokens;
    let tokens = tokens.then_some([Secret::Token, Secret::AgentToken]).into_iter().flatten();
    let needs_key = |machine: &&Arc<Machine>| !machine.skip && !cluster.keeps_host_key(machine);
    let keys = cluster.machines.values().filter(needs_key).map(|m| Secret::HostKey(m.name.clone()));
    tokens.chain([Secret::DeployKey]).chain(keys).collect()
}

/// Whether a secret is a key pair, and no token.
pub fn is_key(secret: &Secret) -> bool {
    match secret {
        Secret::Token | Secret::AgentToken => false,
        Secret::DeployKey | Secret::HostKey(_) => true,
    }
}
