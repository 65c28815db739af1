//! `nix8s node delete`, `undelete` and `retry`: what a person wants of one machine, for the next `apply`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_engine::journal::Journal;
use nix8s_engine::port::Clock;
use nix8s_engine::port::Store;
use nix8s_engine::state::marker;
use nix8s_engine::state::marker::Leaving;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::needs_machines;
use crate::commands::remembered;
use crate::commands::remembered::Found;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::report::json as document;

const DELETE_EXAMPLES: &str = "\
Examples:
  nix8s node delete w3 --simulate          drained and cleaned by the next apply
  nix8s node delete w3 --lost --simulate   it is gone for good: nothing on it is touched";

/// Let a machine leave its cluster: the next `apply` drains it, takes it out of etcd, cleans it and deletes its node
#[derive(Debug, clap::Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub struct DeleteArgs {
    /// The machine's name, or its member's if that is unique
    node: String,
    /// Say that the machine is gone for good: only you can know that
    #[arg(long)]
    lost: bool,
}

const UNDELETE_EXAMPLES: &str = "\
Example:
  nix8s node undelete w3 --simulate";

/// Take a removal back, or let a removed machine come back
#[derive(Debug, clap::Args)]
#[command(after_help = UNDELETE_EXAMPLES)]
pub struct UndeleteArgs {
    /// The machine's name, or its member's if that is unique
    node: String,
}

const RETRY_EXAMPLES: &str = "\
Example:
  nix8s node retry w3 --simulate";

/// Try again what was given up on a machine, after mending it; bad systems are forgiven
#[derive(Debug, clap::Args)]
#[command(after_help = RETRY_EXAMPLES)]
pub struct RetryArgs {
    /// The machine's name, or its member's if that is unique
    node: String,
}

/// Marks a machine for removal.
pub fn delete(cx: &Cx<'_>, args: &DeleteArgs) -> Result<Exit, CliError> {
    let DeleteArgs { node, lost } = args;
    needs_machines(cx.global, "node delete")?;
    let found = remembered::machine(cx, node)?;
    let (leaving, text) = if *lost {
        (Leaving::Lost, "is taken for lost: the next apply removes what the cluster remembers of it")
    } else {
        (Leaving::InOrder, "leaves with the next apply; `nix8s node undelete` takes that back")
    };
    let marked = marker::delete(&*found.cluster.state, &found.machine, leaving);
    marked.map_err(|error| world::unreadable(&found.cluster.state, error))?;
    told(cx, &found, "marked-for-removal", text);
    Ok(Exit::Done)
}

/// Takes a removal back.
pub fn undelete(cx: &Cx<'_>, args: &UndeleteArgs) -> Result<Exit, CliError> {
    let UndeleteArgs { node } = args;
    needs_machines(cx.global, "node undelete")?;
    let found = remembered::machine(cx, node)?;
    let marked = marker::undelete(&*found.cluster.state, &found.machine);
    marked.map_err(|error| world::unreadable(&found.cluster.state, error))?;
    told(cx, &found, "kept", "stays, or comes back with the next apply if it is still in the configuration");
    Ok(Exit::Done)
}

/// Records that what was given up may be tried again.
pub fn retry(cx: &Cx<'_>, args: &RetryArgs) -> Result<Exit, CliError> {
    let RetryArgs { node } = args;
    needs_machines(cx.global, "node retry")?;
    let found = remembered::machine(cx, node)?;
    let state = world::open_to_plan(cx, &found.cluster.name, "node retry")?;
    // What a person does happens after everything that is recorded, whatever the simulated clock shows.
    let clock = Arc::new(Last(found.overview.at));
    let recorded = Journal::open(Arc::clone(&state) as Arc<dyn Store>, clock, "node-retry".to_owned())
        .and_then(|mut journal| journal.record([What::Retry { machine: found.machine.clone() }]));
    recorded.map_err(|error| world::unreadable(&state, error))?;
    told(cx, &found, "retried", "is tried again by the next apply");
    Ok(Exit::Done)
}

fn told(cx: &Cx<'_>, found: &Found, kind: &str, text: &str) {
    match cx.out.format {
        Format::Json => cx.out.json(&json!({
            "version": document::VERSION,
            "cluster": found.cluster.name,
            "machine": found.machine,
            "done": kind,
        })),
        Format::Text if cx.out.detail == Detail::Quiet => {}
        Format::Text => cx.out.data(&format!("{} {text}.\n", cx.out.paint.bold(&found.machine))),
    }
}

/// A clock that shows the time of the last event.
struct Last(Timestamp);

#[async_trait]
impl Clock for Last {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _duration: Duration) {}
}
