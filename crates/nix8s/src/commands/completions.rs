//! `nix8s completions`.

use clap::ValueEnum;
use clap_complete::env::Shells;

use crate::commands::Cx;
use crate::commands::complete;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s completions bash > ~/.local/share/bash-completion/completions/nix8s
  nix8s completions zsh > ~/.zfunc/_nix8s
  nix8s completions fish > ~/.config/fish/completions/nix8s.fish

The script asks nix8s itself, so that names of machines and clusters are those of the configuration and the state
directory at that moment, with --config and --state-dir as they stand on the line.";

/// Print the script by which a shell completes nix8s
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// The shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Prints the script.
pub fn run(cx: &Cx<'_>, args: &CompletionsArgs) -> Result<Exit, CliError> {
    let CompletionsArgs { shell } = args;
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
    };
    let shells = Shells::builtins();
    let completer = shells.completer(name).expect("a test asks for every shell");
    let mut script = Vec::new();
    completer.write_registration(complete::VARIABLE, "nix8s", "nix8s", "nix8s", &mut script).map_err(
        |error| CliError::new(Exit::Failed, format!("could not write the script for {name}")).because(error),
    )?;
    cx.out.data(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
