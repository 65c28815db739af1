//! etcd, and with it the API server: there only while a majority of the members works.

use std::collections::BTreeMap;

use nix8s_core::model::MachineName;
use nix8s_core::model::Version;
use nix8s_core::observed::EtcdMember;
use serde::Deserialize;
use serde::Serialize;

use super::World;
use super::metal::Metal;

/// An etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Etcd {
    /// Which.
    pub id: u64,
    /// Member ids by machine.
    pub members: BTreeMap<MachineName, String>,
    /// The machine that made it.
    pub first: MachineName,
    /// kubeadm: the version in its ClusterConfiguration.
    pub version: Option<Version>,
}

impl World {
    /// Whether a machine's etcd works as a member of the cluster.
    pub fn votes(&self, metal: &Metal) -> bool {
        self.common.etcd.as_ref().is_some_and(|etcd| {
            etcd.members.contains_key(&metal.name)
                && metal.kube.datastore == Some(etcd.id)
                && metal.is_well(self.now)
        })
    }

    /// Members, and those among them that work.
    pub fn voters(&self) -> (usize, Vec<MachineName>) {
        let Some(etcd) = &self.common.etcd else { return (0, Vec::new()) };
        let works = |name: &&MachineName| self.metal.get(*name).is_some_and(|m| self.votes(m));
        (etcd.members.len(), etcd.members.keys().filter(works).cloned().collect())
    }

    /// Whether etcd has its majority.
    pub fn has_quorum(&self) -> bool {
        let (all, working) = self.voters();
        all > 0 && working.len() * 2 > all
    }

    /// Whether machines reach an API server.
    pub fn api_up(&self) -> bool {
        self.has_quorum() && self.now >= self.common.api_failing
    }

    /// Whether an API server is reached from where nix8s runs.
    pub fn api_answers(&self) -> bool {
        let (all, working) = self.voters();
        all > 0
            && working.len() * 2 > all
            && self.now >= self.common.api_failing
            && working.iter().any(|name| self.metal.get(name).is_some_and(|m| m.answers(self.now)))
    }

    /// What a machine's own etcd says about the members, if it runs one that has the majority on its side.
    pub fn members_seen_by(&self, metal: &Metal) -> Option<Vec<EtcdMember>> {
        if !self.votes(metal) || !self.has_quorum() {
            return None;
        }
        let etcd = self.common.etcd.as_ref()?;
        let member = |(name, id): (&MachineName, &String)| EtcdMember {
            id: id.clone(),
            name: name.to_string(),
            healthy: self.metal.get(name).is_some_and(|m| self.votes(m)),
        };
        Some(etcd.members.iter().map(member).collect())
    }

    /// Makes a new cluster on a machine. If another one's data is still somewhere, the check says so.
    pub fn new_etcd(&mut self, name: &MachineName) -> u64 {
        let holders: Vec<MachineName> =
            self.metal.values().filter(|m| m.kube.datastore.is_some()).map(|m| m.name.clone()).collect();
        self.check.new_etcd(name, &holders, self.now);
        let id = self.fresh();
        let member = self.member_id();
        let version = self.version_on(name);
        self.common_mut().etcd = Some(Etcd {
            id,
            members: BTreeMap::from([(name.clone(), member)]),
            first: name.clone(),
            version,
        });
        self.common_mut().platforms.clear();
        for node in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.remove_node(&node);
        }
        for pod in self.pods.keys().cloned().collect::<Vec<_>>() {
            self.remove_pod(&pod);
        }
        if let Some(metal) = self.metal_mut(name) {
            metal.kube.datastore = Some(id);
        }
        id
    }

    /// Makes a machine a member.
    pub fn add_member(&mut self, name: &MachineName) {
        let id = self.member_id();
        let Some(etcd) = &mut self.common_mut().etcd else { return };
        etcd.members.insert(name.clone(), id);
        let cluster = etcd.id;
        if let Some(metal) = self.metal_mut(name) {
            metal.kube.datastore = Some(cluster);
        }
    }

    /// Takes a member out. Its data stays on its disk, and is of no use any more.
    pub fn remove_member(&mut self, name: &MachineName) {
        if let Some(etcd) = &mut self.common_mut().etcd {
            etcd.members.remove(name);
        }
    }

    fn member_id(&mut self) -> String {
        let bits = self.random("member id").bits();
        format!("{bits:x}")
    }

    /// The Kubernetes version in a machine's running system.
    pub fn version_on(&self, name: &MachineName) -> Option<Version> {
        let path = self.metal.get(name)?.running()?;
        self.systems.get(path)?.system.version.clone()
    }
}
