//! What holds where a document says nothing: read from what resolution makes of small documents.

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::resolved_document;
use serde_json::Value;

/// Two documents that say as little as they can, and otherwise differ: what both come to is a default.
const DOCUMENTS: [&str; 2] = [
    "clusters: { home: { members: { cp: { node: { role: control-plane, install: { disk: /dev/sda } }, ip: 192.168.1.11 } } } }\n\
     provisioning: { nixos-anywhere: {} }\n",
    "clusters: { work: { distribution: kubeadm, ha: { vip: 10.0.0.9 }, members: { cp: { node: { role: worker, install: { disk: /dev/sdb } }, ip: 10.0.0.11 }, \
     server: { node: { role: control-plane, install: { disk: /dev/sdb } }, ip: 10.0.0.12 } } } }\n\
     provisioning: { manual: {} }\n",
];

/// The defaults.
pub struct Defaults([Value; 2]);

impl Defaults {
    /// Asks resolution for them.
    pub fn resolved() -> Self {
        Self(DOCUMENTS.map(|text| {
            let bytes = text.as_bytes().to_vec();
            let source = Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes };
            let (document, problems) = resolved_document(&[source]);
            document.unwrap_or_else(|| panic!("{problems:#?}"))
        }))
    }

    /// What a key is where nobody sets it, if that is the same everywhere.
    pub fn of(&self, path: &str) -> Option<String> {
        let [first, second] = self.0.each_ref().map(|document| at(document, path));
        let found = first.filter(|value| second == Some(*value))?;
        match found {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(found.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The value at a path of the tables. A `*` is the first that there is: a cluster, a member.
fn at<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    path.split('.').try_fold(document, |value, part| match part {
        "*" => value.as_object()?.values().next(),
        part => value.get(part),
    })
}

#[test]
fn defaults_are_those_of_resolution() {
    let defaults = Defaults::resolved();
    assert_eq!(defaults.of("clusters.*.upgrade.drainTimeout").as_deref(), Some("5m"));
    assert_eq!(defaults.of("clusters.*.members.*.ssh.port").as_deref(), Some("22"));
    assert_eq!(defaults.of("clusters.*.ha.mode"), None);
    assert_eq!(defaults.of("clusters.*.members.*.ip"), None);
}
