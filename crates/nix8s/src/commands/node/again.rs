//! `nix8s node rebuild`, `reinstall` and `retry`: what a person wants done again, recorded for the next `apply`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::Action;
use nix8s_core::model::MachineName;
use nix8s_core::permit::EraseScope;
use nix8s_engine::journal::Journal;
use nix8s_engine::port::Clock;
use nix8s_engine::port::Store;
use nix8s_engine::state::marker;

use super::change::told;
use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::remembered;
use crate::commands::remembered::Found;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::report::words;

const REBUILD_EXAMPLES: &str = "\
Examples:
  nix8s node rebuild w3                  its system is rolled out again by the next apply
  nix8s node rebuild --all               every machine's, rolling
  nix8s node rebuild w3 --action boot    it starts into it with its next restart
  nix8s node rebuild w3 --action test    it runs it until its next restart

Without --action as `provisioning.nixos-rebuild.action` says for machines of that provisioner, and by a switch for others.
The same happens when `nodes/NODE/config-hash` is removed from the state directory.";

/// Roll a machine's system out again with the next `apply`, though nothing in the configuration changed
#[derive(Debug, clap::Args)]
#[command(after_help = REBUILD_EXAMPLES)]
pub struct RebuildArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(required_unless_present = "all", conflicts_with = "all", add = ArgValueCandidates::new(complete::machines))]
    node: Option<String>,
    /// Every machine that is configured; of the cluster named by --cluster, or of the only one
    #[arg(long)]
    all: bool,
    /// The cluster for --all
    #[arg(long, value_name = "CLUSTER", requires = "all", add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// How: it runs now and after a restart, from the next restart on, or until the next restart
    #[arg(long, value_name = "ACTION", value_enum)]
    action: Option<How>,
}

/// `--action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// It runs now, and after every restart
    Switch,
    /// It runs from the next restart on
    Boot,
    /// It runs until the next restart
    Test,
}

impl How {
    fn action(self) -> Action {
        match self {
            Self::Switch => Action::Switch,
            Self::Boot => Action::Boot,
            Self::Test => Action::Test,
        }
    }
}

const REINSTALL_EXAMPLES: &str = "\
Examples:
  nix8s node reinstall w3                its system and etcd disks are erased
  nix8s node reinstall w3 --erase all    its data disks too
  nix8s node reinstall w3 --undo         it stays as it is

The next `apply` shows it in its plan and asks: the machine leaves its cluster in order, is erased, installed and joins
again. This names the machine, so that `apply --yes` may erase it; that it leaves is for `policy.remove` to allow.";

/// Let the next `apply` erase a machine and install it once more
#[derive(Debug, clap::Args)]
#[command(after_help = REINSTALL_EXAMPLES)]
pub struct ReinstallArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
    /// How much of it may be erased
    #[arg(long, value_name = "WHAT", value_enum, default_value = "system")]
    erase: Scope,
    /// Take it back, as long as it has not begun
    #[arg(long, conflicts_with = "erase")]
    undo: bool,
}

/// `--erase` of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// System and etcd disks, if what is on them is ours or nothing
    System,
    /// System and etcd disks, whatever is on them
    Foreign,
    /// All disks, data disks too
    All,
}

impl Scope {
    fn scope(self) -> EraseScope {
        match self {
            Self::System => EraseScope::System,
            Self::Foreign => EraseScope::Foreign,
            Self::All => EraseScope::All,
        }
    }
}

const RETRY_EXAMPLES: &str = "\
Example:
  nix8s node retry w3";

/// Try again what was given up on a machine, after mending it; bad systems are forgiven
#[derive(Debug, clap::Args)]
#[command(after_help = RETRY_EXAMPLES)]
pub struct RetryArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
}

/// Records that systems shall be rolled out again.
pub fn rebuild(cx: &Cx<'_>, args: &RebuildArgs) -> Result<Exit, CliError> {
    let RebuildArgs { node, all: _, cluster, action } = args;
    let action = action.map(How::action);
    let found: Vec<Found> = match node {
        Some(node) => {
            let found = remembered::machine(cx, node)?;
            configured(&found)?;
            vec![found]
        }
        // Of all machines those are meant that can be rebuilt.
        None => {
            every(cx, cluster.as_deref())?.into_iter().filter(|found| configured(found).is_ok()).collect()
        }
    };
    let Some(first) = found.first() else { return Ok(Exit::Done) };
    let whats = found.iter().map(|found| What::Rebuild { machine: found.machine.clone(), action }).collect();
    record(cx, first, "node rebuild", whats)?;
    for found in &found {
        let text = match action {
            None | Some(Action::Switch) => "runs its system once more with the next apply, in its turn",
            Some(Action::Boot) => "starts into its system with the restart that follows the next apply",
            Some(Action::Test) => "runs its system with the next apply, in its turn, until it restarts",
        };
        told(cx, found, "rebuild", text);
    }
    Ok(Exit::Done)
}

