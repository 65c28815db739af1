//! What is in the way of working on one machine: how it answers, what its clock shows, where there is room.

use jiff::Timestamp;

use super::Check;
use super::Finding;
use super::Looked;
use super::Room;
use super::listed;
use super::room;
use crate::model::Cluster;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::Sudo;
use crate::observed::Os;
use crate::observed::Probe;
use crate::observed::Reach;

/// Room on a machine.
const ROOM: [Room; 4] = [
    Room {
        path: "/nix",
        // What a system that differs in its kernel and Kubernetes brings.
        least: 1 << 30,
        // A whole system with its kernel, firmware and Kubernetes.
        enough: 5 << 30,
        advice: "Free some: `nix-collect-garbage -d` there; or give `/nix` a larger disk.",
    },
    Room {
        path: "/boot",
        // A kernel and its initrd.
        least: 64 << 20,
        // Three of them.
        enough: 192 << 20,
        advice: "Keep fewer systems there: `boot.loader.systemd-boot.configurationLimit`, then `nix-collect-garbage -d`.",
    },
    Room {
        path: "/tmp",
        // Files that programs keep for a moment.
        least: 16 << 20,
        enough: 256 << 20,
        advice: "Remove what is left in /tmp there, or restart the machine.",
    },
    Room {
        path: "/var/lib",
        // nix8s itself is put there, and etcd stops writing when its disk is full.
        least: 256 << 20,
        // etcd's largest size, and images.
        enough: 4 << 30,
        advice: "Free some: container images and logs are below /var (`crictl rmi --prune`, `journalctl --vacuum-size=1G`).",
    },
];

/// From this difference on, in seconds, etcd complains of its peers' clocks.
const SKEW_WARNING_S: i64 = 1;

/// From this difference on, in seconds, certificates and tokens that were just made are not valid yet elsewhere.
const SKEW_PROBLEM_S: i64 = 60;

/// Everything about one machine. One that does not answer has no clock and no disks.
pub fn examine(cluster: &Cluster, name: &MachineName, looked: &Looked) -> Vec<Finding> {
    let machine = cluster.machines.get(name).map(AsRef::as_ref);
    let mut findings = vec![ssh(name, machine, looked)];
    if let Some(probe) = &looked.seen.probe {
        findings.extend(clock(name, probe, looked.between));
        findings.extend(space(name, probe));
    }
    findings.into_iter().map(|finding| finding.of(name)).collect()
}

fn ssh(name: &MachineName, machine: Option<&Machine>, looked: &Looked) -> Finding {
    let problem = |text: String, advice: String| Finding::problem(Check::Ssh, text, advice);
    let Some(machine) = machine else {
        let text = format!("{name} has left the configuration, and {}", answers(&looked.seen.reach));
        return match looked.seen.reach {
            Reach::Answered => Finding::ok(Check::Ssh, text),
            _ => {
                let advice = format!("If it is gone for good: `nix8s node delete --lost {name}`.");
                Finding::warning(Check::Ssh, text, advice)
            }
        };
    };
    let host = machine.ssh.host.as_deref().unwrap_or("an address that is not known");
    let (port, user) = (machine.ssh.port, &machine.ssh.user);
    let at = if port == 22 { host.to_owned() } else { format!("{host}, port {port}") };
    let look = format!("`nix8s ssh {name}` shows what OpenSSH says.");
    match &looked.seen.reach {
        Reach::Answered => {
            let runs = looked.seen.probe.as_ref().map(|probe| runs(&probe.os)).unwrap_or_default();
            Finding::ok(Check::Ssh, format!("{name} answers at {at}{runs}"))
        }
        Reach::Refused => problem(
            format!("{name} is there and nobody listens at {at}"),
            format!("Start sshd there, or say its port in `ssh.port`; a firewall may refuse too. {look}"),
        ),
        Reach::TimedOut => {
            let way = machine.ssh.jump.as_ref().map(|jump| format!(" by way of {jump}")).unwrap_or_default();
            problem(
                format!("{name} does not answer at {at}{way}"),
                format!("Is it switched on, is the address right, does a firewall drop port {port}? {look}"),
            )
        }
        Reach::WrongKey { fingerprint } => problem(
            format!("{name} shows another SSH host key than the one we know: {fingerprint}"),
            format!(
                "If you changed it: `nix8s apply --accept-host-key {name}={fingerprint}`; if not, somebody else answers at {host}."
            ),
        ),
        Reach::UnknownKey { fingerprint } => problem(
            format!("nobody knows the SSH host key of {name} yet: it shows {fingerprint}"),
            format!(
                "Compare it with what its console shows, then `nix8s apply --accept-host-key {name}={fingerprint}`, or say it in `ssh.hostKey`."
            ),
        ),
        Reach::Denied { said } => {
            let advice = match machine.ssh.sudo {
                _ if said.contains("sudo") => {
                    format!(
                        "{user} needs sudo without a password there (`NOPASSWD`), or say another `ssh.user`."
                    )
                }
                Sudo::None | Sudo::Passwordless | Sudo::Password => {
                    format!(
                        "Put your public key into the authorized keys of {user} there, or name the key in `ssh.keyFile`. {look}"
                    )
                }
            };
            problem(format!("{name} does not let {user} in: {said}"), advice)
        }
        Reach::Unknown if machine.ssh.host.is_none() => problem(
            format!("where {name} is is not known: `ip` is auto"),
            "Say it in `ssh.host` until it is discovered.".to_owned(),
        ),
        Reach::Unknown => {
            let why = looked.why.as_deref().unwrap_or("nobody knows why");
            problem(format!("{name} could not be looked at: {why}"), look)
        }
    }
}

