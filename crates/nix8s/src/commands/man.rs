//! `nix8s man`.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s man | man -l -                      read it now
  nix8s man ~/.local/share/man/man1         a page for nix8s and one for each command";

/// Print the man page, or write one for each command into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints or writes man pages.
pub fn run(cx: &Cx<'_>, args: &ManArgs) -> Result<Exit, CliError> {
    let ManArgs { dir } = args;
    let mut command = Cli::command();
    command.build();
    match dir {
        None => {
            let mut page = Vec::new();
            let failed = |error| CliError::new(Exit::Failed, "could not write the man page").because(error);
            Man::new(command).render(&mut page).map_err(failed)?;
            cx.out.data(&String::from_utf8_lossy(&page));
        }
        Some(dir) => write(command, dir).map_err(|error| {
            CliError::new(Exit::Failed, format!("could not write man pages into {}", dir.display()))
                .because(error)
        })?,
    }
    Ok(Exit::Done)
}

fn write(command: clap::Command, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
}
