//! Rules 5 to 8, 10, 14, 16 and 17: how changes roll.

use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::model::Strategy;
use nix8s_core::model::Version;
use nix8s_core::observed::Cordon;

use crate::world::World;
use crate::world::metal::Metal;

/// What kubelets and API servers may differ in: the build suffix says nothing about that.
fn level(version: &Version) -> (u32, Option<u32>) {
    (version.minor, version.patch)
}

impl World {
    /// Rule 17: one more machine is interrupted or removed.
    pub(crate) fn check_affected(&mut self, name: &MachineName) {
        let Some(permit) = &self.check.permit else { return };
        if permit.nodes.as_ref().is_some_and(|n| n.contains(name))
            || !self.check.affected.insert(name.clone())
        {
            return;
        }
        let workers = self.fleet.machines.values().filter(|m| m.role == Role::Worker).count();
        let default = workers.div_ceil(2).max(5);
        let given = permit.max_affected.or(self.fleet.policy.max_affected);
        let limit = given.map_or(default, |n| n as usize);
        let affected = self.check.affected.len();
        if affected > limit {
            self.broken("r17", name, format!("{affected} machines affected, {limit} are allowed"));
        }
    }

    /// Rule 5: nix8s takes a worker out of service.
    pub(crate) fn check_worker_down(&mut self, name: &MachineName, what: &str) {
        if self.fleet.upgrade.strategy == Strategy::Parallel {
            return;
        }
        let Some(this) = self.nodes.get(name) else { return };
        if this.control_plane || !this.ready {
            return;
        }
        let down = |(other, node): &(&MachineName, &crate::world::node::Node)| {
            let wanted = self.fleet.machines.get(*other).is_some_and(|m| m.role == Role::Worker && !m.skip);
            let ours = node.cordon() == Cordon::Ours;
            *other != name
                && !node.control_plane
                && (ours || (wanted && !node.ready && self.known_unwell(other)))
        };
        let down: Vec<String> = self.nodes.iter().filter(down).map(|(n, _)| n.to_string()).collect();
        let limit = self.fleet.upgrade.max_unavailable as usize;
        if down.len() + 1 > limit {
            let text = format!(
                "{what} while {} of at most {limit} workers are down: {}",
                down.len(),
                down.join(", ")
            );
            self.broken("r5", name, text);
        }
    }

    /// A switch is asked for. Rollbacks are not asked here.
    pub(crate) fn check_switch(&mut self, name: &MachineName, to: &StorePath, interrupts: bool) {
        let Some(metal) = self.metal.get(name).cloned() else { return };
        if metal.failed.contains_key(to) {
            self.broken("r16", name, format!("{to} failed its gates here before"));
        }
        self.check_copied_before_drain(name, &metal, to);
        self.check_budget_of_failures(name, to);
        self.check_versions(name, &metal, to);
        self.check_same_version_order(name, &metal, to);
        if interrupts {
            self.check_pods_left(name, "switched");
            let cordoned = self.nodes.get(name).is_some_and(|n| n.cordon() != Cordon::None);
            if !cordoned {
                self.check_worker_down(name, "a switch");
            }
            self.check_control_plane_down(name, "a switch");
        }
    }

    /// Rule 6. A machine may still be out of service for an earlier change: what counts is when it was drained for this
    /// one.
    fn check_copied_before_drain(&mut self, name: &MachineName, metal: &Metal, to: &StorePath) {
        let Some(drained) = self.check.drained.get(name).copied() else { return };
        let cordoned = self.nodes.get(name).is_some_and(|n| n.cordon() != Cordon::None);
        let copied = metal.store.get(to).copied().unwrap_or(self.now);
        if cordoned && drained > self.check.run_since && copied > drained {
            self.broken("r6", name, "it was drained before its new system was there".to_owned());
        }
    }

    /// Rule 7. What was known when nix8s last looked counts.
    ///
    /// Failures of systems that are wanted no longer are the past's.
    fn check_budget_of_failures(&mut self, name: &MachineName, to: &StorePath) {
        let observed = self.check.observed;
        let version = self.systems.get(to).and_then(|kind| kind.system.version.clone());
        let version = version.unwrap_or_else(|| self.fleet.version.clone());
        let failed_now = |other: &MachineName| {
            let wanted = self.system_of(other, &version).map(|kind| kind.system.path);
            let failed = self.metal.get(other).map(|m| &m.failed);
            wanted.is_some_and(|path| failed.is_some_and(|failed| failed.contains_key(&path)))
        };
        let failed: Vec<String> = self
            .check
            .failed
            .iter()
            .filter(|(m, at)| *m != name && **at < observed && !self.leaves(m) && failed_now(m))
            .map(|(m, _)| m.to_string())
            .collect();
        let budget = self.fleet.upgrade.failure_budget as usize;
        // A machine that is in no cluster yet is no part of the roll.
        if failed.len() > budget && self.nodes.contains_key(name) {
            self.broken(
                "r7",
                name,
                format!("the roll should have halted: {} failed before", failed.join(", ")),
            );
        }
    }

