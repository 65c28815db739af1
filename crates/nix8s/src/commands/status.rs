//! `nix8s status`.

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

/// Show machines, their stages of life, and what is waited for
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nix8s status --simulate")]
pub struct StatusArgs {
    /// Only this cluster
    cluster: Option<String>,
}

/// Shows what is known.
pub fn run(cx: &Cx<'_>, args: &StatusArgs) -> Result<Exit, CliError> {
    let StatusArgs { cluster } = args;
    let _ = (cx, cluster);
    Ok(Exit::Done)
}
