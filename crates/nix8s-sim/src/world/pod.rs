//! Pods: where they run, what a budget allows, and how they come back elsewhere.

use std::collections::BTreeMap;

use nix8s_core::model::MachineName;
use serde::Deserialize;
use serde::Serialize;

use super::Ms;
use super::World;
use super::due::Due;
use super::node::Node;

/// A deployment with its budget, or a bare pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Pods that there should be; 0: a single pod that no controller brings back.
    pub replicas: u32,
    /// Its PodDisruptionBudget's minAvailable.
    pub min_available: Option<u32>,
    /// Whether its pods keep data in emptyDir volumes.
    pub empty_dir: bool,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldPod {
    /// Its name.
    pub name: String,
    /// The workload that it belongs to.
    pub workload: String,
    /// Where it runs; nowhere while it is pending.
    pub node: Option<MachineName>,
    /// When it is ready to serve.
    pub ready_at: Ms,
    /// It was evicted and is shutting down.
    pub going: bool,
}

/// How long pods stay on a node that is not Ready.
const TOLERATED: Ms = super::node::GRACE + 300 * super::SECOND;

impl World {
    /// Gives pending pods a node, as the scheduler does whenever it can.
    pub fn schedule(&mut self) {
        let fits = |(_, node): &(&MachineName, &Node)| node.ready && node.unschedulable.is_none();
        let places: Vec<MachineName> = self.nodes.iter().filter(fits).map(|(name, _)| name.clone()).collect();
        if places.is_empty() {
            return;
        }
        self.make_pods(&places);
        self.give_up_dead_nodes();
        let pending: Vec<String> =
            self.pods.values().filter(|p| p.node.is_none()).map(|p| p.name.clone()).collect();
        if pending.is_empty() {
            return;
        }
        let mut load: BTreeMap<MachineName, usize> = places.into_iter().map(|name| (name, 0)).collect();
        for pod in self.pods.values() {
            if let Some(count) = pod.node.as_ref().and_then(|n| load.get_mut(n)) {
                *count += 1;
            }
        }
        for name in pending {
            let Some(place) = load.iter().min_by_key(|(_, count)| **count).map(|(n, _)| n.clone()) else {
                return;
            };
            *load.entry(place.clone()).or_default() += 1;
            let ready_at = self.now + self.seconds("pod", 5, 20);
            if let Some(pod) = self.pod_mut(&name) {
                pod.node = Some(place);
                pod.ready_at = ready_at;
            }
        }
    }

    /// Pods on a node that is not Ready for long are made anew elsewhere (the not-ready toleration's five minutes).
    fn give_up_dead_nodes(&mut self) {
        let dead = |name: &MachineName| {
            let well =
                self.metal.get(name).is_some_and(|m| m.health.well || self.now < m.health.since + TOLERATED);
            !well && self.nodes.get(name).is_some_and(|n| !n.ready)
        };
        let lost: Vec<MachineName> = self.nodes.keys().filter(|name| dead(name)).cloned().collect();
        for name in lost {
            self.lose_pods(&name);
        }
    }

    fn make_pods(&mut self, places: &[MachineName]) {
        if !self.pods.is_empty() || places.len() < 2 {
            return;
        }
        for workload in self.common.workloads.clone() {
            for at in 0..workload.replicas.max(1) {
                self.add_pod(WorldPod {
                    name: format!("{}-{at}", workload.name),
                    workload: workload.name.clone(),
                    node: None,
                    ready_at: self.now,
                    going: false,
                });
            }
        }
    }

    /// The workload of a pod.
    pub fn workload(&self, pod: &WorldPod) -> Option<&Workload> {
        self.common.workloads.iter().find(|w| w.name == pod.workload)
    }

    /// Whether a pod serves now.
    pub fn serves(&self, pod: &WorldPod) -> bool {
        !pod.going
            && self.now >= pod.ready_at
            && pod.node.as_ref().is_some_and(|n| self.nodes.get(n).is_some_and(|n| n.ready))
    }

    /// The budget that keeps a pod from being evicted now.
    pub fn held_by(&self, pod: &WorldPod) -> Option<String> {
        let workload = self.workload(pod)?;
        let min = workload.min_available?;
        let serving = self.pods.values().filter(|p| p.workload == workload.name && self.serves(p)).count();
        let after = serving - usize::from(self.serves(pod));
        let counts = self.serves(pod) && after < min as usize;
        counts.then(|| format!("{}-budget", workload.name))
    }

    /// Begins an eviction that was allowed.
    pub fn evict(&mut self, name: &str) {
        let takes = self.seconds("evict", 2, 30);
        if let Some(pod) = self.pod_mut(name) {
            pod.going = true;
        }
        self.later(takes, Due::PodGone(name.to_owned()));
    }

    pub(super) fn pod_gone(&mut self, name: &str) {
        if let Some(pod) = self.pod_mut(name) {
            pod.node = None;
            pod.going = false;
        }
        self.schedule();
    }

    /// Pods of a node that is no more: controllers bring theirs back, bare ones are lost.
    pub fn lose_pods(&mut self, node: &MachineName) {
        let there: Vec<WorldPod> =
            self.pods.values().filter(|p| p.node.as_ref() == Some(node)).cloned().collect();
        for pod in there {
            if self.workload(&pod).is_some_and(|w| w.replicas == 0) {
                self.remove_pod(&pod.name);
            } else if let Some(pod) = self.pod_mut(&pod.name) {
                pod.node = None;
                pod.going = false;
            }
        }
    }
}
