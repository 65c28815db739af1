//! What is in the way between here and the API server: names, ports, the kubeconfig and its certificate.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Check;
use super::Facts;
use super::Finding;
use super::listed;
use crate::model::Cluster;
use crate::model::HaMode;
use crate::model::Machine;
use crate::model::MachineName;
use crate::observed::KubeconfigSeen;
use crate::observed::Reach;
use crate::tool::knock::Door;
use crate::tool::knock::Knocked;
use crate::tool::knock::Knocks;

/// A certificate that ends so soon is worth a warning, in seconds: 30 days, within which k3s renews its own with a restart.
const CERTIFICATE_S: i64 = 30 * 24 * 3600;

/// Where every control plane's API server listens.
const API: u16 = 6443;

/// What to ask this computer's resolver and network for.
pub fn knocks(cluster: &Cluster) -> Knocks {
    let vip = vip(cluster);
    let ports = control_planes(cluster).filter_map(own).chain(vip).collect();
    let names = worked_on(cluster).flat_map(|machine| names(machine)).map(str::to_owned).collect();
    Knocks { names, ports }
}

fn worked_on(cluster: &Cluster) -> impl Iterator<Item = &Machine> {
    cluster.machines.values().map(AsRef::as_ref).filter(|machine: &&Machine| !machine.skip)
}

fn control_planes(cluster: &Cluster) -> impl Iterator<Item = &Machine> {
    worked_on(cluster).filter(|machine| machine.role == crate::model::Role::ControlPlane)
}

/// The address for clients that stays when a control plane goes.
fn vip(cluster: &Cluster) -> Option<String> {
    cluster.ha.vip.map(|vip| at(&vip.to_string(), cluster.ha.port))
}

fn own(machine: &Machine) -> Option<String> {
    let address = machine.ip.map(|ip| ip.to_string()).or_else(|| machine.ssh.host.clone());
    address.map(|address| at(&address, API))
}

