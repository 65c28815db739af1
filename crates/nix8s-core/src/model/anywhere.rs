//! `provisioning.nixos-anywhere`: how it installs machines.

use serde::Deserialize;
use serde::Serialize;

/// How nixos-anywhere installs the machines of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anywhere {
    /// The installer that kexec boots, in place of its own: a file here or an address.
    pub image: Option<String>,
    /// Which of its phases run, in their order.
    pub phases: Vec<InstallPhase>,
    /// Where systems are built.
    pub build: BuildOn,
    /// Whether the SSH host keys of what runs there stay the machine's.
    pub copy_host_keys: bool,
    /// Further flags, each with its arguments behind it.
    pub extra_flags: Vec<String>,
}

impl Default for Anywhere {
    fn default() -> Self {
        Self {
            image: None,
            phases: InstallPhase::ALL.to_vec(),
            build: BuildOn::Auto,
            copy_host_keys: false,
            extra_flags: Vec::new(),
        }
    }
}

impl Anywhere {
    /// Whether a phase runs.
    pub fn has(&self, phase: InstallPhase) -> bool {
        self.phases.contains(&phase)
    }
}

/// A phase of nixos-anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallPhase {
    /// Boots an installer, unless one runs.
    Kexec,
    /// Erases disks and lays them out.
    Disko,
    /// Puts the system on them.
    Install,
    /// Starts it.
    Reboot,
}

impl InstallPhase {
    /// All, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Kexec, Self::Disko, Self::Install, Self::Reboot];

    /// The name that it has in documents and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kexec => "kexec",
            Self::Disko => "disko",
            Self::Install => "install",
            Self::Reboot => "reboot",
        }
    }
}

/// Where a system is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildOn {
    /// Here if that can be, else on the machine.
    #[default]
    Auto,
    /// Here.
    Local,
    /// On the machine.
    Remote,
}

impl BuildOn {
    /// The name that it has in documents and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}
