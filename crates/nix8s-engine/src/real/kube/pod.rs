//! Pods on a node: which of them a drain has to deal with, decided as kubectl drain does.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use nix8s_core::model::MachineName;

use super::PAGE;
use super::failure;
use crate::port;
use crate::port::KubeError;

/// The annotation of a pod that a kubelet runs from a file of its own: its object here is only a mirror.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Pods on a node that a drain has to deal with.
pub async fn on(client: &Client, node: &MachineName) -> Result<Vec<port::Pod>, KubeError> {
    let api: Api<Pod> = Api::all(client.clone());
    let mut pods = Vec::new();
    let mut page = ListParams::default().fields(&format!("spec.nodeName={node}")).limit(PAGE);
    loop {
        let list = api.list(&page).await.map_err(|why| failure::of("list of pods", &why))?;
        pods.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    let owners: BTreeSet<Owner> = pods.iter().filter_map(daemon_set).collect();
    let mut there = BTreeSet::new();
    for owner in owners {
        let api: Api<DaemonSet> = Api::namespaced(client.clone(), &owner.namespace);
        let found = api.get_opt(&owner.name).await.map_err(|why| failure::of("DaemonSet", &why))?;
        if found.is_some_and(|set| set.metadata.uid.as_deref() == Some(&owner.uid)) {
            there.insert(owner);
        }
    }
    Ok(pods.iter().filter_map(|pod| to_drain(pod, &there)).collect())
}

/// A DaemonSet that a pod says it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    namespace: String,
    name: String,
    uid: String,
}

fn controller(pod: &Pod) -> Option<&OwnerReference> {
    pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn daemon_set(pod: &Pod) -> Option<Owner> {
    let owner = controller(pod).filter(|owner| owner.kind == "DaemonSet")?;
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    Some(Owner { namespace, name: owner.name.clone(), uid: owner.uid.clone() })
}

/// What a drain has to know of a pod; `None`: it has nothing to do with it.
fn to_drain(pod: &Pod, daemon_sets: &BTreeSet<Owner>) -> Option<port::Pod> {
    let metadata = &pod.metadata;
    let is_mirror = metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let has_ended = matches!(phase, Some("Succeeded" | "Failed"));
    let set = daemon_set(pod);
    // A DaemonSet's pod would be back at once, cordon or not.
    if is_mirror || has_ended || set.as_ref().is_some_and(|set| daemon_sets.contains(set)) {
        return None;
    }
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    Some(port::Pod {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        ending: metadata.deletion_timestamp.is_some(),
        // Nobody makes another one for a DaemonSet that is gone.
        bare: controller(pod).is_none() || set.is_some(),
        empty_dir: volumes.into_iter().any(|volume| volume.empty_dir.is_some()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn drained(pod: Value) -> Option<(bool, bool, bool)> {
        let there = Owner { namespace: "web".to_owned(), name: "agent".to_owned(), uid: "7".to_owned() };
        let mut pod: Pod = serde_json::from_value(pod).unwrap();
        pod.metadata.namespace = Some("web".to_owned());
        to_drain(&pod, &BTreeSet::from([there])).map(|pod| (pod.bare, pod.empty_dir, pod.ending))
    }

    fn owned(kind: &str, name: &str, uid: &str) -> Value {
        json!([{ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true }])
    }

    #[test]
    fn kubelets_own_pods_daemons_and_what_has_ended_stay() {
        let mirror = json!({ "metadata": { "annotations": { MIRROR: "1" }, "ownerReferences": owned("Node", "w1", "1") } });
        assert_eq!(drained(mirror), None);
        let daemon = json!({ "metadata": { "ownerReferences": owned("DaemonSet", "agent", "7") } });
        assert_eq!(drained(daemon), None);
        for phase in ["Succeeded", "Failed"] {
            let ended = json!({ "metadata": {}, "status": { "phase": phase } });
            assert_eq!(drained(ended), None, "{phase}");
        }
    }

    #[test]
    fn what_nobody_brings_back_is_bare() {
        let bare = json!({ "metadata": {}, "status": { "phase": "Running" } });
        assert_eq!(drained(bare), Some((true, false, false)));
        // A DaemonSet that is gone, and one that only has the same name.
        for (name, uid) in [("gone", "7"), ("agent", "8")] {
            let orphan = json!({ "metadata": { "ownerReferences": owned("DaemonSet", name, uid) } });
            assert_eq!(drained(orphan), Some((true, false, false)), "{name} {uid}");
        }
        // An owner that controls nothing brings nothing back.
        let mut owners = owned("Something", "else", "1");
        owners[0]["controller"] = json!(false);
        assert_eq!(drained(json!({ "metadata": { "ownerReferences": owners } })), Some((true, false, false)));
        let replicas = json!({ "metadata": { "ownerReferences": owned("ReplicaSet", "web", "1") } });
        assert_eq!(drained(replicas), Some((false, false, false)));
    }

    #[test]
    fn data_in_empty_dirs_and_an_end_that_has_begun_are_seen() {
        let pod = json!({
            "metadata": { "ownerReferences": owned("StatefulSet", "db", "1"), "deletionTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "containers": [], "volumes": [{ "name": "a", "configMap": {} }, { "name": "b", "emptyDir": {} }] },
        });
        assert_eq!(drained(pod), Some((false, true, true)));
    }
}
