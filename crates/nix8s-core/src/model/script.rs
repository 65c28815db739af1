//! Scripts: users' own commands as parts of a cluster's life, the phases that they belong to, and users' reconcilers.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use super::MachineName;

/// Everything that users add to a cluster's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// The phases of bringing a cluster up, by order and name.
    pub phases: Vec<Phase>,
    /// Scripts in the order in which they run where nothing else orders them: those that others wait for come first.
    pub scripts: Vec<Script>,
    /// Users' own reconcilers, by name.
    pub reconcilers: BTreeMap<String, UserReconciler>,
}

/// Nothing but the phases that nix8s brings.
impl Default for Bootstrap {
    fn default() -> Self {
        let phase = |(name, order): &(&str, u32)| Phase {
            name: (*name).to_owned(),
            order: *order,
            condition: None,
            is_built_in: true,
        };
        let phases = BUILT_IN.iter().map(phase).collect();
        Self { phases, scripts: Vec::new(), reconcilers: BTreeMap::new() }
    }
}

/// The phases that nix8s brings, and their orders.
pub const BUILT_IN: &[(&str, u32)] = &[
    ("pre", 0),
    ("discovery", 100),
    ("provisioning", 200),
    ("kubernetes", 300),
    ("cozystack", 400),
    ("post", 1000),
];

/// The place after all phases, where `bootstrap.activationScripts` are. Its name is a key, so no phase can have it.
pub const LAST: (&str, u32) = ("bootstrap.activationScripts", u32::MAX);

/// A phase of bringing a cluster up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Nothing of a phase begins before everything of those with lower orders is done.
    pub order: u32,
    /// Its scripts run only where this command exits with 0.
    pub condition: Option<Body>,
    /// Whether nix8s brings it.
    pub is_built_in: bool,
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Its name: unique among the scripts that concern a machine.
    pub name: String,
    /// When it runs.
    pub when: Moment,
    /// Once for the cluster, or once for each machine.
    pub scope: Scope,
    /// The machines that it is about; `None`: all of them.
    pub nodes: Option<BTreeSet<MachineName>>,
    /// For a script of the cluster: the machine that `NODE` names, and on which it runs if it runs on one.
    pub on: Option<MachineName>,
    /// Where it runs.
    #[serde(rename = "where")]
    pub place: Place,
    /// What runs.
    pub body: Body,
    /// Scripts that come before it.
    pub deps: BTreeSet<String>,
    /// It runs only where this command exits with 0.
    pub condition: Option<Body>,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether what comes after it waits when it failed.
    pub on_failure: OnFailure,
    /// Whether it runs again though it ran.
    pub repeat: Repeat,
    /// Of what runs and what comes before it: another content is another script.
    pub digest: String,
}

/// When a script runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before something happens to a machine.
    Before(Transition),
    /// After it.
    After(Transition),
    /// When something failed.
    OnError,
    /// In a phase.
    Phase {
        /// Its name.
        name: String,
        /// Its order.
        order: u32,
    },
}

/// What happens to a machine, as far as hooks are about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It is installed, or taken over for the first time.
    Provision,
    /// It becomes a member.
    Join,
    /// Pods leave it.
    Drain,
    /// It gets another system.
    Update,
    /// It has left.
    Delete,
}

/// Whether a script is about the cluster or about machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Once for the cluster.
    Cluster,
    /// Once for each machine.
    Node,
}

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On the computer that runs nix8s.
    Local,
    /// On the machine.
    Node,
}

/// What a script or a condition runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A program with its arguments.
    Run(Vec<String>),
    /// A text for bash.
    Text(String),
}

/// What comes of a script's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// What comes after it waits for a person.
    Stop,
    /// It is recorded, and the rest goes on.
    Continue,
}

/// Whether a script of a phase runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// Once for its content.
    Never,
    /// Once in every run.
    EachApply,
}

/// A user's own reconciler: an executable that `nix8s run` starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserReconciler {
    /// Whether it is started at all.
    pub enable: bool,
    /// Reconcilers, nix8s's own and users', that must have had their first success.
    pub after: Vec<String>,
    /// The program with its arguments.
    pub run: Vec<String>,
    /// How often it is started; `None`: see [`UserReconciler::is_long_running`].
    pub interval: Option<Duration>,
    /// Files and folders whose change starts it.
    pub watch_paths: Vec<String>,
}

impl Bootstrap {
    /// The script of this name that is about this machine, or about the cluster.
    pub fn script(&self, name: &str, machine: Option<&MachineName>) -> Option<&Script> {
        self.scripts.iter().find(|script| {
            script.name == name
                && match machine {
                    Some(machine) => script.scope == Scope::Node && script.concerns(machine),
                    None => script.scope == Scope::Cluster,
                }
        })
    }

    /// The condition of a script's phase.
    pub fn phase_condition(&self, script: &Script) -> Option<&Body> {
        let Moment::Phase { name, .. } = &script.when else { return None };
        self.phases.iter().find(|phase| phase.name == *name)?.condition.as_ref()
    }
}

impl Script {
    /// Whether it is about this machine.
    pub fn concerns(&self, machine: &MachineName) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.contains(machine))
    }
}

impl UserReconciler {
    /// Whether it runs until it is stopped, rather than being started again and again.
    pub fn is_long_running(&self) -> bool {
        self.interval.is_none() && self.watch_paths.is_empty()
    }
}

impl Transition {
    /// As in `when`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Join => "join",
            Self::Drain => "drain",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before(transition) => write!(f, "pre-{}", transition.as_str()),
            Self::After(transition) => write!(f, "post-{}", transition.as_str()),
            Self::OnError => f.write_str("on-error"),
            Self::Phase { name, .. } => write!(f, "phase {name}"),
        }
    }
}
