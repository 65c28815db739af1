//! etcd members of k3s, which takes them out itself when its Node asks for it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::Client;
use nix8s_core::model::MachineName;
use serde_json::json;

use super::failure;
use super::node;
use crate::port::KubeError;

/// Asks for the removal.
const REMOVE: &str = "etcd.k3s.cattle.io/remove";
/// The answer: the member that was removed.
const REMOVED: &str = "etcd.k3s.cattle.io/removed-node-name";
/// The name of the member that is, or was, on this node.
const MEMBER: &str = "etcd.k3s.cattle.io/node-name";

/// How often the node is looked at: k3s acts when it hears of the annotation, and etcd answers within a second.
const POLL: Duration = Duration::from_secs(2);

/// What a node's annotations say of its removal.
#[derive(Debug, PartialEq, Eq)]
enum Removal {
    /// Nobody asked for it, or k3s took the question back because it was about an earlier member.
    NotAsked,
    /// k3s is to act.
    Asked,
    /// The member that was on this node is none any more.
    Done,
}

/// Asks k3s for the removal of the member on this node, and waits until it says that it is done. Whoever calls sets the
/// limit.
pub async fn remove_member(client: &Client, name: &MachineName) -> Result<(), KubeError> {
    let api: Api<Node> = Api::all(client.clone());
    loop {
        let found = api.get(name.as_str()).await.map_err(|why| failure::of(&node::called(name), &why))?;
        match removal(&node::annotations(&found)) {
            Removal::Done => return Ok(()),
            Removal::Asked => {}
            Removal::NotAsked => {
                let ask = json!({ "metadata": { "annotations": { REMOVE: "true" } } });
                node::change(client, name, |_| Some(ask.clone())).await?;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

fn removal(annotations: &BTreeMap<String, String>) -> Removal {
    let asked = annotations.get(REMOVE).is_some_and(|value| value == "true");
    let removed = annotations.get(REMOVED).filter(|member| !member.is_empty());
    let is_this =
        removed.is_some_and(|removed| annotations.get(MEMBER).is_none_or(|member| member == removed));
    match (asked, is_this) {
        (true, true) => Removal::Done,
        (true, false) => Removal::Asked,
        (false, _) => Removal::NotAsked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_out_when_k3s_says_so_of_this_one() {
        for (annotations, expected) in [
            (vec![(MEMBER, "cp1-aaaa")], Removal::NotAsked),
            (vec![(MEMBER, "cp1-aaaa"), (REMOVE, "true")], Removal::Asked),
            (vec![(MEMBER, "cp1-aaaa"), (REMOVE, "true"), (REMOVED, "")], Removal::Asked),
            (vec![(MEMBER, "cp1-aaaa"), (REMOVE, "true"), (REMOVED, "cp1-aaaa")], Removal::Done),
            (vec![(REMOVE, "true"), (REMOVED, "cp1-aaaa")], Removal::Done),
            // It was removed before, and has come back as another member.
            (vec![(MEMBER, "cp1-bbbb"), (REMOVE, "true"), (REMOVED, "cp1-aaaa")], Removal::Asked),
            (vec![(MEMBER, "cp1-bbbb"), (REMOVED, "cp1-aaaa")], Removal::NotAsked),
        ] {
            let annotations =
                annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(removal(&annotations), expected, "{annotations:?}");
        }
    }
}
