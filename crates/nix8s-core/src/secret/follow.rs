//! What follows when a secret gets a new value: which machines get it, in which order, and what is interrupted.

use super::delivery::has;
use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Role;
use crate::observed::Secret;

/// One thing that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// On these machines, one after the other where something is interrupted.
    pub machines: Vec<MachineName>,
    /// What: it completes "… on these".
    pub does: &'static str,
}

/// What follows, in order. Machines that are left alone get nothing.
pub fn follows(cluster: &Cluster, secret: &Secret) -> Vec<Follow> {
    let with = |role: Option<Role>| -> Vec<MachineName> {
        let all = cluster.machines.values().filter(|machine| !machine.skip && has(cluster, machine, secret));
        all.filter(|machine| role.is_none_or(|role| machine.role == role)).map(|m| m.name.clone()).collect()
    };
    let follow = |machines, does| Follow { machines, does };
    let all = match secret {
        Secret::Token => vec![
            follow(
                vec![cluster.ha.first_server.clone()],
                "change it in the datastore, as `k3s token rotate` does: the token encrypts what is kept there",
            ),
            follow(with(Some(Role::ControlPlane)), "write it and restart k3s, one at a time"),
        ],
        Secret::AgentToken => vec![
            follow(with(Some(Role::ControlPlane)), "write it and restart k3s, one at a time"),
            follow(with(Some(Role::Worker)), "write it and restart k3s; pods keep running"),
        ],
        Secret::DeployKey => vec![follow(
            with(None),
            "write its public half into the authorized keys; until then the key before it is used",
        )],
        Secret::HostKey(_) => {
            vec![follow(with(None), "write it and reload sshd; until then both keys are accepted")]
        }
    };
    all.into_iter().filter(|follow| !follow.machines.is_empty()).collect()
}
