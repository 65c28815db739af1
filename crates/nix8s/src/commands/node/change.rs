//! `nix8s node delete` and `undelete`: who shall leave with the next `apply`.

use clap_complete::engine::ArgValueCandidates;
use nix8s_engine::state::marker;
use nix8s_engine::state::marker::Leaving;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
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
  nix8s node delete w3          drained and cleaned by the next apply
  nix8s node delete w3 --lost   it is gone for good: nothing on it is touched";

/// Let a machine leave its cluster: the next `apply` drains it, takes it out of etcd, cleans it and deletes its node
#[derive(Debug, clap::Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub struct DeleteArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
    /// Say that the machine is gone for good: only you can know that
    #[arg(long)]
    lost: bool,
}

const UNDELETE_EXAMPLES: &str = "\
Example:
  nix8s node undelete w3";

/// Take a removal back, or let a removed machine come back
#[derive(Debug, clap::Args)]
#[command(after_help = UNDELETE_EXAMPLES)]
pub struct UndeleteArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
}

/// Marks a machine for removal.
pub fn delete(cx: &Cx<'_>, args: &DeleteArgs) -> Result<Exit, CliError> {
    let DeleteArgs { node, lost } = args;
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
    let found = remembered::machine(cx, node)?;
    let marked = marker::undelete(&*found.cluster.state, &found.machine);
    marked.map_err(|error| world::unreadable(&found.cluster.state, error))?;
    told(cx, &found, "kept", "stays, or comes back with the next apply if it is still in the configuration");
    Ok(Exit::Done)
}

/// Says what is recorded now.
pub fn told(cx: &Cx<'_>, found: &Found, kind: &str, text: &str) {
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
