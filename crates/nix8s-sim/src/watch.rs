//! Takes note of what is interrupted and for how long: the API, workers, and what runs on them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::observed::Cordon;

use crate::world::Ms;
use crate::world::World;

/// What was interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// The API server, from the moment that it first answered the machines.
    pub api: Outages,
    /// What runs on the cluster, by name: interrupted while none of its pods serves, once one did.
    pub workloads: BTreeMap<String, Outages>,
    /// The most workers that were down at once: not Ready, or cordoned by whomever, after they had been Ready.
    pub workers_down: usize,
    /// The most workers that nix8s kept out of service at once.
    pub workers_taken: usize,
    quorum_was_lost: bool,
    /// Workers that have been Ready.
    ready: BTreeSet<MachineName>,
}

/// When something was away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outages {
    /// How often.
    pub count: u32,
    /// The longest of them.
    pub longest: Ms,
    /// All of them together.
    pub total: Ms,
    was_there: bool,
    since: Option<Ms>,
}

impl Outages {
    /// Whether it is there now; `back`: when it came back at the latest, if that was before now.
    fn note(&mut self, now: Ms, is_there: bool, back: Ms) {
        match (is_there, self.since) {
            (true, Some(since)) => {
                let lasted = back.clamp(since, now) - since;
                self.since = None;
                self.total += lasted;
                self.longest = self.longest.max(lasted);
            }
            (true, None) => self.was_there = true,
            (false, None) if self.was_there => {
                self.since = Some(now);
                self.count += 1;
            }
            (false, _) => {}
        }
    }

    /// The same when what is still away counts until now.
    fn closed(mut self, now: Ms) -> Self {
        self.note(now, true, now);
        self
    }
}

impl Watch {
    /// The same when what is still away counts until now.
    pub fn closed(mut self, now: Ms) -> Self {
        self.api = self.api.closed(now);
        for outages in self.workloads.values_mut() {
            *outages = outages.closed(now);
        }
        self
    }

    fn note(&mut self, world: &World) {
        let now = world.now;
        self.note_api(world, now);
        let mut down = 0;
        let mut taken = 0;
        for (name, node) in &world.nodes {
            let is_wanted = world.fleet.machines.get(name).is_some_and(|m| m.role == Role::Worker);
            if node.control_plane || !is_wanted {
                continue;
            }
            if node.ready {
                self.ready.insert(name.clone());
            }
            if self.ready.contains(name) {
                down += usize::from(!node.ready || node.cordon() != Cordon::None);
                taken += usize::from(node.cordon() == Cordon::Ours);
            }
        }
        self.workers_down = self.workers_down.max(down);
        self.workers_taken = self.workers_taken.max(taken);
        for workload in &world.common.workloads {
            let pods = world.pods.values().filter(|p| p.workload == workload.name);
            // Nothing happens at the moment in which a pod gets ready: it is learnt of later.
            let ready = pods.filter(|p| world.serves(p)).map(|p| p.ready_at).min();
            let outages = match self.workloads.get_mut(&workload.name) {
                Some(outages) => outages,
                None => self.workloads.entry(workload.name.clone()).or_default(),
            };
            let back = ready.filter(|at| outages.since.is_some_and(|since| *at > since)).unwrap_or(now);
            outages.note(now, ready.is_some(), back);
        }
    }

    fn note_api(&mut self, world: &World, now: Ms) {
        let failing = world.common.api_failing;
        let has_quorum = world.has_quorum();
        // Nothing happens at the moment in which the API server stops failing either.
        let back = if self.quorum_was_lost { now } else { failing };
        self.quorum_was_lost = !has_quorum;
        self.api.note(now, has_quorum && now >= failing, back);
    }
}

impl World {
    /// Lets the watch see what has just changed.
    pub(crate) fn take_note(&mut self) {
        if !self.has_changed() {
            return;
        }
        if let Some(mut watch) = self.watch.take() {
            watch.note(self);
            self.watch = Some(watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_only_after_something_was_there() {
        let mut outages = Outages::default();
        outages.note(5, false, 5);
        outages.note(10, true, 10);
        outages.note(20, false, 20);
        outages.note(25, false, 25);
        outages.note(50, true, 30);
        outages.note(60, false, 60);
        let outages = outages.closed(65);
        assert_eq!((outages.count, outages.longest, outages.total), (2, 10, 15));
    }
}
