//! `nix8s secrets logins`: the keys that a run logs in with, for nix8s itself.

use nix8s_core::secret::delivery;
use nix8s_core::tool::secrets;

use crate::commands::Cx;
use crate::commands::project;
use crate::commands::vault;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Example:
  nix8s -o json secrets logins prod     read by `nix8s apply`";

/// Print the keys to log in with, as JSON, for another program
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct LoginsArgs {
    /// The cluster
    cluster: String,
}

/// Prints them; none, as long as there are none.
pub fn run(cx: &Cx<'_>, args: &LoginsArgs) -> Result<Exit, CliError> {
    let LoginsArgs { cluster } = args;
    super::for_programs(cx, "logins")?;
    let fleet = project::fleet(cx)?;
    let cluster = project::changing(&fleet, Some(cluster))?;
    let keys = delivery::login_keys(&vault::open(cx, &cluster)?.read()?.all());
    cx.out.data(&format!("{}\n", secrets::print_logins(&keys).expose()));
    Ok(Exit::Done)
}
