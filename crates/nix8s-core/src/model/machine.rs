//! A machine: a member and its metal.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use super::MacAddr;
use super::MachineName;
use super::MemberName;

/// A resolved member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Hostname, node name, flake attribute.
    pub name: MachineName,
    /// The key in `members`.
    pub member: MemberName,
    /// What it does.
    pub role: Role,
    /// Its address in the cluster's network; `None` is `ip: auto`.
    pub ip: Option<IpAddr>,
    /// How it is installed.
    pub provisioner: Provisioner,
    /// Leave it alone.
    pub skip: bool,
    /// How to reach it.
    pub ssh: Ssh,
    /// Used for matching hardware when it belongs to this member alone.
    pub mac: Option<MacAddr>,
    /// Labels, taints and annotations that are kept on its Node.
    pub node: Arc<NodeMeta>,
    /// The disks that installing erases, by what they are for.
    pub disks: Arc<Disks>,
    /// `install.enable` false: the disk is laid out already.
    pub install: bool,
    /// The NixOS release that a person who installs it by hand is to install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The file here with the key of its encrypted disks, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_key: Option<String>,
    /// Digests of what its system is made of, for classing changes.
    pub parts: Arc<Parts>,
    /// How it comes to another system.
    #[serde(default, skip_serializing_if = "Action::is_switch")]
    pub action: Action,
}

/// How a machine comes to another system: the actions of `nixos-rebuild`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It runs now, and after every restart.
    #[default]
    Switch,
    /// It runs from the next restart on.
    Boot,
    /// It runs until the next restart.
    Test,
}

impl Action {
    /// As in documents and on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Boot => "boot",
            Self::Test => "test",
        }
    }

    /// Whether it is the ordinary one.
    pub fn is_switch(&self) -> bool {
        *self == Self::Switch
    }
}

/// `role`; `server` and `agent` are accepted in documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the API server and etcd.
    ControlPlane,
    /// Runs pods.
    Worker,
    /// A NixOS machine outside Kubernetes.
    None,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "control plane",
            Self::Worker => "worker",
            Self::None => "machine",
        })
    }
}

/// How a machine gets its first system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provisioner {
    /// Over SSH, onto whatever answers.
    NixosAnywhere,
    /// It runs NixOS already.
    NixosRebuild,
    /// A person installs it.
    Manual,
    /// Network boot; planned from a later version on.
    Pxe,
    /// Lima virtual machines; planned from a later version on.
    Lima,
    /// Terraform or OpenTofu; planned from a later version on.
    Terraform,
    /// An installer image; planned from a later version on.
    Iso,
}

impl Provisioner {
    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NixosAnywhere => "nixos-anywhere",
            Self::NixosRebuild => "nixos-rebuild",
            Self::Manual => "manual",
            Self::Pxe => "pxe",
            Self::Lima => "lima",
            Self::Terraform => "terraform",
            Self::Iso => "iso",
        }
    }

    /// Whether this version of nix8s carries it out.
    pub fn is_planned_now(self) -> bool {
        matches!(self, Self::NixosAnywhere | Self::NixosRebuild | Self::Manual)
    }
}

/// `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssh {
    /// Address or name; the member's ip unless given. `None`: not known yet (`ip: auto`).
    pub host: Option<String>,
    /// 22.
    pub port: u16,
    /// root.
    pub user: String,
    /// How the user becomes root.
    #[serde(default)]
    pub sudo: Sudo,
    /// The private key to log in with; none: what OpenSSH finds.
    #[serde(default)]
    pub key_file: Option<String>,
    /// A host to go through, as `user@host:port`.
    #[serde(default)]
    pub jump: Option<String>,
    /// The machine's public host key, if it is known beforehand.
    #[serde(default)]
    pub host_key: Option<String>,
}

impl Ssh {
    /// As root on port 22, with whatever key OpenSSH finds.
    pub fn root_at(host: Option<String>) -> Self {
        let (port, user) = (22, "root".to_owned());
        Self { host, port, user, sudo: Sudo::None, key_file: None, jump: None, host_key: None }
    }
}

/// `ssh.sudo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sudo {
    /// The user is root.
    #[default]
    None,
    /// sudo asks nothing.
    Passwordless,
    /// sudo asks for a password.
    Password,
}

/// `kubernetes`: kept for ever on the Node object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMeta {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Taints, as `key=value:Effect` or `key:Effect`.
    pub taints: BTreeSet<String>,
}

/// Disks of a machine by purpose, as device paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disks {
    /// The system's.
    pub main: Option<String>,
    /// etcd's own.
    pub etcd: Option<String>,
    /// Data: never touched without `--erase NODE:all`.
    pub data: Vec<String>,
    /// The layout is raw disko: these are its devices.
    pub custom: Vec<String>,
}

/// Digests (16 hex digits) of the parts of a wanted system, so that a change can be classed by what it touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Kernel, its parameters and modules.
    pub kernel: String,
    /// What the initrd is made of: disks to unlock, drivers.
    pub initrd: String,
    /// k3s or kubelet and containerd: their version and arguments.
    pub kubernetes: String,
    /// Partitions and file systems.
    pub disks: String,
    /// Interfaces and addresses.
    pub network: String,
    /// Everything else.
    pub rest: String,
}