/// Records that a machine may be erased and installed once more.
pub fn reinstall(cx: &Cx<'_>, args: &ReinstallArgs) -> Result<Exit, CliError> {
    let ReinstallArgs { node, erase, undo } = args;
    let found = remembered::machine(cx, node)?;
    let scope = (!undo).then_some(erase.scope());
    let machine = configured(&found)?.clone();
    record(cx, &found, "node reinstall", vec![What::Reinstall { machine, scope }])?;
    match scope {
        Some(scope) => {
            let text = format!(
                "leaves its cluster with the next apply, which erases {} and installs it once more; \
                 `nix8s node reinstall {} --undo` takes that back",
                words::scope(scope).trim_end_matches(','),
                found.machine
            );
            told(cx, &found, "reinstall", &text);
        }
        None => told(cx, &found, "kept", "stays as it is installed"),
    }
    Ok(Exit::Done)
}

/// Records that what was given up may be tried again.
pub fn retry(cx: &Cx<'_>, args: &RetryArgs) -> Result<Exit, CliError> {
    let RetryArgs { node } = args;
    let found = remembered::machine(cx, node)?;
    record(cx, &found, "node retry", vec![What::Retry { machine: found.machine.clone() }])?;
    told(cx, &found, "retried", "is tried again by the next apply");
    Ok(Exit::Done)
}

/// Every machine of the named cluster, or of the only one.
fn every(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Vec<Found>, CliError> {
    let mut clusters = remembered::clusters(cx, cluster)?;
    let names: Vec<String> = clusters.iter().map(|cluster| cluster.name.to_string()).collect();
    let cluster = match (clusters.pop(), clusters.len()) {
        (Some(cluster), 0) => cluster,
        (None, _) => return Err(project::unknown("cluster", cluster.unwrap_or("--all"), names)),
        (Some(_), _) => {
            let message = "several clusters are remembered: name the one that is meant";
            let hint = format!("Say --cluster with one of {}.", words::sentence_list(&names));
            return Err(CliError::new(Exit::Usage, message).hint(hint));
        }
    };
    let machines = cluster.overview()?.map(|overview| overview.machines).unwrap_or_default();
    machines.keys().map(|name| remembered::machine(cx, name.as_str())).collect()
}

/// The machine, if it is still in the configuration: what has left is not built or installed.
fn configured(found: &Found) -> Result<&MachineName, CliError> {
    let machine = &found.machine;
    if found.overview.machines.get(machine).is_some_and(|is| is.role.is_some()) {
        return Ok(machine);
    }
    Err(CliError::new(Exit::Usage, format!("{machine} has left the configuration"))
        .hint("Add it to the configuration again, and run `nix8s apply`."))
}

/// Puts it on record, or leaves it to whoever holds the lock: an `apply` or a `run` takes it in before its next look.
fn record(cx: &Cx<'_>, found: &Found, command: &str, whats: Vec<What>) -> Result<(), CliError> {
    let Some(state) = world::try_to_plan(cx, &found.cluster.name, command)? else {
        // Digits enough that names sort by time until the year 2286.
        let name = format!("{:020}-{}", Timestamp::now().as_nanosecond(), std::process::id());
        let state = &found.cluster.state;
        return marker::ask(&**state, &name, &whats).map_err(|error| world::unreadable(state, error));
    };
    // What a person does happens after everything that is recorded, whatever the simulated clock shows.
    let clock = Arc::new(Last(found.overview.at));
    Journal::open(Arc::clone(&state) as Arc<dyn Store>, clock, command.replace(' ', "-"))
        .and_then(|mut journal| journal.record(whats))
        .map(drop)
        .map_err(|error| world::unreadable(&state, error))
}

/// A clock that shows the time of the last event.
pub struct Last(pub Timestamp);

#[async_trait]
impl Clock for Last {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _duration: Duration) {}
}
