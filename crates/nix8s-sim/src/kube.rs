//! The simulated API server.

use std::sync::Arc;

use async_trait::async_trait;
use nix8s_core::model::MachineName;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::CORDON_ANNOTATION;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::NodeSeen;
use nix8s_core::plan::MetadataPatch;
use nix8s_engine::port::Evicted;
use nix8s_engine::port::Kube;
use nix8s_engine::port::KubeError;
use nix8s_engine::port::Pod;

use crate::fault::CallFault;
use crate::shared::Shared;
use crate::world::SECOND;
use crate::world::World;
use crate::world::node::Node;

/// The simulated `Kube`.
pub struct SimKube {
    pub(crate) shared: Arc<Shared>,
}

fn not_found(node: &MachineName) -> KubeError {
    KubeError::NotFound { what: format!("node {node}") }
}

impl SimKube {
    /// One call: it takes its time, may go wrong, and works only while an API server answers.
    async fn call<R>(
        &self,
        what: &str,
        about: &str,
        takes: (u64, u64),
        f: impl FnOnce(&mut World) -> Result<R, KubeError>,
    ) -> Result<R, KubeError> {
        let ms = self.shared.with(|w| {
            let at = w.now;
            w.check.called(format!("{at} api: {what} {about}"));
            w.seconds("api", takes.0, takes.1) + 100
        });
        self.shared.moment().await;
        let fault = self.shared.fault(&format!("api: {what} {about}"));
        match fault {
            Some(CallFault::Fails) => {
                return Err(KubeError::Refused {
                    message: "etcdserver: request timed out (simulated)".to_owned(),
                });
            }
            Some(CallFault::LostBefore) => {
                self.shared.pass(10 * SECOND).await;
                return Err(KubeError::Unreachable);
            }
            Some(CallFault::Slow | CallFault::Hangs) => self.shared.pass(30 * SECOND).await,
            Some(CallFault::LostAfter) | None => {}
        }
        self.shared.pass(ms).await;
        let result = self.shared.with(|w| if w.api_answers() { f(w) } else { Err(KubeError::Unreachable) });
        self.shared.moment().await;
        if fault == Some(CallFault::LostAfter) { Err(KubeError::Unreachable) } else { result }
    }
}

#[async_trait]
impl Kube for SimKube {
    async fn look(&self) -> Result<ApiSeen, KubeError> {
        self.call("look", "", (0, 1), |w| {
            w.schedule();
            let nodes: std::collections::BTreeMap<_, _> =
                w.nodes.iter().map(|(name, node)| (name.clone(), node.seen())).collect();
            let foreign = nodes.iter().filter(|(_, n)| n.cordon == Cordon::Foreign);
            w.check.foreign_cordons = foreign.map(|(name, _)| name.clone()).collect();
            Ok(ApiSeen { nodes, platforms: w.common.platforms.clone() })
        })
        .await
    }

    async fn node(&self, node: &MachineName) -> Result<Option<NodeSeen>, KubeError> {
        self.call("node", node.as_str(), (0, 1), |w| Ok(w.nodes.get(node).map(Node::seen))).await
    }

    async fn cordon(&self, node: &MachineName, owner: &str) -> Result<(), KubeError> {
        self.call("cordon", node.as_str(), (0, 1), |w| {
            let now = w.now;
            let cordon = w.nodes.get(node).ok_or_else(|| not_found(node))?.cordon();
            if cordon == Cordon::None {
                w.check_affected(node);
                w.check_worker_down(node, "a cordon");
            }
            if cordon != Cordon::Foreign
                && let Some(node) = w.node_mut(node)
            {
                node.unschedulable = node.unschedulable.or(Some(now));
                node.annotations.insert(CORDON_ANNOTATION.to_owned(), owner.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn uncordon(&self, node: &MachineName) -> Result<(), KubeError> {
        self.call("uncordon", node.as_str(), (0, 1), |w| {
            let cordon = w.nodes.get(node).ok_or_else(|| not_found(node))?.cordon();
            if cordon != Cordon::Foreign
                && let Some(node) = w.node_mut(node)
            {
                node.unschedulable = None;
                node.annotations.remove(CORDON_ANNOTATION);
            }
            w.schedule();
            Ok(())
        })
        .await
    }

    async fn pods(&self, node: &MachineName) -> Result<Vec<Pod>, KubeError> {
        self.call("pods", node.as_str(), (0, 1), |w| {
            w.schedule();
            let there = w.pods.values().filter(|p| p.node.as_ref() == Some(node));
            Ok(there
                .map(|p| {
                    let workload = w.workload(p);
                    Pod {
                        namespace: "default".to_owned(),
                        name: p.name.clone(),
                        // No name is used twice here.
                        uid: p.name.clone(),
                        ending: p.going,
                        bare: workload.is_none_or(|w| w.replicas == 0),
                        empty_dir: workload.is_some_and(|w| w.empty_dir),
                    }
                })
                .collect())
        })
        .await
    }

    async fn evict(&self, pod: &Pod) -> Result<Evicted, KubeError> {
        self.call("evict", &pod.name, (0, 1), |w| {
            let Some(found) = w.pods.get(&pod.name).filter(|p| p.node.is_some() && !p.going) else {
                return Ok(Evicted::Gone);
            };
            if let Some(budget) = w.held_by(found) {
                let (at, node) = (w.now, found.node.clone());
                w.check.trouble.extend(node.map(|node| (node, at)));
                return Ok(Evicted::Held { budget });
            }
            w.evict(&pod.name);
            Ok(Evicted::Going)
        })
        .await
    }

    async fn delete_node(&self, node: &MachineName, uid: &str) -> Result<(), KubeError> {
        self.call("delete node", node.as_str(), (0, 1), |w| {
            match w.nodes.get(node) {
                None => return Ok(()),
                Some(found) if found.uid != uid => {
                    return Err(KubeError::Refused {
                        message: format!("the uid of node {node} is another one"),
                    });
                }
                Some(_) => {}
            }
            w.check_left(node, "its Node was deleted");
            w.check_affected(node);
            w.remove_node(node);
            w.lose_pods(node);
            w.schedule();
            Ok(())
        })
        .await
    }

    async fn set_metadata(&self, node: &MachineName, patch: &MetadataPatch) -> Result<(), KubeError> {
        self.call("set metadata", node.as_str(), (0, 1), |w| {
            let node = w.node_mut(node).ok_or_else(|| not_found(node))?;
            for (map, changes) in
                [(&mut node.labels, &patch.labels), (&mut node.annotations, &patch.annotations)]
            {
                for (key, value) in changes {
                    match value {
                        Some(value) => map.insert(key.clone(), value.clone()),
                        None => map.remove(key),
                    };
                }
            }
            node.taints.retain(|taint| !patch.remove_taints.contains(taint));
            node.taints.extend(patch.add_taints.iter().cloned());
            Ok(())
        })
        .await
    }

    async fn remove_etcd_member(&self, node: &MachineName) -> Result<(), KubeError> {
        self.call("remove etcd member", node.as_str(), (5, 15), |w| {
            if !w.nodes.contains_key(node) {
                return Err(not_found(node));
            }
            w.check_leave(node);
            w.remove_member(node);
            Ok(())
        })
        .await
    }

    async fn install_platform(&self, platform: &str, version: &str) -> Result<(), KubeError> {
        self.call("install platform", platform, (30, 90), |w| {
            if !w.nodes.values().any(|n| n.ready) {
                return Err(KubeError::Refused { message: "no node is Ready".to_owned() });
            }
            w.common_mut().platforms.insert(platform.to_owned(), version.to_owned());
            Ok(())
        })
        .await
    }
}
