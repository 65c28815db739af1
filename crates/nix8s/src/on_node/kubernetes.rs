//! What a machine does with Kubernetes on itself: gates, joining, leaving.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use nix8s_core::model::Distribution;
use nix8s_core::model::HttpGate;
use nix8s_core::tool::kubeadm;
use serde::Deserialize;

use super::failed;
use super::machine::Machine;
use crate::error::CliError;
use crate::error::Exit;

/// Gates that the machine itself can answer.
#[derive(Debug, Deserialize)]
pub struct Asked {
    units: Vec<String>,
    http: Vec<HttpGate>,
}

/// Prints each gate that does not hold, with what it said.
pub fn gates(asked: &Asked) -> Result<Exit, CliError> {
    let mut failed = BTreeMap::new();
    for unit in &asked.units {
        let state = says(Command::new("systemctl").args(["is-active", "--", unit]));
        if state != "active" {
            failed.insert(unit.clone(), state);
        }
    }
    for HttpGate { url, expect } in &asked.http {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "10", "--output", "/dev/null"]);
        let said = says(curl.args(["--write-out", "%{http_code}", "--", url]));
        if said != expect.to_string() {
            failed.insert(url.clone(), format!("it answers {said}, not {expect}"));
        }
    }
    println!("{}", serde_json::to_string(&failed).expect("plain data"));
    Ok(Exit::Done)
}

fn says(command: &mut Command) -> String {
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if said.is_empty() { complaint } else { said }
        }
        Err(error) => format!("could not be asked: {error}"),
    }
}

/// k3s whose member was taken out of etcd ends, and systemd starts it again five seconds later: it would join as another
/// member, which is dead as soon as the machine is cleaned. In memory, so that a boot forgets it.
const STAYS_OUT: &str = "/run/systemd/system/k3s.service.d/nix8s-leaves.conf";

/// Keeps k3s from starting again by itself.
pub fn stay_out(machine: &Machine) -> Result<Exit, CliError> {
    let cannot = |error| failed(format!("could not write {STAYS_OUT}")).because(error);
    machine.write(STAYS_OUT, b"[Service]\nRestart=no\n").map_err(cannot)?;
    machine.run(&["systemctl", "daemon-reload"]).map(|()| Exit::Done)
}

/// Lets k3s start again by itself, and now if it has ended meanwhile: its machine is told who is in the cluster, and so it
/// stays. Until then its probe says that it knows of no members.
pub fn come_back(machine: &Machine) -> Result<(), CliError> {
    match fs::remove_file(machine.at(STAYS_OUT)) {
        Ok(()) => {
            machine.run(&["systemctl", "daemon-reload"])?;
            machine.run(&["systemctl", "start", "--no-block", "k3s.service"])
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(format!("could not remove {STAYS_OUT}")).because(error)),
    }
}

/// What a distribution leaves behind. Data of workloads is elsewhere and stays.
const K3S: [&str; 7] = [
    STAYS_OUT,
    "/var/lib/rancher/k3s/agent",
    "/var/lib/rancher/k3s/server",
    "/etc/rancher/node",
    "/etc/rancher/k3s/k3s.yaml",
    "/var/lib/nix8s/k3s.yaml",
    "/var/lib/cni",
];

/// What `kubeadm reset` does not remove (its own words at its end).
const KUBEADM: [&str; 2] = ["/etc/cni/net.d", "/var/lib/cni"];

/// Stops the distribution and removes its state.
pub fn clean(machine: &Machine, distribution: Distribution) -> Result<Exit, CliError> {
    let (stops, leaves): (&[&[&str]], &[&str]) = match distribution {
        // Without its role the unit does not start again; what it left running goes with its own script.
        Distribution::K3s => (&[&["systemctl", "stop", "k3s.service"], &["k3s-killall.sh"]], &K3S),
        Distribution::Kubeadm => {
            (&[&["systemctl", "stop", "kubelet.service"], &["kubeadm", "reset", "--force"]], &KUBEADM)
        }
        Distribution::K0s => {
            (&[&["systemctl", "stop", "k0scontroller.service", "k0sworker.service"], &["k0s", "reset"]], &[])
        }
    };
    let mut wrong = Vec::new();
    for argv in stops {
        match machine.status(argv) {
            Ok(0) => {}
            Ok(status) => wrong.push(format!("{} ended with {status}", argv[0])),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if !wrong.is_empty() {
        return Err(failed(format!("nothing was removed: {}", wrong.join("; "))));
    }
    for path in leaves {
        let at = machine.at(path);
        let removed = if at.is_dir() { empty(&at) } else { fs::remove_file(&at) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(format!("could not remove {path}")).because(error));
            }
            Ok(()) if path == &STAYS_OUT => machine.run(&["systemctl", "daemon-reload"])?,
            Ok(()) | Err(_) => {}
        }
    }
    Ok(Exit::Done)
}

/// Removes a folder. A disk that is mounted in it, such as etcd's own, stays mounted and becomes empty.
fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    empty(&entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        }
        other => other,
    }
}

/// What the machine's own system says about how it joins, without any secret.
const JOIN: &str = "/etc/kubernetes/kubeadm-join.json";

/// In memory, and gone when the machine is.
const WITH_SECRETS: &str = "/run/nix8s/kubeadm-join.json";

/// Joins. The token is in a file that only root reads, for as long as that takes, and in no process list.
pub fn join(machine: &Machine, arguments: &str) -> Result<Exit, CliError> {
    let base = fs::read_to_string(machine.at(JOIN)).ok();
    let arguments: Vec<&str> = arguments.lines().collect();
    let configuration = kubeadm::join_configuration(&arguments, base.as_deref())
        .map_err(|error| failed(error.to_string()))?;
    let cannot = |error| failed(format!("could not write {WITH_SECRETS}")).because(error);
    machine.write(WITH_SECRETS, configuration.as_bytes()).map_err(cannot)?;
    let at = machine.at(WITH_SECRETS).display().to_string();
    let joined = machine.run(&["kubeadm", "join", "--config", &at]);
    fs::remove_file(&at)
        .map_err(|error| failed(format!("could not remove {WITH_SECRETS}")).because(error))?;
    joined.map(|()| Exit::Done)
}

/// etcdctl with the keys that kubeadm made for asking how etcd is.
pub fn etcdctl(machine: &Machine, arguments: &[String]) -> Result<Exit, CliError> {
    let keys = machine.at("/etc/kubernetes/pki/etcd").display().to_string();
    let mut argv = vec![
        "etcdctl".to_owned(),
        "--endpoints=https://127.0.0.1:2379".to_owned(),
        format!("--cacert={keys}/ca.crt"),
        format!("--cert={keys}/healthcheck-client.crt"),
        format!("--key={keys}/healthcheck-client.key"),
    ];
    argv.extend(arguments.iter().cloned());
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    machine.run(&argv).map(|()| Exit::Done)
}
