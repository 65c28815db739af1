//! Effects: everything that nix8s can do to the world.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Action;
use crate::model::MachineName;
use crate::model::OnFailure;
use crate::model::Place;
use crate::model::Provisioner;
use crate::model::Reboot;
use crate::model::Role;
use crate::model::StorePath;
use crate::model::Version;
use crate::observed::Hardware;
use crate::observed::Secret;
use crate::permit::EraseScope;

/// A kind of work with a limit on how much of it runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Bookkeeping and single API calls: not limited.
    Free,
    /// Building systems here.
    Build,
    /// Copying systems to machines.
    Copy,
    /// Installing machines.
    Install,
    /// Joining, and whatever else keeps a control plane busy.
    Join,
    /// Users' scripts.
    Script,
}

/// One change to the world. Names its subject and everything it needs; takes no data from another step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Makes the secrets that are missing.
    GenerateSecrets {
        /// Which.
        missing: BTreeSet<Secret>,
    },
    /// Records which control plane initialises the cluster. Touches nothing else.
    ElectFirstServer {
        /// Which.
        machine: MachineName,
    },
    /// Erases the machine's system disk and installs NixOS with an identity mark.
    Install {
        /// Which.
        machine: MachineName,
        /// By what.
        provisioner: Provisioner,
        /// The system to install.
        system: StorePath,
        /// The version that it was evaluated at.
        version: Version,
        /// How much may be erased.
        scope: EraseScope,
        /// The id for the identity mark.
        installation: String,
        /// The machine that was observed; it confirms disks by serial right before erasing (rule 15).
        hardware: Hardware,
        /// Whether this installation was begun before and broken off: its mark may be there, if it never started from its
        /// disk.
        #[serde(default)]
        again: bool,
    },
    /// Writes an identity mark on a machine that runs NixOS already.
    Adopt {
        /// Which.
        machine: MachineName,
        /// The id for the mark.
        installation: String,
        /// The machine that was observed.
        hardware: Hardware,
    },
    /// Writes hosts, proxy backends, VRRP peers and the join address to /var/lib/nix8s.
    WriteMembership {
        /// Where.
        machine: MachineName,
        /// Of what: [`crate::membership`] renders it from the cluster.
        digest: String,
    },
    /// Initialises the cluster on its first server.
    Init {
        /// The first server.
        machine: MachineName,
    },
    /// Joins a machine. Join material is made, used and forgotten inside (rule 13).
    Join {
        /// Which.
        machine: MachineName,
        /// As what.
        role: Role,
        /// The healthy control plane that lets it in.
        via: MachineName,
    },
    /// Builds a system here.
    Build {
        /// For which machine.
        machine: MachineName,
        /// What must come out.
        system: StorePath,
        /// The version that it was evaluated at.
        version: Version,
    },
    /// Copies a system's closure to its machine.
    Copy {
        /// To which.
        machine: MachineName,
        /// What.
        system: StorePath,
    },
    /// Marks a node unschedulable, with our name on it.
    Cordon {
        /// Which.
        machine: MachineName,
    },
    /// Evicts what runs there, within budgets.
    Drain {
        /// Which.
        machine: MachineName,
        /// How long it may take. On timeout the node is uncordoned.
        timeout: Duration,
    },
    /// kubeadm: upgrades the control plane's components before its kubelet.
    UpgradeComponents {
        /// Where.
        machine: MachineName,
        /// The copied system whose kubeadm does it: kubeadm does not go to a version above its own.
        system: StorePath,
        /// To what.
        version: Version,
        /// `upgrade apply` on the first control plane, `upgrade node` on others.
        apply: bool,
    },
    /// Activates a copied system; the machine goes back by itself if it cannot be reached afterwards (rule 12).
    Switch {
        /// Where.
        machine: MachineName,
        /// To what.
        system: StorePath,
        /// Whether it may reboot.
        reboot: Reboot,
        /// Whether it runs now, and after a restart.
        #[serde(default, skip_serializing_if = "Action::is_switch")]
        action: Action,
    },
    /// Asks whether everything holds that must hold.
    CheckGates {
        /// Where.
        machine: MachineName,
        /// Under which system.
        system: StorePath,
    },
    /// Goes back to a system that was good.
    Rollback {
        /// Where.
        machine: MachineName,
        /// To what.
        to: StorePath,
    },
    /// Makes a node schedulable again that nix8s cordoned.
    Uncordon {
        /// Which.
        machine: MachineName,
    },
    /// Restarts k3s or the kubelet of a node that is not Ready.
    Restart {
        /// Where.
        machine: MachineName,
        /// Whether it was seen to vote in etcd. One that did not and does again has recovered: it is left alone.
        #[serde(default)]
        voted: bool,
    },
    /// Takes a member out of etcd.
    LeaveEtcd {
        /// Who leaves.
        machine: MachineName,
        /// The healthy control plane that is asked.
        via: MachineName,
        /// Whether the machine itself is there: then it is told first not to come back as another member.
        #[serde(default)]
        there: bool,
    },
    /// Stops the distribution and removes its state; data disks are untouched.
    Clean {
        /// Where.
        machine: MachineName,
        /// Why it is allowed: the member leaves, or it is a leftover of an earlier life.
        orphan: bool,
    },
    /// Deletes the Node object.
    DeleteNode {
        /// Which.
        machine: MachineName,
        /// Only this one: a node that joined again in the meantime has another uid.
        uid: String,
    },
    /// Records that a member has left. Touches nothing else.
    Forget {
        /// Which.
        machine: MachineName,
        /// It is still in the configuration: it stays away until `node undelete`.
        tombstone: bool,
    },
    /// Brings labels, taints and annotations of a Node to what is configured.
    SetMetadata {
        /// Which.
        machine: MachineName,
        /// What changes.
        patch: MetadataPatch,
    },
    /// Fetches an admin kubeconfig and makes it work from here.
    FetchKubeconfig {
        /// The control plane that is asked.
        via: MachineName,
    },
    /// Installs or upgrades a platform.
    InstallPlatform {
        /// `cozystack`.
        platform: String,
        /// The release.
        version: String,
    },
    /// Runs a script of the user's, once.
    RunScript {
        /// Its name.
        script: String,
        /// The machine that it is about; `None`: the cluster.
        machine: Option<MachineName>,
        /// When it runs: `pre-join`, `phase post`, …
        when: String,
        /// Which time this is: what was done under this key is not done again.
        key: String,
        /// Of its content: another content is another script.
        digest: String,
        /// Where it runs.
        place: Place,
        /// Whether what follows goes on when it fails.
        on_failure: OnFailure,
    },
}

