//! Digests of what a machine's system is made of, so that a change can be classed by what it touches.
//!
//! Nothing that changes with other members goes in, nor what needs no new system: labels, taints, how to reach it.

use super::super::json::canonical;
use super::super::tree::Tree;
use super::settings::Settings;
use crate::digest;
use crate::model::Distribution;
use crate::model::Parts;
use crate::model::Role;

/// What a cluster adds to the systems of its machines.
#[derive(Debug)]
pub struct ClusterParts {
    control_plane: String,
    worker: String,
    network: String,
    everywhere: String,
    release: String,
}

impl ClusterParts {
    /// Collects what the cluster and the document add; `cluster` is the cluster's tree with today's spellings.
    pub fn of(document: &Tree, cluster: &Tree, distribution: Distribution, version: &str) -> Self {
        let own = distribution.to_string();
        let mut common = format!("{own} {version} ");
        add(&mut common, cluster, &[&["clusterDomain"], &["domain"], &["network", "podCidr"]]);
        add(&mut common, cluster, &[&["network", "serviceCidr"], &["network", "clusterDns"], &["pki"]]);
        add(&mut common, cluster, &[&[&own, "config"], &[&own, "disable"], &[&own, "apiServerAddresses"]]);
        add(&mut common, cluster, &[&["cozystack", "maxPods"], &["secrets", "encryptionAtRest"]]);
        let mut control_plane = common.clone();
        add(&mut control_plane, cluster, &[&[&own, "extraArgs", "control-plane"], &["etcd"]]);
        add(&mut control_plane, cluster, &[&["ha", "vip"], &["ha", "mode"], &["ha", "port"]]);
        add(&mut control_plane, cluster, &[&["ha", "interface"], &["ha", "vrrpId"]]);
        let mut worker = common;
        add(&mut worker, cluster, &[&[&own, "extraArgs", "worker"]]);
        let mut network = String::new();
        add(&mut network, cluster, &[&["domain"], &["network", "mesh"]]);
        let mut everywhere = String::new();
        add(&mut everywhere, document, &[&["users"]]);
        extensions(&mut everywhere, cluster);
        let mut release = String::new();
        add(&mut release, document, &[&["nixpkgs"]]);
        Self { control_plane, worker, network, everywhere, release }
    }
}

/// The digests of a machine with a role; `address` only when it is part of the system.
pub fn of(settings: &Settings, cluster: &ClusterParts, role: Role, address: Option<&str>) -> Parts {
    let tree = &*settings.tree;
    let section = |paths: &[&[&str]], more: &[&str]| {
        let mut text = String::new();
        add(&mut text, tree, paths);
        more.iter().for_each(|more| text.push_str(more));
        digest::of(text.as_bytes())
    };
    let kubernetes = match role {
        Role::ControlPlane => &cluster.control_plane,
        Role::Worker => &cluster.worker,
        Role::None => "",
    };
    let mut rest = String::new();
    add(
        &mut rest,
        tree,
        &[
            &["stateVersion"],
            &["profiles"],
            &["nixosModules"],
            &["ssh", "authorizedKeys"],
            &["ssh", "rootLogin"],
        ],
    );
    add(
        &mut rest,
        tree,
        &[&["extensions", "monitoring"], &["extensions", "storage"], &["extensions", "linstor"]],
    );
    raw_nixos(&mut rest, tree);
    extensions(&mut rest, tree);
    rest.push_str(&cluster.everywhere);
    rest.push_str(&format!("{role:?}"));
    Parts {
        kernel: section(
            &[
                &["boot"],
                &["hardware"],
                &["system"],
                &["extensions", "drbd", "enable"],
                &["extensions", "gpu"],
                &["extensions", "zfs"],
                &["nixos", "boot"],
                &["nixos", "hardware"],
            ],
            &[&cluster.release],
        ),
        initrd: section(
            &[
                &["install", "profile"],
                &["install", "filesystem", "type"],
                &["install", "encryption"],
                &["disko"],
                &["nixos", "fileSystems"],
            ],
            &[],
        ),
        kubernetes: section(&[&["extensions", "gpu", "containerRuntime"]], &[kubernetes]),
        disks: section(&[&["install"], &["disko"], &["nixos", "fileSystems"]], &[]),
        network: section(
            &[&["network"], &["nixos", "networking"]],
            &[&cluster.network, address.unwrap_or("")],
        ),
        rest: digest::of(rest.as_bytes()),
    }
}

/// Adds what stands at paths, each with its path, so that nothing can be mistaken for something else.
fn add(out: &mut String, tree: &Tree, paths: &[&[&str]]) {
    for path in paths {
        if let Some(found) = tree.at(path) {
            out.push_str(&path.join("."));
            out.push('=');
            canonical(found, out);
            out.push(';');
        }
    }
}

/// NixOS options that belong to no other part.
fn raw_nixos(out: &mut String, tree: &Tree) {
    let elsewhere = ["boot", "hardware", "networking", "fileSystems"];
    let options = tree.get("nixos").map(Tree::entries).unwrap_or_default();
    let mut kept: Vec<&str> =
        options.iter().map(|entry| &*entry.key).filter(|key| !elsewhere.contains(key)).collect();
    kept.sort_unstable();
    kept.iter().for_each(|key| add(out, tree, &[&["nixos", key]]));
}

/// Keys of third-party modules: whatever they do, it ends up in the system.
fn extensions(out: &mut String, tree: &Tree) {
    let keys = tree.entries().iter().map(|entry| &*entry.key);
    let mut own: Vec<&str> = keys.filter(|key| super::super::schema::walk::is_extension(key)).collect();
    own.sort_unstable();
    own.iter().for_each(|key| add(out, tree, &[&[key]]));
}
