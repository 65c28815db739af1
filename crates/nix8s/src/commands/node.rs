//! `nix8s node`.

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

/// Look at one machine, or let it leave
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nix8s node list --simulate")]
pub struct NodeArgs {}

/// Runs a verb on machines.
pub fn run(cx: &Cx<'_>, args: &NodeArgs) -> Result<Exit, CliError> {
    let NodeArgs {} = args;
    let _ = cx;
    Ok(Exit::Done)
}
