//! The resolved document: what everything means after templates, older spellings and defaults; secrets redacted.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::json;
use super::report::Path;
use super::report::Report;
use super::resolve::Templates;
use super::schema::Key;
use super::schema::Kind;
use super::schema::Note;
use super::tree::Tree;
use crate::model::Cluster;
use crate::model::Fleet;
use crate::model::Machine;
use crate::model::Role;
use crate::model::size::show_duration;
use crate::secret::MARK;

/// The resolved document of a fleet. Templates are left out: each member has all of its settings.
pub fn resolved(document: &Tree, templates: &Templates, fleet: &Fleet) -> Json {
    let mut all = match redacted(document, &super::schema::DOCUMENT) {
        Json::Object(all) => all,
        _ => Map::new(),
    };
    all.remove("nodes");
    let mut report = Report::default();
    let mut clusters = Map::new();
    for (name, cluster) in &fleet.clusters {
        let Some(tree) = document.at(&["clusters", name.as_str()]) else { continue };
        let mut shown = redacted(tree, &super::schema::cluster::CLUSTER);
        overlay(&mut shown, cluster_defaults(cluster));
        let mut members = Map::new();
        for machine in cluster.machines.values() {
            let Some(member) = tree.at(&["members", machine.member.as_str()]) else { continue };
            let settings = templates.member(member, &Path::Root, &mut report);
            let mut shown = settings.map_or_else(|| json!({}), |settings| json::value(&settings));
            overlay(&mut shown, machine_defaults(machine, member));
            // Of a template that several members use: it is nobody's (N8S-0100).
            if machine.mac.is_none() {
                shown.get_mut("network").and_then(Json::as_object_mut).map(|network| network.remove("mac"));
            }
            members.insert(machine.member.to_string(), shown);
        }
        shown["members"] = Json::Object(members);
        clusters.insert(name.to_string(), shown);
    }
    all.insert("clusters".to_owned(), Json::Object(clusters));
    let mut all = Json::Object(all);
    overlay(&mut all, fleet_defaults(fleet));
    all
}

/// Keys that say what nix8s does and nothing about systems: changing them makes no other system.
const NOT_OF_SYSTEMS: [&[&str]; 3] = [
    &["reconciler", "policy", "bootstrap"],
    &["upgrade", "gates", "scripts", "helm", "manifests", "provisioner", "build"],
    &["skip", "scripts"],
];

/// What of a [`resolved`] document the systems of a cluster are made from. Secrets are not in it.
pub fn of_systems(resolved: &Json, cluster: &str) -> Json {
    let mut all = resolved.clone();
    without_marks(&mut all);
    let drop = |from: &mut Json, keys: &[&str]| {
        if let Json::Object(entries) = from {
            entries.retain(|key, _| !keys.contains(&key.as_str()));
        }
    };
    drop(&mut all, NOT_OF_SYSTEMS[0]);
    if let Some(clusters) = all["clusters"].as_object_mut() {
        clusters.retain(|name, _| name == cluster);
        for cluster in clusters.values_mut() {
            drop(cluster, NOT_OF_SYSTEMS[1]);
            let members = cluster["members"].as_object_mut().into_iter().flatten();
            members.for_each(|(_, member)| drop(member, NOT_OF_SYSTEMS[2]));
        }
    }
    all
}

fn without_marks(shown: &mut Json) {
    match shown {
        Json::Object(entries) => {
            entries.retain(|_, value| value.as_str() != Some(MARK));
            entries.values_mut().for_each(without_marks);
        }
        Json::Array(items) => {
            items.retain(|item| item.as_str() != Some(MARK));
            items.iter_mut().for_each(without_marks);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Lays defaults and parsed values over what was written.
fn overlay(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(there) => overlay(there, value),
                    None if value.is_null() => {}
                    None => drop(into.insert(key, without_nulls(value))),
                }
            }
        }
        (_, Json::Null) => {}
        (into, from) => *into = from,
    }
}

fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(entries) => Json::Object(
            entries.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        ),
        other => other,
    }
}

