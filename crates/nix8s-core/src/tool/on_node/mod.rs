//! `nix8s on-node …`: our own program on the machines.

mod confirm;
pub mod discover;
mod facts;

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::File;
use super::NotUnderstood;
use super::SHORT;
use super::json;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use super::secrets;
use crate::model::Action;
use crate::model::Distribution;
use crate::model::Gates;
use crate::model::Machine;
use crate::model::Reboot;
use crate::model::StorePath;
use crate::observed::Mark;
use crate::observed::Probe;
pub use confirm::Expected;

/// A text for sh(1) that prints what a machine knows about itself, with or without nix8s on it. An argument names another
/// root than `/`.
pub const PROBE: &str = include_str!("probe.sh");

/// Everything about a machine in one round trip.
pub fn probe(machine: &Machine) -> Command {
    let probe = Command::on(machine, ["nix8s", "on-node", "probe"], Duration::from_secs(20));
    Command { instead: Some(PROBE), ..probe }
}

/// Reads what [`probe`] printed: JSON, or what [`PROBE`] prints.
///
/// # Errors
/// When it is neither.
pub fn probed(stdout: &str) -> Result<Probe, NotUnderstood> {
    if stdout.starts_with(facts::FIRST) { facts::read(stdout) } else { json("nix8s on-node probe", stdout) }
}

/// Writes a file whole or not at all: temporary file, fsync, rename; mode 0600.
pub fn write(machine: &Machine, path: &str, content: String) -> Command {
    Command::on(machine, ["nix8s", "on-node", "write", path], SHORT).reading(content)
}

/// Where membership data is.
pub const MEMBERSHIP_FILE: &str = "/var/lib/nix8s/membership.json";

/// Reads a small file.
pub fn read(machine: &Machine, path: &str) -> Command {
    Command::on(machine, ["nix8s", "on-node", "read", path], SHORT)
}

/// Writes the identity mark.
pub fn adopt(machine: &Machine, mark: &Mark) -> Command {
    let mark = serde_json::to_string(mark).expect("a mark is three strings");
    Command::on(machine, ["nix8s", "on-node", "adopt"], SHORT).reading(mark)
}

/// Writes the files of a machine that hold secrets, each whole or not at all.
pub fn deliver(machine: &Machine, files: &BTreeMap<String, File>) -> Command {
    Command::on(machine, ["nix8s", "on-node", "deliver"], SHORT).reading(secrets::print_files(files))
}

/// Asks the machine whether it is the one that was planned; exit 0: yes; 4: no, stderr says what differs.
pub fn confirm(machine: &Machine, expected: &Expected) -> Command {
    let expected = serde_json::to_string(expected).expect("plain data");
    Command::on(machine, ["nix8s", "on-node", "confirm"], SHORT).reading(expected)
}

/// [`confirm`]'s exit status when it is another machine, or another disk.
pub const NOT_CONFIRMED: i32 = 4;

/// Activates a copied system, armed: the machine goes back by itself unless `nonce` comes over a new connection.
/// As a test, what runs after a restart stays what it was.
pub fn switch(machine: &Machine, system: &StorePath, reboot: Reboot, action: Action, nonce: u64) -> Command {
    let reboot = match reboot {
        Reboot::Auto => "auto",
        Reboot::Never => "never",
        Reboot::Always => "always",
    };
    let nonce = format!("{nonce:016x}");
    let mut argv = vec!["nix8s", "on-node", "switch", "--reboot", reboot, "--nonce", &nonce];
    argv.extend((action == Action::Test).then_some("--test"));
    argv.push(system.as_str());
    Command::on(machine, argv, Duration::from_secs(900))
}

/// Makes a copied system the one that runs after a restart; what runs now stays.
pub fn set_boot(machine: &Machine, system: &StorePath) -> Command {
    let argv = ["nix8s", "on-node", "switch", "--boot-only", system.as_str()];
    Command::on(machine, argv, Duration::from_secs(300))
}

/// Confirms a switch over a new connection; exit 0: confirmed; [`ROLLED_BACK`]: too late.
pub fn confirm_switch(machine: &Machine, nonce: u64) -> Command {
    Command::on(machine, ["nix8s", "on-node", "confirm-switch", &format!("{nonce:016x}")], SHORT)
        .over_new_connection()
}

/// Exit status of [`confirm_switch`] when no switch has this nonce: it never began.
pub const NO_SUCH_SWITCH: i32 = 4;

/// Exit status of [`switch`] and [`confirm_switch`] when the machine went back to the system before.
pub const ROLLED_BACK: i32 = 6;

/// Goes back to a system that is on the machine.
pub fn rollback(machine: &Machine, to: &StorePath) -> Command {
    let argv = ["nix8s", "on-node", "switch", "--reboot", "auto", "--unarmed", to.as_str()];
    Command::on(machine, argv, Duration::from_secs(900))
}

/// Asks the gates that the machine itself can answer: units and local addresses.
pub fn gates(machine: &Machine, gates: &Gates) -> Command {
    let asked = serde_json::json!({ "units": gates.units, "http": gates.http });
    let timeout = gates.timeout + gates.soak + Duration::from_secs(30);
    Command::on(machine, ["nix8s", "on-node", "gates"], timeout).reading(asked.to_string())
}

/// Reads what [`gates`] printed: each gate that does not hold, with what it said.
///
/// # Errors
/// When it is not such a list.
pub fn gates_failed(stdout: &str) -> Result<BTreeMap<String, String>, NotUnderstood> {
    json("nix8s on-node gates", stdout)
}

/// Keeps k3s from starting again by itself once it ends, until the machine boots or is cleaned.
pub fn stay_out(machine: &Machine) -> Command {
    Command::on(machine, ["nix8s", "on-node", "stay-out"], SHORT)
}

/// Stops the distribution and removes its state; data disks are untouched.
pub fn clean(machine: &Machine, distribution: Distribution) -> Command {
    let argv = ["nix8s", "on-node", "clean", &distribution.to_string()];
    Command::on(machine, argv, Duration::from_secs(300))
}

/// Messages that our own program on the machines is known for.
pub const KNOWN: &[Known] = &[
    passing("No space left on device", "free some space on the machine: nix-collect-garbage -d"),
    lasting("nix8s: command not found", "nix8s is not on the machine: its system is not one of ours"),
];
