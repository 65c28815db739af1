//! k3s: its unit waits for `/var/lib/nix8s/k3s.yaml`, which says init or join.

use super::Command;
use crate::model::Machine;
use crate::model::Role;

/// Where the role of a k3s machine is written when it is its turn.
pub const ROLE_FILE: &str = "/var/lib/nix8s/k3s.yaml";

/// Where the admin kubeconfig is.
pub const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// Lets the first server initialise the cluster.
pub fn init(machine: &Machine) -> Command {
    super::on_node::write(machine, ROLE_FILE, "cluster-init: true\n".to_owned())
}

/// Lets a machine join by way of another server.
pub fn join(machine: &Machine, role: Role, server: &str) -> Command {
    let _ = role; // server or agent is the unit's, from the system; only the address is the moment's
    super::on_node::write(machine, ROLE_FILE, format!("server: https://{server}:6443\n"))
}

/// Restarts k3s.
pub fn restart(machine: &Machine) -> Command {
    Command::on(machine, ["systemctl", "restart", "k3s.service"], super::SHORT)
}