/// A change of a Node's metadata; `None` removes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataPatch {
    /// Labels.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations.
    pub annotations: BTreeMap<String, Option<String>>,
    /// Taints to add, as `key=value:Effect` or `key:Effect`.
    pub add_taints: BTreeSet<String>,
    /// Taints to remove.
    pub remove_taints: BTreeSet<String>,
}

/// The kind of an effect: names steps, counts failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the effect of the same name")]
pub enum EffectKind {
    GenerateSecrets,
    ElectFirstServer,
    Install,
    Adopt,
    WriteMembership,
    Init,
    Join,
    Build,
    Copy,
    Cordon,
    Drain,
    UpgradeComponents,
    Switch,
    CheckGates,
    Rollback,
    Uncordon,
    Restart,
    LeaveEtcd,
    Clean,
    DeleteNode,
    Forget,
    SetMetadata,
    FetchKubeconfig,
    InstallPlatform,
    RunScript,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// It may work next time: tried again after a while.
    Transient,
    /// It will not work until somebody changes something: not tried again before `node retry`.
    Permanent,
}

impl EffectKind {
    /// The name in step ids, reports and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GenerateSecrets => "generate-secrets",
            Self::ElectFirstServer => "elect-first-server",
            Self::Install => "install",
            Self::Adopt => "adopt",
            Self::WriteMembership => "write-membership",
            Self::Init => "init",
            Self::Join => "join",
            Self::Build => "build",
            Self::Copy => "copy",
            Self::Cordon => "cordon",
            Self::Drain => "drain",
            Self::UpgradeComponents => "upgrade-components",
            Self::Switch => "switch",
            Self::CheckGates => "check-gates",
            Self::Rollback => "rollback",
            Self::Uncordon => "uncordon",
            Self::Restart => "restart",
            Self::LeaveEtcd => "leave-etcd",
            Self::Clean => "clean",
            Self::DeleteNode => "delete-node",
            Self::Forget => "forget",
            Self::SetMetadata => "set-metadata",
            Self::FetchKubeconfig => "fetch-kubeconfig",
            Self::InstallPlatform => "install-platform",
            Self::RunScript => "script",
        }
    }
}

