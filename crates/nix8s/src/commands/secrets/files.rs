//! `nix8s secrets files`: what an installation puts onto a machine, for nix8s itself.

use nix8s_core::secret::delivery;
use nix8s_core::tool::secrets;

use crate::commands::Cx;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::vault;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Example:
  nix8s -o json secrets files prod prod-cp1     read by `nix8s apply`";

/// Print the files of a machine that hold secrets, as JSON, for another program
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct FilesArgs {
    /// The cluster
    cluster: String,
    /// The machine
    machine: String,
}

/// Prints them.
pub fn run(cx: &Cx<'_>, args: &FilesArgs) -> Result<Exit, CliError> {
    let FilesArgs { cluster, machine } = args;
    super::for_programs(cx, "files")?;
    let fleet = project::fleet(cx)?;
    let cluster = project::changing(&fleet, Some(cluster))?;
    let machine = reach::machine(&fleet, machine)?.machine;
    let vault = vault::open(cx, &cluster)?;
    let all = vault.read()?.all();
    let publics = vault.publics(&all)?;
    let files = delivery::files(&cluster, &machine, &all, &publics).map_err(|missing| {
        CliError::new(
            Exit::Failed,
            format!("{} needs the secret {missing}, which does not exist", machine.name),
        )
        .hint("`nix8s secrets generate` makes it.")
    })?;
    // From now on the machine may show its new key.
    vault.know_hosts(&publics, Some(&machine.name))?;
    cx.out.data(&format!("{}\n", secrets::print_files(&files).expose()));
    Ok(Exit::Done)
}