fn at(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Names by which a machine, or the host on the way to it, is reached. What is behind such a host is that host's to look up.
fn names(machine: &Machine) -> Option<&str> {
    let host = match &machine.ssh.jump {
        None => machine.ssh.host.as_deref()?,
        Some(jump) => {
            let host = jump.rsplit_once('@').map_or(jump.as_str(), |(_, host)| host);
            if host.starts_with('[') { return None } else { host.split(':').next()? }
        }
    };
    host.parse::<IpAddr>().is_err().then_some(host)
}

/// Everything about names, ports and the kubeconfig.
pub fn examine(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.knocked {
        Ok(knocked) => {
            findings.extend(worked_on(cluster).filter_map(|machine| dns(machine, facts, knocked)));
            findings.extend(ports(cluster, facts, knocked));
        }
        Err(why) => findings.push(Finding::warning(
            Check::Port,
            format!("names and ports could not be tried: {why}"),
            "`nix8s doctor` again.",
        )),
    }
    findings.extend(kubeconfig(cluster, facts));
    findings
}

fn answers(facts: &Facts, name: &MachineName) -> bool {
    facts.machines.get(name).is_some_and(|looked| looked.seen.reach == Reach::Answered)
}

fn dns(machine: &Machine, facts: &Facts, knocked: &Knocked) -> Option<Finding> {
    let name = names(machine)?;
    let addresses = knocked.names.get(name)?;
    let finding = if !addresses.is_empty() {
        Finding::ok(Check::Dns, format!("{name} is {}", listed(addresses)))
    } else if answers(facts, &machine.name) {
        Finding::ok(
            Check::Dns,
            format!("{name} is known to your OpenSSH configuration alone, which is enough"),
        )
    } else {
        Finding::problem(
            Check::Dns,
            format!("the name {name} leads nowhere"),
            "Correct it, or say an address in `ssh.host`; a name of your ~/.ssh/config works too.",
        )
    };
    Some(finding.of(&machine.name))
}

/// Whether somebody should listen at a control plane.
fn should_listen(facts: &Facts, machine: &Machine) -> bool {
    let probe = facts.machines.get(&machine.name).and_then(|looked| looked.seen.probe.as_ref());
    probe.is_some_and(|probe| probe.kubelet)
}

fn ports(cluster: &Cluster, facts: &Facts, knocked: &Knocked) -> Vec<Finding> {
    let door = |place: String| knocked.ports.get(&place).map(|door| (place, *door));
    let own: Vec<(&Machine, String, Door)> = control_planes(cluster)
        .filter_map(|machine| door(own(machine)?).map(|(place, door)| (machine, place, door)))
        .collect();
    let vip = vip(cluster).and_then(door);
    let all =
        own.iter().map(|(_, place, door)| (place, *door)).chain(vip.iter().map(|(place, d)| (place, *d)));
    let open: BTreeSet<&String> =
        all.filter(|(_, door)| *door == Door::Open).map(|(place, _)| place).collect();
    if !facts.has_begun(cluster) {
        return vec![if open.is_empty() {
            Finding::ok(Check::Port, "the cluster has not begun, and no API server is asked for")
        } else {
            Finding::problem(
                Check::Port,
                format!("somebody answers at {} already, and this cluster has not begun", listed(&open)),
                "Is the address used by something else? Then choose another. Is it this cluster? Then its machines should say so over SSH.",
            )
        }];
    }
    let mut shut = Vec::new();
    for (machine, place, door) in own.iter().filter(|(machine, ..)| should_listen(facts, machine)) {
        let advice = "Is its API server well (`nix8s logs`)? Does a firewall allow the port from here?";
        shut.extend(closed(place, *door, advice).map(|finding| finding.of(&machine.name)));
    }
    // Where no control plane answers, what holds the address cannot either.
    if let Some((place, door)) = vip.as_ref().filter(|_| !open.is_empty()) {
        let advice = match cluster.ha.mode {
            HaMode::External => "What holds the address is not nix8s: is it well?",
            HaMode::Keepalived | HaMode::Haproxy | HaMode::KubeVip | HaMode::None => {
                "Which control plane holds the address (`ip address` there)? Are this computer and they on one network?"
            }
        };
        shut.extend(closed(place, *door, advice));
    }
    let first = if !open.is_empty() {
        Some(Finding::ok(Check::Port, format!("the API server can be reached at {}", listed(&open))))
    } else if shut.is_empty() {
        Some(Finding::problem(
            Check::Port,
            "the cluster has begun, and its API server answers nowhere",
            "No control plane was seen to run: see what is said of them over SSH.",
        ))
    } else {
        None
    };
    first.into_iter().chain(shut).collect()
}

fn closed(place: &str, door: Door, advice: &str) -> Option<Finding> {
    let text = match door {
        Door::Open => return None,
        Door::Silent => format!("the API server does not answer at {place}"),
        Door::Refused => format!("nobody listens at {place}, where the API server should"),
    };
    Some(Finding::problem(Check::Port, text, advice))
}

fn kubeconfig(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let has_begun = facts.has_begun(cluster);
    let fetch = format!("`nix8s kubeconfig {}` fetches one.", cluster.name);
    match &facts.kubeconfig {
        Ok(KubeconfigSeen::Missing) if !has_begun => Vec::new(),
        Ok(KubeconfigSeen::Missing) => {
            vec![Finding::warning(Check::Kubeconfig, "there is no kubeconfig here yet", fetch)]
        }
        Ok(KubeconfigSeen::Stale) => {
            let text = "the kubeconfig is for another address or another certificate authority, or has ended";
            vec![Finding::problem(Check::Kubeconfig, text, fetch)]
        }
        Ok(KubeconfigSeen::Works) => vec![certificate(facts, &fetch)],
        Err(_) if !has_begun => Vec::new(),
        Err(why) => vec![Finding::problem(
            Check::Kubeconfig,
            format!("whether the kubeconfig works is not known: {why}"),
            "See what is said of the API server's port.",
        )],
    }
}

fn certificate(facts: &Facts, fetch: &str) -> Finding {
    let Some(ends) = facts.certificate else { return Finding::ok(Check::Kubeconfig, "the kubeconfig works") };
    let left = ends.as_second() - facts.at.as_second();
    let date = ends.strftime("%Y-%m-%d");
    if left < CERTIFICATE_S {
        let text = format!("the kubeconfig works until its certificate ends on {date}");
        let advice = format!("Control planes renew theirs when they are restarted or updated; then {fetch}");
        return Finding::warning(Check::Kubeconfig, text, advice);
    }
    Finding::ok(Check::Kubeconfig, format!("the kubeconfig works; its certificate ends on {date}"))
}
