//! Labels, annotations and taints of nodes: what nix8s sets is its own, and what others set stays theirs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::Client;
use kube::Error;
use kube::api::Patch;
use kube::api::PatchParams;
use kube::core::Status;
use nix8s_core::model::MachineName;
use nix8s_core::observed::MANAGED_ANNOTATION;
use nix8s_core::observed::Managed;
use nix8s_core::plan::MetadataPatch;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::FIELD_MANAGER;
use super::failure;
use super::node;
use crate::port::KubeError;

/// Changes a node's metadata.
///
/// First goes what has to go, and taints change; then labels and annotations are applied, with the note of what is ours. A
/// run that ends in between leaves a note that names too much, and the next plan does the rest.
pub async fn set(client: &Client, name: &MachineName, patch: &MetadataPatch) -> Result<(), KubeError> {
    node::change(client, name, |node| removal(node, patch)).await?;
    let api: Api<Node> = Api::all(client.clone());
    let failed = |why: &Error| failure::of(&node::called(name), why);
    let node = api.get(name.as_str()).await.map_err(|why| failed(&why))?;
    let Some(applied) = applied(&node, patch) else { return Ok(()) };
    let applied = Patch::Apply(&applied);
    let parameters = PatchParams::apply(FIELD_MANAGER);
    match api.patch(name.as_str(), &parameters, &applied).await {
        Ok(_) => Ok(()),
        Err(Error::Api(status)) if status.code == 409 && are_ours(&status, &node) => {
            let forced = api.patch(name.as_str(), &parameters.force(), &applied).await;
            forced.map(|_| ()).map_err(|why| failed(&why))
        }
        Err(why) => Err(failed(&why)),
    }
}

/// Labels and annotations that go, and the taints as they shall be: the API server merges taints as one list, which
/// Kubernetes writes too, so that they cannot be applied as ours. `None`: nothing changes.
fn removal(node: &Node, patch: &MetadataPatch) -> Option<Value> {
    let gone = |there: Option<&BTreeMap<String, String>>, changes: &BTreeMap<String, Option<String>>| {
        let keys = changes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key);
        let keys = keys.filter(|key| there.is_some_and(|there| there.contains_key(*key)));
        keys.map(|key| (key.clone(), Value::Null)).collect::<Map<String, Value>>()
    };
    let labels = gone(node.metadata.labels.as_ref(), &patch.labels);
    let annotations = gone(node.metadata.annotations.as_ref(), &patch.annotations);
    let taints = taints(node, patch);
    if labels.is_empty() && annotations.is_empty() && taints.is_none() {
        return None;
    }
    let mut change = json!({ "metadata": { "labels": labels, "annotations": annotations } });
    if let Some(taints) = taints {
        change["spec"] = json!({ "taints": taints });
    }
    Some(change)
}

/// All taints of a node after a change; `None`: as they are.
fn taints(node: &Node, patch: &MetadataPatch) -> Option<Vec<Value>> {
    let there: BTreeSet<String> = node::taints(node).iter().map(node::text).collect();
    let added: Vec<&String> = patch.add_taints.iter().filter(|taint| !there.contains(*taint)).collect();
    if added.is_empty() && patch.remove_taints.is_disjoint(&there) {
        return None;
    }
    let stay = node::taints(node).iter().filter(|taint| !patch.remove_taints.contains(&node::text(taint)));
    Some(stay.map(|taint| json!(taint)).chain(added.into_iter().map(|text| parsed(text))).collect())
}

/// A taint from how kubectl writes it.
fn parsed(text: &str) -> Value {
    let (before, effect) = text.rsplit_once(':').unwrap_or((text, ""));
    match before.split_once('=') {
        Some((key, value)) => json!({ "key": key, "value": value, "effect": effect }),
        None => json!({ "key": before, "effect": effect }),
    }
}

/// Everything that is ours after a change, as it is applied: what an application leaves out, the API server takes away.
/// `None`: the change is not about it. The uid is there so that a node that has gone meanwhile is not made again.
fn applied(node: &Node, patch: &MetadataPatch) -> Option<Value> {
    let is_set = |changes: &BTreeMap<String, Option<String>>| changes.values().any(Option::is_some);
    if !is_set(&patch.labels) && !is_set(&patch.annotations) {
        return None;
    }
    let mut notes = node::annotations(node);
    if let Some(Some(note)) = patch.annotations.get(MANAGED_ANNOTATION) {
        notes.insert(MANAGED_ANNOTATION.to_owned(), note.clone());
    }
    let ours = Managed::of(&notes);
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let labels = values(ours.labels, &labels, &patch.labels);
    let mut annotations = ours.annotations;
    annotations.insert(MANAGED_ANNOTATION.to_owned());
    let annotations = values(annotations, &notes, &patch.annotations);
    Some(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.metadata.name,
            "uid": node.metadata.uid,
            "labels": labels,
            "annotations": annotations,
        },
    }))
}

