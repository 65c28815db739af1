//! What changes with membership and is therefore in no system: hosts, proxy backends, VRRP peers, the join address.

use std::net::IpAddr;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Cluster;
use crate::model::MachineName;
use crate::model::Role;

/// The content of `/var/lib/nix8s/membership.json`, the same on every machine of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// SHA-256 of `content`, 16 hexadecimal digits.
    pub digest: String,
    /// JSON.
    pub content: String,
}

/// The document. Its keys are sorted, because machines compare it by its digest.
#[derive(Serialize)]
struct Document<'a> {
    hosts: Vec<Host<'a>>,
    port: u16,
    version: u32,
    vip: Option<IpAddr>,
}

#[derive(Serialize)]
struct Host<'a> {
    ip: Option<IpAddr>,
    name: &'a MachineName,
    role: Role,
}

/// Renders the membership data of a cluster.
pub fn render(cluster: &Cluster) -> Membership {
    let hosts = cluster.machines.values().map(|m| Host { ip: m.ip, name: &m.name, role: m.role });
    let document =
        Document { hosts: hosts.collect(), port: cluster.ha.port, version: 1, vip: cluster.ha.vip };
    let content = serde_json::to_string(&document).expect("names, addresses and numbers");
    Membership { digest: crate::digest::of(content.as_bytes()), content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_document_are_sorted() {
        let host = Host { ip: None, name: &"w1".parse().unwrap(), role: Role::Worker };
        let document = Document { hosts: vec![host], port: 6443, version: 1, vip: None };
        let text = serde_json::to_string(&document).unwrap();
        let sorted: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text, sorted.to_string());
    }
}
