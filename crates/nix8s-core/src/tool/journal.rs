//! journalctl(1): the newest lines of what runs Kubernetes and nix8s on a machine.

use super::Command;
use super::SHORT;
use crate::model::Machine;

/// Lines that are asked for: what led to a failure, and not last week.
const LINES: &str = "1000";

/// Units whose lines are asked for; those that a machine does not have have none.
const UNITS: [&str; 6] =
    ["k3s.service", "k3s-agent.service", "kubelet.service", "containerd.service", "k0s*.service", "nix8s*"];

/// Asks for them.
pub fn tail(machine: &Machine) -> Command {
    let argv = ["journalctl", "--no-pager", "--quiet", "--output", "short-iso", "--lines", LINES];
    let units = UNITS.iter().flat_map(|unit| ["--unit", *unit]);
    Command::on(machine, argv.into_iter().chain(units), SHORT)
}