/// Values of what is ours and of what is set now: the new ones, or else those that are there.
fn values(
    ours: BTreeSet<String>,
    there: &BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    let set = changes.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    let kept = ours.into_iter().filter(|key| changes.get(key).is_none_or(Option::is_some));
    let kept = kept.filter_map(|key| there.get(&key).cloned().map(|value| (key, value)));
    kept.collect::<BTreeMap<_, _>>().into_iter().chain(set).collect()
}

/// Whether a conflict is only about what nix8s set before: somebody changed it by hand.
fn are_ours(status: &Status, node: &Node) -> bool {
    let ours = Managed::of(&node::annotations(node));
    let labels = ours.labels.iter().map(|key| format!(".metadata.labels.{key}"));
    let annotations = ours.annotations.iter().map(|key| format!(".metadata.annotations.{key}"));
    let note = format!(".metadata.annotations.{MANAGED_ANNOTATION}");
    let ours: BTreeSet<String> = labels.chain(annotations).chain([note]).collect();
    let causes: Vec<_> = status.details.iter().flat_map(|details| &details.causes).collect();
    !causes.is_empty()
        && causes.iter().all(|cause| cause.reason == "FieldManagerConflict" && ours.contains(&cause.field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Node {
        let note = r#"{"labels":["old","tier"],"annotations":[],"taints":["ours:NoSchedule"]}"#;
        serde_json::from_value(json!({
            "metadata": {
                "name": "w1", "uid": "1",
                "labels": { "old": "1", "tier": "a", "theirs": "x" },
                "annotations": { MANAGED_ANNOTATION: note, "theirs": "x" },
            },
            "spec": { "taints": [
                { "key": "ours", "effect": "NoSchedule" },
                { "key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z" },
            ] },
        }))
        .unwrap()
    }

    fn note(text: &str) -> (String, Option<String>) {
        (MANAGED_ANNOTATION.to_owned(), Some(text.to_owned()))
    }

    #[test]
    fn what_goes_is_named_and_taints_of_others_stay() {
        let patch = MetadataPatch {
            labels: BTreeMap::from([("old".to_owned(), None), ("gone".to_owned(), None)]),
            annotations: BTreeMap::new(),
            add_taints: BTreeSet::from(["gpu=yes:NoExecute".to_owned()]),
            remove_taints: BTreeSet::from(["ours:NoSchedule".to_owned()]),
        };
        assert_eq!(
            removal(&node(), &patch).unwrap(),
            json!({
                "metadata": { "labels": { "old": null }, "annotations": {} },
                "spec": { "taints": [
                    { "key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z" },
                    { "key": "gpu", "value": "yes", "effect": "NoExecute" },
                ] },
            })
        );
        assert_eq!(removal(&node(), &MetadataPatch::default()), None);
    }

    #[test]
    fn all_that_is_ours_is_applied_and_nothing_else() {
        let ours = r#"{"labels":["new","tier"],"annotations":[],"taints":[]}"#;
        let patch = MetadataPatch {
            labels: BTreeMap::from([("new".to_owned(), Some("2".to_owned())), ("old".to_owned(), None)]),
            annotations: BTreeMap::from([note(ours)]),
            ..MetadataPatch::default()
        };
        let applied = applied(&node(), &patch).unwrap();
        assert_eq!(applied["metadata"]["labels"], json!({ "new": "2", "tier": "a" }));
        assert_eq!(applied["metadata"]["annotations"], json!({ MANAGED_ANNOTATION: ours }));
        assert_eq!(applied["metadata"]["uid"], "1");
        assert_eq!(super::applied(&node(), &MetadataPatch::default()), None);
    }

    #[test]
    fn only_a_conflict_about_what_was_ours_before_is_forced() {
        let conflict = |fields: &[&str]| -> Status {
            let causes =
                fields.iter().map(|field| json!({ "reason": "FieldManagerConflict", "field": field }));
            let causes: Vec<Value> = causes.collect();
            serde_json::from_value(json!({ "code": 409, "details": { "causes": causes } })).unwrap()
        };
        assert!(are_ours(&conflict(&[".metadata.labels.tier"]), &node()));
        assert!(!are_ours(&conflict(&[".metadata.labels.tier", ".metadata.labels.theirs"]), &node()));
        assert!(!are_ours(&conflict(&[]), &node()));
    }
}