    /// Rule 8, versions: one minor at a time, never back, workers never newer than a control plane.
    fn check_versions(&mut self, name: &MachineName, metal: &Metal, to: &StorePath) {
        let from = metal.running().and_then(|p| self.systems.get(p)).and_then(|k| k.system.version.clone());
        let kind = self.systems.get(to).cloned();
        let (Some(from), Some(kind)) = (from, kind) else { return };
        let Some(version) = kind.system.version else { return };
        if self.nodes.contains_key(name) {
            if version.minor > from.minor + 1 {
                self.broken("r8", name, format!("{from} to {version} skips a minor version"));
            }
            if version.minor < from.minor {
                self.broken("r8", name, format!("{from} to {version} goes back"));
            }
            if kind.role == Role::Worker {
                self.check_not_newer(name, &version);
            }
        }
    }

    /// No kubelet of a worker is newer than a control plane.
    fn check_not_newer(&mut self, name: &MachineName, version: &Version) {
        let Some(etcd) = &self.common.etcd else { return };
        let older = etcd.members.keys().find_map(|cp| {
            let kube = &self.metal.get(cp)?.kube;
            let theirs = kube.components.clone().or(kube.version.clone())?;
            (level(&theirs) < level(version)).then(|| (cp.clone(), theirs))
        });
        if let Some((cp, theirs)) = older {
            self.broken("r8", name, format!("a worker at {version} while control plane {cp} is at {theirs}"));
        }
    }

    /// Rule 8, for what a registering Node brings.
    pub(crate) fn check_registered(&mut self, name: &MachineName, version: &Version, role: Role) {
        if role == Role::Worker {
            self.check_not_newer(name, version);
        }
    }

    /// Rule 8 for changes within a version: workers, then control planes, the first server last.
    fn check_same_version_order(&mut self, name: &MachineName, metal: &Metal, to: &StorePath) {
        // What is in no cluster yet is no part of the order, and what was begun by an earlier plan keeps its turn.
        let begun = |node: &crate::world::node::Node| {
            node.cordon() == Cordon::Ours && node.unschedulable.is_some_and(|at| at < self.check.observed)
        };
        if self.nodes.get(name).is_none_or(begun) {
            return;
        }
        let from = metal.running().and_then(|p| self.systems.get(p)).and_then(|k| k.system.version.clone());
        let Some(kind) = self.systems.get(to).cloned() else { return };
        if kind.role != Role::ControlPlane
            || from != kind.system.version
            || self.fleet.upgrade.control_planes_first
        {
            return;
        }
        let Some(version) = kind.system.version else { return };
        let first = self.common.etcd.as_ref().map(|e| e.first.clone());
        let pending = self.fleet.machines.values().find(|other| {
            let earlier = other.role == Role::Worker
                || (other.role == Role::ControlPlane && first.as_ref() == Some(name) && other.name != *name);
            earlier && other.name != *name && self.waits_for_update(&other.name, &version)
        });
        if let Some(other) = pending.map(|m| m.name.clone()) {
            self.broken("r8", name, format!("a control plane was switched before {other}"));
        }
    }

    /// Whether a machine could have been updated and was not.
    fn waits_for_update(&self, name: &MachineName, version: &Version) -> bool {
        let (Some(metal), Some(node)) = (self.metal.get(name), self.nodes.get(name)) else { return false };
        let Some(wanted) = self.system_of(name, version) else { return false };
        let machine = self.fleet.machines.get(name);
        let settled = self.check.observed.saturating_sub(120_000);
        metal.answers(self.now)
            && metal.health.well
            && metal.health.since < settled
            && node.ready
            && node.cordon() != Cordon::Foreign
            && machine.is_some_and(|m| !m.skip)
            && !self.leaves(name)
            && metal.failed.is_empty()
            && metal.held.as_ref() != Some(&wanted.system.path)
            && !self.check.trouble.contains_key(name)
            && metal.running().is_some_and(|p| *p != wanted.system.path)
            && metal
                .running()
                .and_then(|p| self.systems.get(p))
                .is_some_and(|k| k.system.version == wanted.system.version)
            && !self
                .pods
                .values()
                .any(|p| p.node.as_ref() == Some(name) && self.workload(p).is_some_and(|w| w.replicas == 0))
    }

    /// Rule 10: whatever stops a machine's pods is an eviction as well.
    pub(crate) fn check_pods_left(&mut self, name: &MachineName, what: &str) {
        if !self.nodes.get(name).is_some_and(|n| n.ready) {
            return;
        }
        let held = self.pods.values().filter(|p| p.node.as_ref() == Some(name)).find_map(|p| self.held_by(p));
        if let Some(budget) = held {
            self.broken("r10", name, format!("it was {what} with pods that {budget} holds"));
        }
    }

    /// nix8s has put on record that a machine's system failed its gates there: from now on it knows.
    pub(crate) fn gates_failed(&mut self, name: &MachineName, path: &StorePath) {
        let now = self.now;
        self.check.failed.entry(name.clone()).or_insert(now);
        if let Some(metal) = self.metal_mut(name) {
            metal.failed.entry(path.clone()).or_insert(now);
        }
    }

    /// A person forgives a machine's systems.
    pub fn forgive(&mut self, name: &MachineName) {
        self.check.failed.remove(name);
        self.check.trouble.remove(name);
        if let Some(metal) = self.metal_mut(name) {
            metal.failed.clear();
        }
    }
}
