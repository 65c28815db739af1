//! Node objects, and how they learn that their kubelet is there or gone.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::Transition;
use nix8s_core::model::Version;
use nix8s_core::observed::CORDON_ANNOTATION;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::NodeSeen;
use serde::Deserialize;
use serde::Serialize;

use super::Ms;
use super::SECOND;
use super::World;
use super::due::Due;
use super::metal::Health;
use super::system::Poison;

/// A Node object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// `metadata.uid`.
    pub uid: String,
    /// The Ready condition.
    pub ready: bool,
    /// `spec.unschedulable`, and since when.
    pub unschedulable: Option<Ms>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Taints, without those that Kubernetes manages.
    pub taints: BTreeSet<String>,
    /// The kubelet's version.
    pub version: Version,
    /// Whether it has the control plane's role label.
    pub control_plane: bool,
}

/// How long the API server waits before it believes that a kubelet is gone (node-monitor-grace-period).
pub const GRACE: Ms = 40 * SECOND;

/// How long a kubelet takes from active to Ready.
const BECOMES_READY: Ms = 8 * SECOND;

impl Node {
    /// Who cordoned it.
    pub fn cordon(&self) -> Cordon {
        match (self.unschedulable, self.annotations.contains_key(CORDON_ANNOTATION)) {
            (None, _) => Cordon::None,
            (Some(_), true) => Cordon::Ours,
            (Some(_), false) => Cordon::Foreign,
        }
    }

    /// As the API port shows it.
    pub fn seen(&self) -> NodeSeen {
        NodeSeen {
            uid: self.uid.clone(),
            ready: self.ready,
            cordon: self.cordon(),
            version: self.version.clone(),
            control_plane: self.control_plane,
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            taints: self.taints.clone(),
        }
    }
}

impl World {
    /// Takes note of what became of a machine: called after every change to it.
    pub fn refresh(&mut self, name: &MachineName) {
        let now = self.now;
        let Some(metal) = self.metal.get(name) else { return };
        let well = metal.is_well(now);
        if well == metal.health.well {
            return;
        }
        if let Some(metal) = self.metal_mut(name) {
            metal.health = Health { well, since: now };
        }
        if well {
            self.check.taken.remove(name);
        }
        let after = if well { BECOMES_READY } else { GRACE };
        self.later(after, Due::Heartbeat(name.clone(), now));
    }

    pub(super) fn heartbeat(&mut self, name: &MachineName, since: Ms) {
        let Some(metal) = self.metal.get(name) else { return };
        if metal.health.since != since {
            return;
        }
        let poisoned = metal.running().and_then(|p| self.poison_of(p)) == Some(Poison::NeverReady);
        let ready = metal.health.well && !poisoned;
        if self.nodes.get(name).is_some_and(|n| n.ready != ready)
            && let Some(node) = self.node_mut(name)
        {
            node.ready = ready;
        }
    }

    /// Registers a machine's Node, or brings the kubelet's version in the one there is up to date.
    pub fn register(&mut self, name: &MachineName, version: &Version, role: Role) {
        let uid = format!("{:08x}-{:04x}", self.random("uid").bits() as u32, self.fresh());
        let since = self.metal.get(name).map_or(self.now, |m| m.health.since);
        if let Some(node) = self.node_mut(name) {
            node.version = version.clone();
            node.control_plane = role == Role::ControlPlane;
        } else {
            let node = Node {
                uid,
                ready: false,
                unschedulable: None,
                annotations: BTreeMap::new(),
                labels: BTreeMap::from([("kubernetes.io/hostname".to_owned(), name.to_string())]),
                taints: BTreeSet::new(),
                version: version.clone(),
                control_plane: role == Role::ControlPlane,
            };
            self.add_node(name, node);
            self.happens(name, Transition::Join);
        }
        self.later(BECOMES_READY, Due::Heartbeat(name.clone(), since));
        self.check_registered(name, version, role);
    }
}
