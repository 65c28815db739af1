//! `nix8s events`.

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

/// Show what happened
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nix8s events --simulate --node prod-w1 --last 20")]
pub struct EventsArgs {
    /// Only this cluster
    cluster: Option<String>,
}

/// Shows what happened.
pub fn run(cx: &Cx<'_>, args: &EventsArgs) -> Result<Exit, CliError> {
    let EventsArgs { cluster } = args;
    let _ = (cx, cluster);
    Ok(Exit::Done)
}
