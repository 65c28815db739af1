//! k3s and kubeadm on a machine: when their units start, join and try again.

use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;

use super::SECOND;
use super::World;
use super::due::Due;
use super::metal::Belongs;
use super::metal::Running;
use super::system::Kind;

/// How long k3s waits before it tries to join again.
const AGAIN: i64 = 10 * SECOND;

impl World {
    /// (Re)starts the distribution's units, which takes a while.
    pub fn start_kubernetes(&mut self, name: &MachineName) {
        let Some(metal) = self.metal.get(name) else { return };
        let joined = matches!(metal.kube.state, Some(Belongs::Joined(_)));
        let takes = if joined { self.seconds("restart", 5, 15) } else { self.seconds("join", 20, 40) };
        let Some(metal) = self.metal_mut(name) else { return };
        metal.kube.active = false;
        metal.kube.start += 1;
        let start = metal.kube.start;
        self.refresh(name);
        self.later(takes, Due::Kubernetes(name.clone(), start));
    }

    /// The system that runs on a machine.
    pub fn kind_on(&self, name: &MachineName) -> Option<&Kind> {
        self.systems.get(self.metal.get(name)?.running()?)
    }

    pub(super) fn kubernetes_due(&mut self, name: &MachineName, start: u32) {
        let Some(metal) = self.metal.get(name) else { return };
        if metal.kube.start != start || !metal.is_up(self.now) || metal.os != Running::NixOs {
            return;
        }
        let Some(kind) = self.kind_on(name).cloned() else { return };
        if kind.role == Role::None {
            return;
        }
        let started = match kind.distribution {
            Distribution::K3s => self.k3s(name, kind.role),
            Distribution::Kubeadm => self.kubelet(name),
            Distribution::K0s => Started::Not,
        };
        match started {
            Started::Not => {}
            Started::Later => self.later(AGAIN, Due::Kubernetes(name.clone(), start)),
            Started::Yes => self.kubelet_runs(name, &kind, start),
        }
    }

    /// The unit waits for its role file, which says init or join.
    fn k3s(&mut self, name: &MachineName, role: Role) -> Started {
        let Some(metal) = self.metal.get(name) else { return Started::Not };
        let Some(file) = metal.kube.role_file.clone() else { return Started::Not };
        let cut = self.now < metal.peers_cut || self.now < metal.skewed;
        let current = self.common.etcd.as_ref().map(|e| e.id);
        let member = self.common.etcd.as_ref().is_some_and(|e| e.members.contains_key(name));
        match (role, metal.kube.datastore, metal.kube.state) {
            (Role::None, _, _) => Started::Not,
            (Role::ControlPlane, Some(id), _) if Some(id) == current && member => self.belongs(name, id),
            // etcd refuses: this member was removed, or the data is another cluster's.
            (Role::ControlPlane, Some(_), _) => Started::Later,
            (Role::ControlPlane, None, _) if file.contains("cluster-init: true") => {
                let id = self.new_etcd(name);
                self.belongs(name, id)
            }
            (Role::Worker, _, Some(Belongs::Joined(id))) if Some(id) == current => Started::Yes,
            (Role::ControlPlane | Role::Worker, _, _) => {
                let Some(id) = current.filter(|_| !cut && self.api_up() && file.contains("server: https://"))
                else {
                    if let Some(metal) = self.metal_mut(name) {
                        metal.kube.state = metal.kube.state.or(Some(Belongs::Begun));
                    }
                    return Started::Later;
                };
                if role == Role::ControlPlane {
                    self.add_member(name);
                }
                self.belongs(name, id)
            }
        }
    }

    fn belongs(&mut self, name: &MachineName, id: u64) -> Started {
        if let Some(metal) = self.metal_mut(name) {
            metal.kube.state = Some(Belongs::Joined(id));
        }
        Started::Yes
    }

    /// A kubelet that kubeadm set up starts by itself.
    fn kubelet(&self, name: &MachineName) -> Started {
        let joined = self.metal.get(name).is_some_and(|m| matches!(m.kube.state, Some(Belongs::Joined(_))));
        if joined { Started::Yes } else { Started::Not }
    }

    fn kubelet_runs(&mut self, name: &MachineName, kind: &Kind, start: u32) {
        let version = kind.system.version.clone();
        let Some(metal) = self.metal_mut(name) else { return };
        metal.kube.active = true;
        metal.kube.version.clone_from(&version);
        let cut = metal.peers_cut;
        self.refresh(name);
        let known = matches!(self.metal[name].kube.state, Some(Belongs::Joined(id))
            if self.common.etcd.as_ref().is_some_and(|e| e.id == id));
        if !known {
            return;
        }
        if self.api_up() && self.now >= cut {
            if let Some(version) = version {
                self.register(name, &version, kind.role);
            }
        } else {
            self.later(AGAIN, Due::Kubernetes(name.clone(), start));
        }
    }
}

/// What became of an attempt to start.
enum Started {
    /// There is nothing to start.
    Not,
    /// It failed, and systemd tries again.
    Later,
    /// It runs.
    Yes,
}