fn answers(reach: &Reach) -> &'static str {
    match reach {
        Reach::Answered => "answers",
        Reach::Unknown
        | Reach::Refused
        | Reach::TimedOut
        | Reach::WrongKey { .. }
        | Reach::UnknownKey { .. }
        | Reach::Denied { .. } => "does not answer",
    }
}

fn runs(os: &Os) -> String {
    match os {
        Os::NixOs { release } => format!(" (NixOS {release})"),
        Os::Installer => " (an installer)".to_owned(),
        Os::Foreign(name) => format!(" ({name})"),
    }
}

/// What its clock showed lies in a second that began then; it was asked at some moment between the two. Only what both leave
/// no doubt about is said.
fn clock(name: &MachineName, probe: &Probe, (asked, answered): (Timestamp, Timestamp)) -> Option<Finding> {
    let shown = probe.clock?;
    let ahead = shown.saturating_sub(answered.as_second());
    // The second may be over by a moment when the question arrives.
    let behind = asked.as_second().saturating_sub(shown);
    let (by, way) = if ahead > behind { (ahead, "ahead") } else { (behind, "behind") };
    if by <= SKEW_WARNING_S {
        return Some(Finding::ok(Check::Clock, format!("the clock of {name} is right")));
    }
    let text = format!("the clock of {name} is {by} s {way} of the one here");
    let advice = "Let both follow the same time (NixOS: `services.timesyncd.enable`; `timedatectl` shows it): etcd and certificates need it.";
    Some(if by < SKEW_PROBLEM_S {
        Finding::warning(Check::Clock, text, advice)
    } else {
        Finding::problem(Check::Clock, text, advice)
    })
}

/// Of an installer, or of a system that will be erased, nothing follows.
fn space(name: &MachineName, probe: &Probe) -> Vec<Finding> {
    if !matches!(probe.os, Os::NixOs { .. }) {
        return Vec::new();
    }
    let place = |wanted: &Room| probe.space.iter().find(|space| space.path == wanted.path);
    let lacking: Vec<Finding> = ROOM.iter().filter_map(|wanted| room(place(wanted)?, wanted)).collect();
    if !lacking.is_empty() {
        return lacking.into_iter().map(|f| Finding { text: format!("{name}: {}", f.text), ..f }).collect();
    }
    let free: Vec<String> =
        probe.space.iter().map(|s| format!("{} in {}", super::bytes(s.free), s.path)).collect();
    if free.is_empty() {
        return Vec::new();
    }
    vec![Finding::ok(Check::Space, format!("{name} has room: {}", listed(free)))]
}
