//! What can be typed: the global flags and the list of commands.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use crate::commands;
use crate::output::Colour;
use crate::output::Detail;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  nix8s validate                          every problem in ./nix8s.yaml
  nix8s plan --simulate                   what would be done, on simulated machines
  nix8s apply --simulate --faults many    do it, with everything going wrong
  nix8s rehearse --runs 100               how it would go, a hundred times, with faults
  nix8s status --simulate                 how it went

Exit codes:
    0  done
    1  failed, or did not converge
    2  there is something to do (plan --detailed-exitcode)
    3  the configuration is wrong
    4  refused: lock, permit, policy, safety rule
    5  a needed program is missing or too old
    6  a machine was rolled back
   64  wrong usage
  130  interrupted";

/// From bare metal to a Ready Kubernetes cluster on NixOS, from one declaration.
#[derive(Debug, Parser)]
#[command(name = "nix8s", version, after_help = EXAMPLES, max_term_width = 110, infer_long_args = false)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The configuration: a file, a folder, or `-` for stdin; else nix8s.yaml, .yml or .json, or a flake.nix, here or in
    /// a parent folder
    #[arg(long, global = true, value_name = "PATH", env = "NIX8S_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Where state is kept, one folder per cluster [default: $XDG_STATE_HOME/nix8s]
    #[arg(long, global = true, value_name = "DIR", env = "NIX8S_STATE_DIR", hide_env_values = true)]
    pub state_dir: Option<PathBuf>,
    /// Ask once for the password that sudo wants on machines with `ssh.sudo: password`: at the terminal, or by the program that
    /// $SUDO_ASKPASS names
    #[arg(long, global = true)]
    pub ask_sudo_password: bool,
    /// Work on simulated machines, kept in the cluster's own `<cluster>.sim` state folder
    #[arg(long, global = true)]
    pub simulate: bool,
    /// Where everything random in the simulated world comes from [default: 1]; a world that exists keeps its own
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
    /// How much goes wrong in the simulated world
    #[arg(long, global = true, value_name = "HOW", value_enum)]
    pub faults: Option<Faults>,
    /// Let simulated time pass for people, X minutes in each second; without it, time jumps
    #[arg(long, global = true, value_name = "X", value_parser = pace)]
    pub pace: Option<f64>,
    /// Text for people, or JSON for programs
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value = "text")]
    pub output: Format,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: Colour,
    /// Say everything, fold nothing
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Say results and problems only
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// `--faults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Faults {
    /// Everything works.
    None,
    /// Now and then something fails.
    Some,
    /// Everything that can fail does.
    Many,
}

impl Global {
    /// How much is said.
    pub fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(commands::init::InitArgs),
    Validate(commands::validate::ValidateArgs),
    Doctor(commands::doctor::DoctorArgs),
    Config(commands::config::ConfigArgs),
    Plan(commands::plan::PlanArgs),
    Apply(commands::apply::ApplyArgs),
    Rehearse(commands::rehearse::RehearseArgs),
    Run(commands::run::RunArgs),
    Status(commands::status::StatusArgs),
    Events(commands::events::EventsArgs),
    Report(commands::report::ReportArgs),
    Graph(commands::graph::GraphArgs),
    Explain(commands::explain::ExplainArgs),
    Node(commands::node::NodeArgs),
    Ssh(commands::ssh::SshArgs),
    Exec(commands::exec::ExecArgs),
    Logs(commands::logs::LogsArgs),
    Kubeconfig(commands::kubeconfig::KubeconfigArgs),
    Secrets(commands::secrets::SecretsArgs),
    Reset(commands::reset::ResetArgs),
    /// Move the systems of a project in YAML to today's nixpkgs: writes nix8s.lock
    Update(commands::systems::UpdateArgs),
    State(commands::state::StateArgs),
    Support(commands::support::SupportArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
    Version(commands::version::VersionArgs),
    #[command(hide = true)]
    OnNode(crate::on_node::OnNodeArgs),
}

fn pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if pace.is_finite() && pace > 0.0 { Ok(pace) } else { Err("it must be a number above 0".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        let mut left = vec![Cli::command()];
        while let Some(command) = left.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
            left.extend(command.get_subcommands().cloned());
        }
    }
}
