//! `nix8s secrets settled`: a machine shows its own host key from now on, for nix8s itself.

use crate::commands::Cx;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::vault;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Example:
  nix8s secrets settled prod prod-cp1     called by `nix8s apply`";

/// Forget the host key that was accepted of a machine's installer, once the machine has its own
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SettledArgs {
    /// The cluster
    cluster: String,
    /// The machine
    machine: String,
}

/// Forgets it.
pub fn run(cx: &Cx<'_>, args: &SettledArgs) -> Result<Exit, CliError> {
    let SettledArgs { cluster, machine } = args;
    let fleet = project::fleet(cx)?;
    let cluster = project::changing(&fleet, Some(cluster))?;
    let machine = reach::machine(&fleet, machine)?.machine;
    vault::open(cx, &cluster)?.settle(&machine)?;
    Ok(Exit::Done)
}
