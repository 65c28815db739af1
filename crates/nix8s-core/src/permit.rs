//! The user's leave: made by flags and policy, never by nix8s.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::model::MachineName;

/// What a Step may do to running things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing that runs is touched.
    None,
    /// Pods move, services restart, a machine may reboot.
    Interrupts,
    /// A member leaves the cluster.
    Removes,
    /// A disk that holds something is erased.
    Erases,
}

/// How much of a machine may be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EraseScope {
    /// System and etcd disks, if what is on them is ours or nothing.
    System,
    /// System and etcd disks whatever is on them (`NODE:foreign`).
    Foreign,
    /// Data disks too (`NODE:all`).
    All,
}

/// The user's leave for one run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Permit {
    /// Machines that may be erased again, and how much (`--erase`).
    pub erase: BTreeMap<MachineName, EraseScope>,
    /// Machines that were never provisioned may be erased whatever runs on them (`--erase all-new`).
    pub erase_all_new: bool,
    /// Only these machines are worked on, if given (`--node`); naming a machine also allows its role change.
    pub nodes: Option<BTreeSet<MachineName>>,
    /// Only what belongs to this phase is begun, if one is given (`--phase`).
    #[serde(default)]
    pub phase: Option<String>,
    /// How many machines may be interrupted or removed (`--max-affected`); else the policy's number.
    pub max_affected: Option<u32>,
    /// What nobody may do in this run: what policy forbids where no person is asked. Planned as waits.
    #[serde(default)]
    pub denied: BTreeSet<Risk>,
}

impl Permit {
    /// Whether a step of this risk may be carried out at all.
    pub fn allows(&self, risk: Risk) -> bool {
        !self.denied.contains(&risk)
    }
}
