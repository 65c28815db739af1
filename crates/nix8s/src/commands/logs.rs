//! `nix8s logs`.

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::model::Distribution;
use nix8s_core::model::Role;
use nix8s_core::model::Sudo;
use nix8s_core::tool::ssh;
use nix8s_core::tool::ssh::Asks;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::reach::Found;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s logs w1                          what Kubernetes wrote there last
  nix8s logs w1 --follow
  nix8s logs cp1 --unit sshd.service --lines 50";

/// Show the journal of a machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
    /// Only this unit, several times for several [default: Kubernetes' units]
    #[arg(long, value_name = "UNIT")]
    unit: Vec<String>,
    /// How many lines
    #[arg(long, value_name = "N", default_value_t = 200)]
    lines: u32,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
}

/// Becomes ssh, which runs journalctl(1).
pub fn run(cx: &Cx<'_>, args: &LogsArgs) -> Result<Exit, CliError> {
    let LogsArgs { node, unit, lines, follow } = args;
    reach::refuse_simulated(cx, "logs")?;
    reach::refuse_json(cx, "logs")?;
    let found = reach::machine(&project::fleet(cx)?, node)?;
    let lines = lines.to_string();
    let mut journal = vec!["journalctl", "--no-pager", "--quiet", "--lines", &lines];
    let usual = units(&found);
    let named: Vec<&str> = unit.iter().map(String::as_str).collect();
    for unit in if named.is_empty() { usual } else { &named } {
        journal.extend(["--unit", unit]);
    }
    if *follow {
        journal.push("--follow");
    }
    let sudo = found.machine.ssh.sudo;
    let mut argv = reach::line(cx, &found, Asks::Person)?;
    if sudo == Sudo::Password {
        // sudo asks on a terminal.
        argv.insert(1, "-t".to_owned());
    }
    argv.push(ssh::shell(ssh::as_root(sudo, journal)));
    Err(reach::become_program(&argv))
}

/// The units that Kubernetes consists of there; none: everything.
fn units(found: &Found) -> &'static [&'static str] {
    match (found.machine.role, found.cluster.distribution) {
        (Role::None, _) => &[],
        (_, Distribution::K3s) => &["k3s.service"],
        (_, Distribution::Kubeadm) => &["kubelet.service", "containerd.service"],
        (_, Distribution::K0s) => &["k0scontroller.service", "k0sworker.service"],
    }
}
