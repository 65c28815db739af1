//! Node objects: what they say, who cordoned them, and how that changes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::core::v1::Taint;
use kube::Api;
use kube::Client;
use kube::Error;
use kube::api::DeleteParams;
use kube::api::ListParams;
use kube::api::Patch;
use kube::api::PatchParams;
use kube::api::Preconditions;
use nix8s_core::model::MachineName;
use nix8s_core::model::Version;
use nix8s_core::observed::CORDON_ANNOTATION;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::NodeSeen;
use serde_json::Value;
use serde_json::json;

use super::CONFLICTS_MAX;
use super::FIELD_MANAGER;
use super::PAGE;
use super::failure;
use crate::port::KubeError;

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Taints that Kubernetes sets and takes away by itself (`kubernetes.io/docs/reference/labels-annotations-taints`).
const TAINTS_OF_KUBERNETES: &[&str] = &[
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
];

/// Every node that could be a machine of ours. The API server is not allowed to answer from its cache
/// (`resourceVersion=0`): what a run has just done has to be seen by its next look.
pub async fn all(client: &Client) -> Result<BTreeMap<MachineName, NodeSeen>, KubeError> {
    let api: Api<Node> = Api::all(client.clone());
    let mut seen = BTreeMap::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await.map_err(|why| failure::of("list of nodes", &why))?;
        for node in &list.items {
            if let Ok(name) = node.metadata.name.as_deref().unwrap_or_default().parse() {
                seen.insert(name, self::seen(node)?);
            }
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(seen),
        }
    }
}

/// One node, if there is one of this name.
pub async fn one(client: &Client, name: &MachineName) -> Result<Option<NodeSeen>, KubeError> {
    let api: Api<Node> = Api::all(client.clone());
    let found = api.get_opt(name.as_str()).await.map_err(|why| failure::of(&called(name), &why))?;
    found.as_ref().map(seen).transpose()
}

/// Marks a node as unschedulable and as cordoned by `owner`, unless somebody else cordoned it.
pub async fn cordon(client: &Client, name: &MachineName, owner: &str) -> Result<(), KubeError> {
    change(client, name, |node| match cordoned(node) {
        Cordon::Foreign => None,
        Cordon::None | Cordon::Ours => Some(json!({
            "metadata": { "annotations": { CORDON_ANNOTATION: owner } },
            "spec": { "unschedulable": true },
        })),
    })
    .await
}

/// Takes our cordon away, and a note of ours that stayed when somebody else took it away.
pub async fn uncordon(client: &Client, name: &MachineName) -> Result<(), KubeError> {
    change(client, name, |node| {
        let noted = annotations(node).contains_key(CORDON_ANNOTATION);
        match cordoned(node) {
            Cordon::Foreign => None,
            Cordon::None if !noted => None,
            Cordon::None | Cordon::Ours => Some(json!({
                "metadata": { "annotations": { CORDON_ANNOTATION: null } },
                "spec": { "unschedulable": null },
            })),
        }
    })
    .await
}

/// Deletes the node with this uid; another one of its name stays.
pub async fn delete(client: &Client, name: &MachineName, uid: &str) -> Result<(), KubeError> {
    let api: Api<Node> = Api::all(client.clone());
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    match api.delete(name.as_str(), &DeleteParams::default().preconditions(only)).await {
        Ok(_) => Ok(()),
        Err(why) => match failure::of(&called(name), &why) {
            KubeError::NotFound { .. } => Ok(()),
            other => Err(other),
        },
    }
}

/// Reads a node, decides what to change of it (`None`: nothing), and changes that, provided that nobody else has changed
/// the node since; else reads it again.
pub async fn change(
    client: &Client,
    name: &MachineName,
    decide: impl Fn(&Node) -> Option<Value>,
) -> Result<(), KubeError> {
    let api: Api<Node> = Api::all(client.clone());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut conflicts = 0;
    loop {
        let node = api.get(name.as_str()).await.map_err(|why| failure::of(&called(name), &why))?;
        let Some(mut patch) = decide(&node) else { return Ok(()) };
        patch["metadata"]["resourceVersion"] = json!(node.metadata.resource_version);
        match api.patch(name.as_str(), &parameters, &Patch::Merge(&patch)).await {
            Ok(_) => return Ok(()),
            Err(Error::Api(status)) if status.code == 409 && conflicts < CONFLICTS_MAX => conflicts += 1,
            Err(why) => return Err(failure::of(&called(name), &why)),
        }
    }
}

/// What errors call it.
pub fn called(name: &MachineName) -> String {
    format!("node {name}")
}

/// A node's annotations.
pub fn annotations(node: &Node) -> BTreeMap<String, String> {
    node.metadata.annotations.clone().unwrap_or_default()
}

/// What a Node object says.
///
/// # Errors
/// When its kubelet's version cannot be read: such a node is not the same as none.
pub fn seen(node: &Node) -> Result<NodeSeen, KubeError> {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let status = node.status.as_ref();
    let kubelet =
        status.and_then(|status| status.node_info.as_ref()).map(|info| info.kubelet_version.as_str());
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    Ok(NodeSeen {
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        cordon: cordoned(node),
        version: version(kubelet.unwrap_or_default()).ok_or_else(|| {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            let message = format!("node {name} has a kubelet of version {:?}", kubelet.unwrap_or_default());
            KubeError::Refused { message: format!("{message}, which cannot be read") }
        })?,
        control_plane: labels.contains_key(CONTROL_PLANE),
        labels,
        annotations: annotations(node),
        taints: taints(node).iter().filter(|taint| !is_of_kubernetes(taint)).map(text).collect(),
    })
}

fn cordoned(node: &Node) -> Cordon {
    let unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default();
    match (unschedulable, annotations(node).contains_key(CORDON_ANNOTATION)) {
        (false, _) => Cordon::None,
        (true, true) => Cordon::Ours,
        (true, false) => Cordon::Foreign,
    }
}

/// A kubelet's version; what clouds write behind the numbers (`v1.31.4-eks-aeac579`) is left out.
fn version(text: &str) -> Option<Version> {
    let numbers = text.strip_prefix('v').unwrap_or(text);
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    text.parse().or_else(|_| numbers[..end].parse()).ok()
}

/// A node's taints.
pub fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

fn is_of_kubernetes(taint: &Taint) -> bool {
    TAINTS_OF_KUBERNETES.contains(&taint.key.as_str())
}

/// A taint as kubectl writes it: `key=value:Effect`, `key:Effect`.
pub fn text(taint: &Taint) -> String {
    match taint.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{}={value}:{}", taint.key, taint.effect),
        _ => format!("{}:{}", taint.key, taint.effect),
    }
}
