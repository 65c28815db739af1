//! `nix8s state`.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::import::state::Migration;
use nix8s_core::import::state::migrate;
use nix8s_core::model::Cluster;
use nix8s_engine::journal::Journal;
use nix8s_engine::port::Store;
use nix8s_engine::state::layout;
use nix8s_engine::state::older;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::node::again::Last;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::output::clean;
use crate::report::names::count;
use crate::report::note;

const EXAMPLES: &str = "\
Example:
  nix8s state migrate prod            what would be taken over from an earlier design";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  nix8s state migrate prod                                   shows what would be taken over
  nix8s state migrate prod --yes                             does it
  nix8s state migrate prod --from ./old-state/prod --yes

The older folder stays as it is. What was installed by then is never erased without leave, and a cluster that exists is
never initialised again; everything else is looked up on the machines by the next `plan`.";

/// Take over what an earlier design remembered of a cluster
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StateArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Migrate(MigrateArgs),
}

/// Show what the state directory of an earlier design says, and with --yes put it on record
#[derive(Debug, clap::Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
struct MigrateArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// The older state directory [default: $XDG_STATE_HOME/cozystack-bootstrap/CLUSTER]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Put it on record
    #[arg(long)]
    yes: bool,
}

/// Runs a verb on the state directory.
pub fn run(cx: &Cx<'_>, args: &StateArgs) -> Result<Exit, CliError> {
    let StateArgs { verb: Verb::Migrate(MigrateArgs { cluster, from, yes }) } = args;
    let fleet = project::fleet(cx)?;
    let cluster = project::changing(&fleet, cluster.as_deref())?;
    let dir = from.clone().map_or_else(|| usual(&cluster), Ok)?;
    let migration = read(&cluster, &dir)?;
    if *yes {
        record(cx, &cluster, &migration)?;
    } else {
        refuse_state(cx, &cluster)?;
    }
    show(cx, &cluster, &dir, &migration, *yes);
    Ok(Exit::Done)
}

/// Where the older design kept it.
fn usual(cluster: &Cluster) -> Result<PathBuf, CliError> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("cozystack-bootstrap").join(cluster.name.as_str())).ok_or_else(|| {
        CliError::new(Exit::Usage, "where the older state is cannot be told").hint("Name it with --from.")
    })
}

fn read(cluster: &Cluster, dir: &Path) -> Result<Migration, CliError> {
    let files = older::read(dir).map_err(|error| {
        CliError::new(Exit::Failed, format!("could not read the older state in {}", dir.display()))
            .because(error)
            .hint("Name the folder with --from.")
    })?;
    if files.contains_key(layout::LOG) {
        let message = format!("{} is a state directory of today's nix8s", dir.display());
        return Err(CliError::new(Exit::Refused, message).hint("It is used with --state-dir, as it is."));
    }
    let from = dir.canonicalize().unwrap_or_else(|_| dir.to_owned()).display().to_string();
    let migration = migrate(cluster, &from, &files);
    if migration.what.is_none() {
        let message =
            format!("{} says of no machine of {} that it was installed", dir.display(), cluster.name);
        return Err(CliError::new(Exit::Refused, message)
            .hint("It is to hold nodes/NODE/config.json, nodes/NODE/state, k8s/members/NODE or provision-NODE.done."));
    }
    Ok(migration)
}

/// What is known already is not to be mixed with what somebody else remembers.
fn refuse_state(cx: &Cx<'_>, cluster: &Cluster) -> Result<(), CliError> {
    refuse_events(&*world::open_to_read(cx, &cluster.name)?, cluster)
}

fn refuse_events(state: &nix8s_engine::state::dir::StateDir, cluster: &Cluster) -> Result<(), CliError> {
    let events = state.events().map_err(|error| world::unreadable(state, error))?;
    if events.is_empty() {
        return Ok(());
    }
    let message = format!("there is state of {} already, in {}", cluster.name, state.root().display());
    Err(CliError::new(Exit::Refused, message).hint(
        "Older state is taken over before the first `apply`, once. `nix8s events` tells what is on record.",
    ))
}

fn record(cx: &Cx<'_>, cluster: &Cluster, migration: &Migration) -> Result<(), CliError> {
    let state = world::open_to_plan(cx, &cluster.name, "state migrate")?;
    refuse_events(&state, cluster)?;
    // The simulated world's time begins where it begins.
    let now = if cx.global.simulate { beginning() } else { Timestamp::now() };
    Journal::open(Arc::clone(&state) as Arc<dyn Store>, Arc::new(Last(now)), "state-migrate".to_owned())
        .and_then(|mut journal| journal.record(migration.what.clone()))
        .map_err(|error| world::unreadable(&state, error))
}

fn beginning() -> Timestamp {
    Timestamp::from_millisecond(nix8s_sim::BEGINNING).unwrap_or_default()
}

fn show(cx: &Cx<'_>, cluster: &Cluster, dir: &Path, migration: &Migration, done: bool) {
    let Some(What::Migrated { initialized, first_server, machines, .. }) = &migration.what else { return };
    if cx.out.format == Format::Json {
        cx.out.json(&json!({
            "version": 1,
            "cluster": cluster.name,
            "from": dir,
            "recorded": done,
            "initialized": initialized,
            "firstServer": first_server,
            "machines": machines,
            "notes": migration.notes,
        }));
        return;
    }
    let mut text = String::new();
    for (name, machine) in machines {
        let joined = machine
            .joined
            .map_or_else(|| "installed".to_owned(), |role| format!("installed, member ({role})"));
        let leaves = if machine.delete { ", marked for removal" } else { "" };
        text.push_str(&format!("{}: {joined}{leaves}\n", cx.out.paint.bold(name)));
    }
    if *initialized {
        let by = first_server.as_ref().map(|name| format!(", initialised by {name}")).unwrap_or_default();
        text.push_str(&format!("the cluster exists{by}\n"));
    }
    cx.out.data(&text);
    let notes = note::render(&migration.notes, cx.out.paint_err);
    if !notes.is_empty() {
        cx.out.say(notes.trim_end());
    }
    let unknown = cluster.machines.keys().filter(|name| !machines.contains_key(*name)).count();
    if unknown > 0 {
        let more = count(unknown, "machine");
        cx.out.say(&format!("Of {more} in the configuration it says nothing: they are taken for new."));
    }
    if cx.out.detail == Detail::Quiet {
        return;
    }
    let dir = clean(&dir.display().to_string());
    cx.out.say(&if done {
        format!("That is on record now. {dir} stays as it is; `nix8s plan` shows what comes of it.")
    } else {
        "Nothing was written: --yes puts it on record.".to_owned()
    });
}