impl Effect {
    /// Its kind.
    pub fn kind(&self) -> EffectKind {
        match self {
            Self::GenerateSecrets { .. } => EffectKind::GenerateSecrets,
            Self::ElectFirstServer { .. } => EffectKind::ElectFirstServer,
            Self::Install { .. } => EffectKind::Install,
            Self::Adopt { .. } => EffectKind::Adopt,
            Self::WriteMembership { .. } => EffectKind::WriteMembership,
            Self::Init { .. } => EffectKind::Init,
            Self::Join { .. } => EffectKind::Join,
            Self::Build { .. } => EffectKind::Build,
            Self::Copy { .. } => EffectKind::Copy,
            Self::Cordon { .. } => EffectKind::Cordon,
            Self::Drain { .. } => EffectKind::Drain,
            Self::UpgradeComponents { .. } => EffectKind::UpgradeComponents,
            Self::Switch { .. } => EffectKind::Switch,
            Self::CheckGates { .. } => EffectKind::CheckGates,
            Self::Rollback { .. } => EffectKind::Rollback,
            Self::Uncordon { .. } => EffectKind::Uncordon,
            Self::Restart { .. } => EffectKind::Restart,
            Self::LeaveEtcd { .. } => EffectKind::LeaveEtcd,
            Self::Clean { .. } => EffectKind::Clean,
            Self::DeleteNode { .. } => EffectKind::DeleteNode,
            Self::Forget { .. } => EffectKind::Forget,
            Self::SetMetadata { .. } => EffectKind::SetMetadata,
            Self::FetchKubeconfig { .. } => EffectKind::FetchKubeconfig,
            Self::InstallPlatform { .. } => EffectKind::InstallPlatform,
            Self::RunScript { .. } => EffectKind::RunScript,
        }
    }

    /// The machine that it changes, unless it concerns the cluster as a whole.
    pub fn machine(&self) -> Option<&MachineName> {
        match self {
            Self::GenerateSecrets { .. } | Self::FetchKubeconfig { .. } | Self::InstallPlatform { .. } => {
                None
            }
            Self::ElectFirstServer { machine }
            | Self::Install { machine, .. }
            | Self::Adopt { machine, .. }
            | Self::WriteMembership { machine, .. }
            | Self::Init { machine }
            | Self::Join { machine, .. }
            | Self::Build { machine, .. }
            | Self::Copy { machine, .. }
            | Self::Cordon { machine }
            | Self::Drain { machine, .. }
            | Self::UpgradeComponents { machine, .. }
            | Self::Switch { machine, .. }
            | Self::CheckGates { machine, .. }
            | Self::Rollback { machine, .. }
            | Self::Uncordon { machine }
            | Self::Restart { machine, .. }
            | Self::LeaveEtcd { machine, .. }
            | Self::Clean { machine, .. }
            | Self::DeleteNode { machine, .. }
            | Self::Forget { machine, .. }
            | Self::SetMetadata { machine, .. } => Some(machine),
            Self::RunScript { machine, .. } => machine.as_ref(),
        }
    }

    /// The lane that bounds how many run at once.
    pub fn lane(&self) -> Lane {
        match self.kind() {
            EffectKind::Build => Lane::Build,
            EffectKind::Copy => Lane::Copy,
            EffectKind::Install => Lane::Install,
            EffectKind::Join | EffectKind::Init => Lane::Join,
            EffectKind::GenerateSecrets
            | EffectKind::ElectFirstServer
            | EffectKind::Adopt
            | EffectKind::WriteMembership
            | EffectKind::Cordon
            | EffectKind::Drain
            | EffectKind::UpgradeComponents
            | EffectKind::Switch
            | EffectKind::CheckGates
            | EffectKind::Rollback
            | EffectKind::Uncordon
            | EffectKind::Restart
            | EffectKind::LeaveEtcd
            | EffectKind::Clean
            | EffectKind::DeleteNode
            | EffectKind::Forget
            | EffectKind::SetMetadata
            | EffectKind::FetchKubeconfig
            | EffectKind::InstallPlatform => Lane::Free,
            EffectKind::RunScript => Lane::Script,
        }
    }

    /// Whether it takes away something that runs: the machines of such effects count as affected (rule 17).
    pub fn interrupts(&self) -> bool {
        match self.kind() {
            EffectKind::Cordon
            | EffectKind::Drain
            | EffectKind::UpgradeComponents
            | EffectKind::LeaveEtcd
            | EffectKind::Clean
            | EffectKind::DeleteNode => true,
            EffectKind::GenerateSecrets
            | EffectKind::ElectFirstServer
            | EffectKind::Install
            | EffectKind::Adopt
            | EffectKind::WriteMembership
            | EffectKind::Init
            | EffectKind::Join
            | EffectKind::Build
            | EffectKind::Copy
            | EffectKind::Switch
            | EffectKind::CheckGates
            | EffectKind::Rollback
            | EffectKind::Uncordon
            | EffectKind::Restart
            | EffectKind::Forget
            | EffectKind::SetMetadata
            | EffectKind::FetchKubeconfig
            | EffectKind::InstallPlatform
            | EffectKind::RunScript => false,
        }
    }

    /// The name that a step with this effect has in a plan.
    pub fn id(&self) -> String {
        if let Self::RunScript { script, machine, .. } = self {
            let of = machine.as_ref().map_or_else(String::new, |machine| format!(":{machine}"));
            return format!("{}:{script}{of}", self.kind().as_str());
        }
        match self.machine() {
            Some(machine) => format!("{}:{machine}", self.kind().as_str()),
            None => self.kind().as_str().to_owned(),
        }
    }
}
