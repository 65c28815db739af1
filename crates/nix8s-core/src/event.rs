//! What happened: the append-only record that the past is read from. Versioned JSON, one event a line.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Action;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::StorePath;
use crate::permit::EraseScope;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::FailureClass;

/// The version of the event format that this nix8s writes; it reads this and every earlier one.
pub const EVENT_VERSION: u32 = 1;

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// [`EVENT_VERSION`] of the writer.
    pub v: u32,
    /// Counts from 1 without gaps; a gap or a repeat is damage.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Which run of nix8s.
    pub run: String,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A run began.
    RunStarted {
        /// The command, for example `apply`.
        command: String,
    },
    /// A run ended by itself.
    RunEnded {
        /// How, for people: `converged`, `interrupted`, …
        outcome: String,
    },
    /// A step is about to be carried out. Durable before anything is touched.
    Started {
        /// Its effect.
        effect: Effect,
    },
    /// A step was carried out.
    Done {
        /// Its effect.
        effect: Effect,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What there is to say about it, for example how many pods were evicted.
        note: Option<String>,
    },
    /// A step failed.
    Failed {
        /// Its effect.
        effect: Effect,
        /// How.
        failure: Failure,
    },
    /// A step that runs is held up, and was not before, or not by this.
    Held {
        /// Its effect.
        effect: Effect,
        /// By what, for people.
        why: String,
    },
    /// A machine carries our identity mark, and the past did not know.
    Recognised {
        /// Which.
        machine: MachineName,
        /// The mark's installation id.
        installation: String,
        /// DMI UUID.
        uuid: String,
    },
    /// A machine that carries our mark is a Node, and the past did not know, or not under this uid.
    Joined {
        /// Which.
        machine: MachineName,
        /// The Node's uid.
        uid: String,
        /// As what.
        role: Role,
    },
    /// The cluster exists already (a datastore or an answering API server), and the past did not know.
    ClusterFound,
    /// The API server of a cluster that exists stopped answering.
    ApiLost,
    /// It answers again.
    ApiBack,
    /// A machine stopped answering.
    LostSight {
        /// Which.
        machine: MachineName,
    },
    /// A machine answers again.
    Sighted {
        /// Which.
        machine: MachineName,
    },
    /// A Node stopped being Ready.
    NotReady {
        /// Which.
        machine: MachineName,
    },
    /// A Node is Ready again.
    Ready {
        /// Which.
        machine: MachineName,
    },
    /// `node delete`, or a DELETE marker.
    MarkedDelete {
        /// Which.
        machine: MachineName,
        /// `--lost`.
        lost: bool,
    },
    /// `node undelete`, or the tombstone's member left the configuration.
    Undeleted {
        /// Which.
        machine: MachineName,
    },
    /// `node retry`: what was given up is tried again, and bad systems are forgiven.
    Retry {
        /// Which.
        machine: MachineName,
    },
    /// Something waits that did not before, or not for such a cause.
    WaitBegan {
        /// Which machine; `None`: the cluster.
        machine: Option<MachineName>,
        /// Why, for programs.
        cause: Cause,
        /// Why, as it was said when it began.
        text: String,
    },
    /// It waits no longer, or for something else.
    WaitEnded {
        /// Which machine; `None`: the cluster.
        machine: Option<MachineName>,
        /// The cause that it began with.
        cause: Cause,
        /// How long it was, in milliseconds.
        took_ms: u64,
    },
    /// The hooks that are configured are these from now on: what happened before concerns none that is new.
    HooksKnown {
        /// Their names.
        names: BTreeSet<String>,
    },
    /// `node rebuild`, or a removed config-hash.
    Rebuild {
        /// Which.
        machine: MachineName,
        /// How; `None`: as it is configured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<Action>,
    },
    /// `node reinstall`: a person names a machine that may be erased and installed once more.
    Reinstall {
        /// Which.
        machine: MachineName,
        /// How much of it may be erased; `None`: that is taken back.
        scope: Option<EraseScope>,
    },
    /// `state migrate`: what the state directory of an earlier design said.
    Migrated {
        /// Where it is.
        from: String,
        /// The cluster exists.
        initialized: bool,
        /// Who initialised it.
        first_server: Option<MachineName>,
        /// Machines that were installed.
        machines: BTreeMap<MachineName, Migrated>,
    },
}

/// A machine in the state of an earlier design.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// As what it was a member; `None`: it was installed only.
    pub joined: Option<Role>,
    /// It was marked for removal.
    pub delete: bool,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether trying again can help.
    pub class: FailureClass,
    /// What was being done and what came back, in one sentence.
    pub message: String,
    /// What to try, if there is advice.
    pub hint: Option<String>,
    /// The system that is to blame (its gates failed, or the machine rolled it back).
    pub bad_system: Option<StorePath>,
}
