//! What is in the way of working on a cluster: facts in, findings out.

mod api;
mod here;
mod machine;
mod program;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Cluster;
use crate::model::MachineName;
use crate::observed::KubeconfigSeen;
use crate::observed::MachineSeen;
use crate::observed::Os;
use crate::observed::Secret;
use crate::observed::Space;
use crate::past::Past;
use crate::tool::knock::Knocked;
pub use api::knocks;
pub use program::Program;
pub use program::needed;

/// What was asked of this computer and of the machines of a cluster.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Now.
    pub at: Timestamp,
    /// The programs that are needed.
    pub programs: BTreeMap<Program, ProgramSeen>,
    /// Whether NixOS can run the nix8s that machines are given.
    pub fits_machines: bool,
    /// The state directory.
    pub state: StateSeen,
    /// Room on this computer.
    pub space: Vec<Space>,
    /// Secrets that exist, or why that is not known.
    pub secrets: Result<BTreeSet<Secret>, String>,
    /// Each machine that is looked at.
    pub machines: BTreeMap<MachineName, Looked>,
    /// Names and ports, as they are from here; or why that is not known.
    pub knocked: Result<Knocked, String>,
    /// The kept kubeconfig, or why nothing is known of it.
    pub kubeconfig: Result<KubeconfigSeen, String>,
    /// When the certificate ends with which it logs in; `None`: it has none, or it cannot be read.
    pub certificate: Option<Timestamp>,
    /// What is remembered of the cluster.
    pub past: Past,
}

impl Facts {
    /// Whether the cluster exists: it is remembered, or a control plane says so.
    fn has_begun(&self, cluster: &Cluster) -> bool {
        let has_datastore = |name: &MachineName| {
            let probe = self.machines.get(name).and_then(|looked| looked.seen.probe.as_ref());
            probe.is_some_and(|probe| probe.datastore && matches!(probe.os, Os::NixOs { .. }))
        };
        self.past.initialized.is_some() || cluster.control_planes().any(|m| has_datastore(&m.name))
    }
}

/// What a program answered when it was asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramSeen {
    /// It is not installed.
    Missing,
    /// It is there and said this; nothing: it does not say.
    There(Option<crate::tool::version::Number>),
    /// It could not be asked.
    Failed(String),
}

/// The state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSeen {
    /// Where it is.
    pub path: String,
    /// Why it cannot be written; `None`: it can.
    pub unwritable: Option<String>,
    /// Why it cannot be read; `None`: it can, or there is none yet.
    pub unreadable: Option<String>,
    /// Who holds the lock.
    pub held_by: Option<String>,
}

/// One look at a machine.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What it brought.
    pub seen: MachineSeen,
    /// What was in the way, where that is no way of answering.
    pub why: Option<String>,
    /// When it was asked, and when the answer came.
    pub between: (Timestamp, Timestamp),
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not go on to.
    Warning,
    /// `apply` would fail or wait.
    Problem,
}

impl Verdict {
    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// A program that nix8s runs here.
    Program,
    /// The state directory.
    State,
    /// Secrets.
    Secrets,
    /// Room on disks.
    Space,
    /// A machine over SSH.
    Ssh,
    /// A machine's clock.
    Clock,
    /// A name of the DNS.
    Dns,
    /// The port of the API server.
    Port,
    /// The kept kubeconfig.
    Kubeconfig,
}

impl Check {
    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::State => "state",
            Self::Secrets => "secrets",
            Self::Space => "space",
            Self::Ssh => "ssh",
            Self::Clock => "clock",
            Self::Dns => "dns",
            Self::Port => "port",
            Self::Kubeconfig => "kubeconfig",
        }
    }
}

/// One thing that was found out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What was examined.
    pub check: Check,
    /// Which machine; `None`: this computer, or the cluster as a whole.
    pub machine: Option<MachineName>,
    /// How grave it is.
    pub verdict: Verdict,
    /// What was found: a fragment.
    pub text: String,
    /// What to do about it: a sentence; only where it is not ok.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: Check, text: impl Into<String>) -> Self {
        Self { check, machine: None, verdict: Verdict::Ok, text: text.into(), advice: None }
    }

    fn warning(check: Check, text: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { check, machine: None, verdict: Verdict::Warning, text: text.into(), advice }
    }

    fn problem(check: Check, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(check, text, advice) }
    }

    fn of(self, machine: &MachineName) -> Self {
        Self { machine: Some(machine.clone()), ..self }
    }

    /// Whether a program is missing or too old.
    pub fn lacks_program(&self) -> bool {
        self.check == Check::Program && self.verdict == Verdict::Problem
    }
}

/// Everything that was found out, this computer first.
pub fn examine(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let mut findings = program::examine(facts);
    findings.extend(here::examine(cluster, facts));
    for (name, looked) in &facts.machines {
        findings.extend(machine::examine(cluster, name, looked));
    }
    findings.extend(api::examine(cluster, facts));
    findings
}

/// Bytes for people.
fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        // A decimal where it matters.
        Some((unit, name)) if bytes < 10 * unit => {
            format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
        }
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

/// How much room there must be where a path is.
struct Room {
    path: &'static str,
    /// Less than this is a problem.
    least: u64,
    /// Less than this is a warning.
    enough: u64,
    /// What to do about it.
    advice: &'static str,
}

/// What is said of the room in one place: `None` if there is enough.
fn room(space: &Space, room: &Room) -> Option<Finding> {
    let verdict = match space.free {
        free if free < room.least => Verdict::Problem,
        free if free < room.enough => Verdict::Warning,
        _ => return None,
    };
    let text = format!("{} has {} free of {}", space.path, bytes(space.free), bytes(space.size));
    let advice = Some(room.advice.to_owned());
    Some(Finding { check: Check::Space, machine: None, verdict, text, advice })
}

/// Several facts in a row.
fn listed<T: std::fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}