/// The names of roles in documents; for people they are printed otherwise.
fn role(role: Role) -> Json {
    serde_json::to_value(role).expect("a role is a word")
}

fn machine_defaults(machine: &Machine, member: &Tree) -> Json {
    json!({
        "name": machine.name,
        "role": role(machine.role),
        "ip": machine.ip.map_or_else(|| json!("auto"), |ip| json!(ip)),
        "provisioner": machine.provisioner.as_str(),
        "skip": machine.skip,
        "scripts": member.get("scripts").map(json::value),
        "ssh": {
            "host": machine.ssh.host,
            "port": machine.ssh.port,
            "user": machine.ssh.user,
            "sudo": machine.ssh.sudo,
            "keyFile": machine.ssh.key_file,
            "jump": machine.ssh.jump,
            "hostKey": machine.ssh.host_key,
        },
    })
}

fn cluster_defaults(cluster: &Cluster) -> Json {
    let upgrade = &cluster.upgrade;
    json!({
        "distribution": cluster.distribution,
        "version": cluster.version,
        "clusterDomain": cluster.cluster_domain,
        "network": {
            "podCidr": cluster.network.pod_cidr,
            "serviceCidr": cluster.network.service_cidr,
            "clusterDns": cluster.network.cluster_dns,
            "mesh": cluster.network.mesh,
        },
        "ha": {
            "mode": cluster.ha.mode,
            "port": cluster.ha.port,
            "vrrpId": cluster.ha.vrrp_id,
            "firstServer": cluster.machines.get(&cluster.ha.first_server).map(|machine| &machine.member),
        },
        "secrets": {
            "file": cluster.secrets.file,
            "provider": cluster.secrets.provider,
        },
        "upgrade": {
            "strategy": upgrade.strategy,
            "maxUnavailable": upgrade.max_unavailable,
            "controlPlanesFirst": upgrade.control_planes_first,
            "drainTimeout": show_duration(upgrade.drain_timeout),
            "pause": show_duration(upgrade.pause),
            "reboot": upgrade.reboot,
            "rollback": upgrade.rollback,
            "failureBudget": upgrade.failure_budget,
        },
        "gates": {
            "ready": cluster.gates.ready,
            "units": cluster.gates.units,
            "soak": show_duration(cluster.gates.soak),
            "retries": cluster.gates.retries,
            "timeout": show_duration(cluster.gates.timeout),
        },
    })
}

fn fleet_defaults(fleet: &Fleet) -> Json {
    let lanes = fleet.reconciler.concurrency;
    json!({
        "reconciler": {
            "interval": show_duration(fleet.reconciler.interval),
            "timeout": show_duration(fleet.reconciler.timeout),
            "concurrency": lanes,
        },
        "policy": {
            "interrupt": fleet.policy.interrupt,
            "remove": fleet.policy.remove,
            "erase": fleet.policy.erase,
            "maxAffected": fleet.policy.max_affected,
        },
    })
}

/// A tree as JSON without the values of secrets.
fn redacted(tree: &Tree, kind: &Kind) -> Json {
    let mut shown = json::value(tree);
    redact(&mut shown, kind);
    shown
}

fn redact(shown: &mut Json, kind: &Kind) {
    match (kind, shown) {
        (Kind::Table(tables), Json::Object(entries)) => {
            for (name, value) in entries {
                match tables.iter().flat_map(|table| table.iter()).find(|key| *key.name == **name) {
                    Some(Key { note: Note::Secret, .. }) => *value = MARK.into(),
                    Some(Key { kind, .. }) => redact(value, kind),
                    None => {}
                }
            }
        }
        (Kind::Named(_, below), Json::Object(entries)) => {
            entries.values_mut().for_each(|value| redact(value, below));
        }
        (Kind::List(below), Json::Array(items)) => items.iter_mut().for_each(|item| redact(item, below)),
        (Kind::Either(kinds), shown) => kinds.iter().for_each(|kind| redact(shown, kind)),
        _ => {}
    }
}
