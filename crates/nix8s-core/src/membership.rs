//! What changes with membership and is therefore in no system: hosts, proxy backends, VRRP peers, the join address.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Cluster;

/// The content of `/var/lib/nix8s/membership.json`, the same on every machine of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// SHA-256 of `content`, 16 hexadecimal digits.
    pub digest: String,
    /// JSON.
    pub content: String,
}

/// Renders the membership data of a cluster.
pub fn render(cluster: &Cluster) -> Membership {
    let hosts: Vec<_> = cluster
        .machines
        .values()
        .map(|m| serde_json::json!({ "name": m.name, "ip": m.ip, "role": m.role }))
        .collect();
    let api = cluster.ha.vip.map(|vip| vip.to_string());
    let content =
        serde_json::json!({ "version": 1, "vip": api, "port": cluster.ha.port, "hosts": hosts }).to_string();
    Membership { digest: crate::digest::of(content.as_bytes()), content }
}
