//! `nix8s plan`.

use crate::commands::Cx;
use crate::commands::needs_machines;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s plan --simulate                                every cluster
  nix8s plan prod --simulate -v                        one, with nothing folded
  nix8s plan --simulate --detailed-exitcode -q         2 when there is something to do";

/// Show what would be done and why
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Only this cluster
    cluster: Option<String>,
    /// Exit with 0 when there is nothing to do, with 2 when there is something
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Shows the plan.
pub fn run(cx: &Cx<'_>, args: &PlanArgs) -> Result<Exit, CliError> {
    let PlanArgs { cluster, detailed_exitcode } = args;
    needs_machines(cx.global, "plan")?;
    let _ = (cluster, detailed_exitcode);
    Ok(Exit::Done)
}
