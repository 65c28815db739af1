//! What a template, or a member with its template, says about a machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::get;
use super::super::tree::Tree;
use crate::model::Disks;
use crate::model::MacAddr;
use crate::model::NodeMeta;
use crate::model::Role;
use crate::model::Ssh;
use crate::model::Sudo;

/// Settings of a machine, read once per template and once per member that overrides something.
#[derive(Debug)]
pub struct Settings {
    /// Everything, resolved.
    pub tree: Arc<Tree>,
    /// What it does.
    pub role: Option<Role>,
    /// Its network card.
    pub mac: Option<MacAddr>,
    /// How to reach it, as far as it is said.
    pub ssh: SshSettings,
    /// What is kept on its Node.
    pub node: Arc<NodeMeta>,
    /// Its disks.
    pub disks: Arc<Disks>,
    /// Whether installing lays out disks.
    pub install: bool,
    /// The file here with the key of its encrypted disks, if they are.
    pub disk_key: Option<String>,
    /// Whether its address is part of its system.
    pub has_static_address: bool,
}

impl Settings {
    /// Reads resolved settings.
    pub fn read(tree: &Arc<Tree>) -> Self {
        Self {
            role: role(tree),
            mac: get::parsed(tree, &["network", "mac"]),
            ssh: SshSettings::read(tree.get("ssh")),
            node: Arc::new(node_meta(tree)),
            disks: Arc::new(disks(tree)),
            install: get::flag(tree, &["install", "enable"]).unwrap_or(true),
            disk_key: get::text(tree, &["install", "encryption", "keyFile"])
                .filter(|_| get::flag(tree, &["install", "encryption", "enable"]) == Some(true)),
            has_static_address: get::flag(tree, &["network", "dhcp"]) == Some(false),
            tree: Arc::clone(tree),
        }
    }

    /// The same, with what equals the template's settings shared with them: most members override one thing.
    pub fn sharing(mut self, template: Option<&Self>) -> Self {
        let Some(template) = template else { return self };
        if self.node == template.node {
            self.node = Arc::clone(&template.node);
        }
        if self.disks == template.disks {
            self.disks = Arc::clone(&template.disks);
        }
        self
    }
}

/// `role`.
pub fn role(tree: &Tree) -> Option<Role> {
    get::word(
        tree,
        &["role"],
        &[("control-plane", Role::ControlPlane), ("worker", Role::Worker), ("none", Role::None)],
    )
}

fn node_meta(tree: &Tree) -> NodeMeta {
    let texts = |key: &str| -> BTreeMap<String, String> {
        let entries = tree.at(&["kubernetes", key]).map(Tree::entries).unwrap_or_default();
        entries.iter().filter_map(|e| Some((e.key.to_string(), e.tree.text()?.into_owned()))).collect()
    };
    NodeMeta {
        labels: texts("labels"),
        annotations: texts("annotations"),
        taints: get::texts(tree, &["kubernetes", "taints"]).into_iter().collect(),
    }
}

fn disks(tree: &Tree) -> Disks {
    let custom = tree.at(&["disko"]).map(custom_devices).unwrap_or_default();
    Disks {
        main: get::text(tree, &["install", "disks", "main"]),
        etcd: get::text(tree, &["install", "disks", "etcd"]),
        data: get::texts(tree, &["install", "disks", "data"]),
        custom: custom.into_iter().map(|(device, _)| device).collect(),
    }
}

/// The devices of raw disko, with and without its `devices` level.
pub fn custom_devices(disko: &Tree) -> Vec<(String, super::super::tree::Span)> {
    let disk = disko.at(&["devices", "disk"]).or_else(|| disko.get("disk"));
    let entries = disk.map(Tree::entries).unwrap_or_default();
    let device = |tree: &Tree| Some((tree.get("device")?.text()?.into_owned(), tree.get("device")?.span));
    entries.iter().filter_map(|entry| device(&entry.tree)).collect()
}

/// `ssh`, every key optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshSettings {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    sudo: Option<Sudo>,
    key_file: Option<String>,
    jump: Option<String>,
    host_key: Option<String>,
}

impl SshSettings {
    /// Reads the map.
    pub fn read(ssh: Option<&Tree>) -> Self {
        let Some(ssh) = ssh else { return Self::default() };
        let sudo = [("none", Sudo::None), ("passwordless", Sudo::Passwordless), ("password", Sudo::Password)];
        Self {
            host: get::text(ssh, &["host"]),
            port: get::number(ssh, &["port"]),
            user: get::text(ssh, &["user"]),
            sudo: get::word(ssh, &["sudo"], &sudo),
            key_file: get::text(ssh, &["keyFile"]),
            jump: get::text(ssh, &["jump"]),
            host_key: get::text(ssh, &["hostKey"]),
        }
    }

    /// What holds for a machine: its own settings, then its provisioner's, then nix8s's.
    pub fn over(&self, defaults: &Self, ip: Option<std::net::IpAddr>) -> Ssh {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Ssh {
            host: self.host.clone().or_else(|| ip.map(|ip| ip.to_string())),
            port: self.port.or(defaults.port).unwrap_or(22),
            user: text(&self.user, &defaults.user).unwrap_or_else(|| "root".to_owned()),
            sudo: self.sudo.or(defaults.sudo).unwrap_or(Sudo::None),
            key_file: text(&self.key_file, &defaults.key_file),
            jump: text(&self.jump, &defaults.jump),
            host_key: self.host_key.clone(),
        }
    }

    /// Whether a host is named.
    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }
}
