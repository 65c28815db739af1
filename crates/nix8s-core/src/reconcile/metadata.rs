//! metadata: labels, taints and annotations of Nodes, kept for ever and not only at registration.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::cx::Cx;
use super::out::Out;
use super::row::Row;
use crate::model::NodeMeta;
use crate::observed::MANAGED_ANNOTATION;
use crate::observed::Managed;
use crate::observed::NodeSeen;
use crate::permit::Risk;
use crate::plan::Effect;
use crate::plan::MetadataPatch;

/// Plans changes of metadata.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for view in cx.views.values() {
        let (Some(machine), Some(node)) = (view.machine, view.node_seen()) else { continue };
        if matches!(view.row, Row::Leave | Row::Skip | Row::Away | Row::LeaveToErase)
            || !cx.is_named(view.name)
        {
            continue;
        }
        if let Some(patch) = patch(&machine.node, node) {
            let reason = describe(&patch);
            out.step(Risk::None, Effect::SetMetadata { machine: view.name.clone(), patch }, reason);
        }
    }
}

/// What has to change, if anything has to.
fn patch(wanted: &NodeMeta, node: &NodeSeen) -> Option<MetadataPatch> {
    let before = Managed::of(&node.annotations);
    let now = Managed {
        labels: wanted.labels.keys().cloned().collect(),
        annotations: wanted.annotations.keys().cloned().collect(),
        taints: wanted.taints.clone(),
    };
    let mut patch = MetadataPatch {
        labels: changes(&wanted.labels, &node.labels, &before.labels),
        annotations: changes(&wanted.annotations, &node.annotations, &before.annotations),
        add_taints: wanted.taints.difference(&node.taints).cloned().collect(),
        remove_taints: before
            .taints
            .iter()
            .filter(|t| !wanted.taints.contains(*t) && node.taints.contains(*t))
            .cloned()
            .collect(),
    };
    if now != before {
        let text = serde_json::to_string(&now).expect("three lists of texts");
        patch.annotations.insert(MANAGED_ANNOTATION.to_owned(), Some(text));
    }
    (patch != MetadataPatch::default()).then_some(patch)
}

fn changes(
    wanted: &BTreeMap<String, String>,
    seen: &BTreeMap<String, String>,
    managed: &BTreeSet<String>,
) -> BTreeMap<String, Option<String>> {
    let set =
        wanted.iter().filter(|(k, v)| seen.get(*k) != Some(v)).map(|(k, v)| (k.clone(), Some(v.clone())));
    let unset = managed.iter().filter(|k| !wanted.contains_key(*k) && seen.contains_key(*k));
    set.chain(unset.map(|k| (k.clone(), None))).collect()
}

fn describe(patch: &MetadataPatch) -> String {
    let keys = patch.labels.keys().chain(patch.annotations.keys()).filter(|k| *k != MANAGED_ANNOTATION);
    let taints = patch.add_taints.iter().chain(&patch.remove_taints);
    let all: Vec<&String> = keys.chain(taints).collect();
    if all.is_empty() { "what nix8s keeps is written down".to_owned() } else { super::text::list(all) }
}
