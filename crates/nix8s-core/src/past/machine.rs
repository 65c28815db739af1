//! What is remembered of one machine.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::Happened;
use super::ScriptPast;
use crate::model::Action;
use crate::model::Role;
use crate::model::StorePath;
use crate::model::Transition;
use crate::permit::EraseScope;
use crate::plan::EffectKind;
use crate::plan::FailureClass;

/// What is remembered of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachinePast {
    /// The installation that nix8s made or recognised.
    pub provisioned: Option<Provisioned>,
    /// How many installations were begun: makes the next one's id.
    pub installs: u32,
    /// The membership that nix8s made or recognised.
    pub joined: Option<Joined>,
    /// Joining was begun, and nobody knows yet that it ended.
    #[serde(default)]
    pub joining: bool,
    /// Failures of steps since the last success of that kind.
    pub failures: BTreeMap<EffectKind, Failures>,
    /// Since when it does not answer.
    pub silent_since: Option<Timestamp>,
    /// Since when its Node is not Ready.
    pub not_ready_since: Option<Timestamp>,
    /// `node delete` was asked.
    pub delete: bool,
    /// `node delete --lost` was asked: a person says that it is gone.
    pub lost: bool,
    /// It left, and stays away until `node undelete` or until it leaves the configuration.
    pub removed: bool,
    /// Systems that failed their gates here, with what was said.
    pub bad: BTreeMap<StorePath, String>,
    /// The last system that passed its gates here.
    pub good: Option<StorePath>,
    /// `node rebuild` was asked, or the config-hash export was removed.
    pub rebuild: bool,
    /// How it was asked; `None`: as it is configured.
    #[serde(default)]
    pub rebuild_by: Option<Action>,
    /// The system that it was brought to otherwise than by a switch: what a restart makes of that is not undone before
    /// another one is wanted, or somebody asks.
    #[serde(default)]
    pub held: Option<Held>,
    /// `node reinstall` was asked, and how much may be erased for it: a permit, which the next run takes up. It ends with
    /// the installation that it is for.
    #[serde(default)]
    pub reinstall: Option<EraseScope>,
    /// The id of an installation that was begun and of which nobody knows yet what became.
    #[serde(default)]
    pub installing: Option<String>,
    /// How often its kubelet was restarted since it was last Ready, and when last.
    pub restarts: Option<Restarts>,
    /// Scripts that are about it, by name.
    #[serde(default)]
    pub scripts: BTreeMap<String, ScriptPast>,
    /// The system that a switch was begun to and of which nobody knows yet what became.
    #[serde(default)]
    pub updating: Option<StorePath>,
    /// How often a drain came to its end: by a new system, by a departure, or because pods may come back.
    #[serde(default)]
    pub drains: u32,
    /// What happened to it.
    #[serde(default)]
    pub transitions: BTreeMap<Transition, Happened>,
    /// How often something failed on it that was well before.
    #[serde(default)]
    pub errors: Option<Happened>,
}

/// Restarts of a kubelet since its node was last Ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// How many.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
}

/// A system that runs until a restart only, or from one on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub system: StorePath,
    /// [`Action::Boot`] or [`Action::Test`].
    pub action: Action,
}

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// Its id, as in the identity mark.
    pub installation: String,
    /// The hardware's DMI UUID at that time.
    pub uuid: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// As what.
    pub role: Role,
    /// The Node's uid, when it was seen.
    pub uid: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Failures of one kind of step since its last success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How many in a row.
    pub count: u32,
    /// The last one.
    pub last: Timestamp,
    /// Whether trying again can help.
    pub class: FailureClass,
    /// What was said.
    pub message: String,
}
