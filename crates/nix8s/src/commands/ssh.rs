//! `nix8s ssh`.

use std::io::IsTerminal;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::tool::ssh;
use nix8s_core::tool::ssh::Asks;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::reach;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s ssh w1                                   a shell on it
  nix8s ssh w1 -- systemctl status k3s           one command; its exit code is ssh's
  nix8s ssh w1 -- sh -c 'dmesg | tail'           a line for a shell";

/// Log in to a machine, or run a command there
///
/// Your own SSH configuration, agent and keys are used. A host key that nobody knows is shown for you to compare; one that
/// has changed is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SshArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
    /// A program and its arguments, which arrive as they are; without it, a shell
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Becomes ssh.
pub fn run(cx: &Cx<'_>, args: &SshArgs) -> Result<Exit, CliError> {
    let SshArgs { node, command } = args;
    reach::refuse_simulated(cx, "ssh")?;
    reach::refuse_json(cx, "ssh")?;
    let found = reach::machine(&project::fleet(cx)?, node)?;
    let mut argv = reach::line(cx, &found, Asks::Person)?;
    if !command.is_empty() {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            argv.insert(1, "-t".to_owned());
        }
        argv.push(ssh::shell(command));
    }
    Err(reach::become_program(&argv))
}
