//! A machine's metal: power, disks, what is installed and runs, what its Kubernetes distribution left behind.

use std::collections::BTreeMap;

use nix8s_core::model::MacAddr;
use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::Mark;
use serde::Deserialize;
use serde::Serialize;

use super::Ms;

/// A computer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metal {
    /// The machine that the configuration means by it.
    pub name: MachineName,
    /// Where it answers.
    pub address: String,
    /// DMI product UUID.
    pub uuid: String,
    /// Its network cards.
    pub macs: Vec<MacAddr>,
    /// Its disks.
    pub disks: Vec<SimDisk>,
    /// Whether it has power.
    pub power: bool,
    /// When what it boots answers.
    pub up_at: Ms,
    /// Counts boots: a command that was running is lost when this changes.
    pub boots: u32,
    /// What runs.
    pub os: Running,
    /// Whether it falls back to an installer when its disk does not boot.
    pub installer: bool,
    /// Whether its host key is the one that nix8s knows.
    pub key_known: bool,
    /// The NixOS on its disk.
    pub installed: Option<Installed>,
    /// Closures in its store, and when each arrived.
    pub store: BTreeMap<StorePath, Ms>,
    /// Until when nobody reaches it from where nix8s runs.
    pub operator_cut: Ms,
    /// Until when it reaches no other machine.
    pub peers_cut: Ms,
    /// Until when its disk is full.
    pub full: Ms,
    /// Until when its clock is wrong.
    pub skewed: Ms,
    /// Its Kubernetes.
    pub kube: KubeState,
    /// Digest of the membership data.
    pub membership: Option<String>,
    /// A switch that is armed, or how the last one ended.
    pub switch: Option<Switch>,
    /// Whether its kubelet is well, and since when.
    pub health: Health,
    /// It was started into a system of ours at least once: never erased again without a permit.
    pub lived: bool,
    /// The system that somebody wants to come with a restart, or to go with one.
    #[serde(default)]
    pub held: Option<StorePath>,
    /// Systems that failed their gates here, as seen from outside.
    pub failed: BTreeMap<StorePath, Ms>,
}

/// What runs on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Running {
    /// No bootable disk, no installer.
    Nothing,
    /// Some other system.
    Foreign(String),
    /// An installer.
    Installer,
    /// NixOS from its disk.
    NixOs,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimDisk {
    /// Every path that leads to it.
    pub paths: Vec<String>,
    /// Serial number.
    pub serial: String,
    /// Bytes.
    pub size: u64,
    /// What is on it.
    pub content: Content,
    /// A data disk of the configuration: never to be erased.
    pub data: bool,
}

/// What is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing.
    Empty,
    /// Another system, which boots, or other data.
    Foreign(String),
    /// Our layout, of this installation.
    Ours(String),
}

/// A NixOS on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What runs when it runs.
    pub running: StorePath,
    /// What boots next.
    pub default: StorePath,
    /// Who it is.
    pub mark: Option<Mark>,
}

/// What a Kubernetes distribution did on a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeState {
    /// k3s' role file.
    pub role_file: Option<String>,
    /// Certificates, node password, kubelet files; of which cluster once it has joined.
    pub state: Option<Belongs>,
    /// An etcd data directory, of which cluster.
    pub datastore: Option<u64>,
    /// Whether the kubelet's unit is active.
    pub active: bool,
    /// The version that the active kubelet has.
    pub version: Option<Version>,
    /// kubeadm: the version of the static pods.
    pub components: Option<Version>,
    /// Counts starts: an older timer for a start means nothing.
    pub start: u32,
}

/// Whose state it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Belongs {
    /// Joining was begun.
    Begun,
    /// It joined this cluster.
    Joined(u64),
}

/// A switch that is armed, or how the last one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Its nonce.
    pub nonce: String,
    /// Where it goes.
    pub to: StorePath,
    /// Where it goes back.
    pub back: StorePath,
    /// How it stands.
    pub state: SwitchState,
    /// It is a test: what boots next stays what it is.
    #[serde(default)]
    pub test: bool,
}

/// How a switch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SwitchState {
    /// It goes back unless confirmed.
    Armed,
    /// It stays.
    Confirmed,
    /// It went back.
    RolledBack,
}

/// Whether a kubelet is well, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Its unit is active and it reaches the others.
    pub well: bool,
    /// Since when.
    pub since: Ms,
}

impl Metal {
    /// Whether it runs and is done booting.
    pub fn is_up(&self, now: Ms) -> bool {
        self.power && now >= self.up_at && self.os != Running::Nothing
    }

    /// Whether the computer that runs nix8s reaches it.
    pub fn answers(&self, now: Ms) -> bool {
        self.is_up(now) && now >= self.operator_cut
    }

    /// Whether its kubelet, and on a control plane its etcd, works with the others.
    pub fn is_well(&self, now: Ms) -> bool {
        self.is_up(now) && self.os == Running::NixOs && self.kube.active && now >= self.peers_cut
    }

    /// The system that runs, if it is NixOS.
    pub fn running(&self) -> Option<&StorePath> {
        match self.os {
            Running::NixOs => self.installed.as_ref().map(|i| &i.running),
            Running::Nothing | Running::Foreign(_) | Running::Installer => None,
        }
    }

    /// The disk at a device path.
    pub fn disk_mut(&mut self, path: &str) -> Option<&mut SimDisk> {
        self.disks.iter_mut().find(|d| d.paths.iter().any(|p| p == path))
    }

    /// What firmware finds to boot.
    pub fn boot_target(&self) -> Running {
        if self.installed.is_some() {
            return Running::NixOs;
        }
        let foreign = self.disks.iter().filter(|d| !d.data).find_map(|d| match &d.content {
            Content::Foreign(os) => Some(os.clone()),
            Content::Empty | Content::Ours(_) => None,
        });
        match (foreign, self.installer) {
            (Some(os), _) => Running::Foreign(os),
            (None, true) => Running::Installer,
            (None, false) => Running::Nothing,
        }
    }
}
