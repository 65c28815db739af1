//! Commands on a machine: probe, read, write, adopt, confirm, gates, clean, restart.

use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Disk;
use nix8s_core::observed::DiskContent;
use nix8s_core::observed::Hardware;
use nix8s_core::observed::Mark;
use nix8s_core::observed::Os;
use nix8s_core::observed::Probe;
use nix8s_core::observed::Space;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::k3s;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::on_node::Expected;
use nix8s_core::tool::on_node::MEMBERSHIP_FILE;
use nix8s_core::tool::on_node::NOT_CONFIRMED;
use nix8s_engine::port::ExecError;

use super::SimExec;
use super::complained;
use super::here::certificate;
use super::reach;
use super::said;
use super::unknown;
use super::words;
use crate::world::Ms;
use crate::world::SECOND;
use crate::world::World;
use crate::world::metal::Content;
use crate::world::metal::KubeState;
use crate::world::metal::Metal;
use crate::world::metal::Running;
use crate::world::system::Poison;

impl SimExec {
    pub(super) async fn on_machine(
        &self,
        address: Option<&str>,
        command: &Command,
    ) -> Result<Output, ExecError> {
        let to = match self.shared.with(|w| reach(w, address)) {
            Ok(to) => to,
            Err(error) => {
                // Silence is noticed late, a refusal at once.
                let takes = if error == ExecError::TimedOut { (10, 10) } else { (0, 1) };
                self.take("ssh", takes).await;
                return Err(error);
            }
        };
        let stdin = super::stdin(command).to_owned();
        match words(command).as_slice() {
            ["nix8s", "on-node", "probe"] => self.effect(&to, (0, 2), probe).await,
            ["nix8s", "on-node", "write", path] => {
                self.effect(&to, (0, 2), |w, m| write(w, m, path, stdin)).await
            }
            ["nix8s", "on-node", "read", path] => self.effect(&to, (0, 2), |w, m| read(w, m, path)).await,
            ["nix8s", "on-node", "adopt"] => self.effect(&to, (0, 2), |w, m| adopt(w, m, &stdin)).await,
            ["nix8s", "on-node", "deliver"] => self.effect(&to, (0, 1), |_, _| said("")).await,
            ["nix8s", "on-node", "confirm"] => self.effect(&to, (0, 2), |w, m| confirm(w, m, &stdin)).await,
            ["nix8s", "on-node", "gates"] => self.effect(&to, (1, 5), |w, m| gates(w, m, &stdin)).await,
            // Who was taken out of etcd does not come back here.
            ["nix8s", "on-node", "stay-out"] => self.effect(&to, (0, 1), |_, _| said("")).await,
            ["nix8s", "on-node", "clean", _] => self.effect(&to, (5, 20), clean).await,
            ["systemctl", "restart", unit] => self.effect(&to, (1, 3), |w, m| restart(w, m, unit)).await,
            ["journalctl", ..] => {
                self.effect(&to, (0, 2), |_, m| {
                    said(format!("{m} systemd[1]: a simulated machine keeps no journal\n"))
                })
                .await
            }
            ["nix8s", "on-node", "switch", rest @ ..] => self.switch(&to, rest, command).await,
            ["nix8s", "on-node", "confirm-switch", nonce] => self.confirm_switch(&to, nonce).await,
            _ => self.kubeadm(&to, command).await.unwrap_or_else(|| Ok(unknown(command))),
        }
    }
}

fn hardware(metal: &Metal) -> Hardware {
    let disk = |disk: &crate::world::metal::SimDisk| Disk {
        paths: disk.paths.clone(),
        serial: disk.serial.clone(),
        size: disk.size,
        content: match disk.content {
            Content::Empty => DiskContent::Empty,
            Content::Foreign(_) => DiskContent::Foreign,
            Content::Ours(_) => DiskContent::Ours,
        },
    };
    Hardware {
        uuid: metal.uuid.clone(),
        macs: metal.macs.clone(),
        disks: metal.disks.iter().map(disk).collect(),
    }
}

/// What its clock shows, in seconds.
fn shown(metal: &Metal, now: Ms) -> i64 {
    now / SECOND + if now < metal.skewed { 600 } else { 0 }
}

/// Room on an installed system; what else runs has none to speak of.
fn space(metal: &Metal, now: Ms) -> Vec<Space> {
    if metal.os != Running::NixOs {
        return Vec::new();
    }
    let free = |gigabytes: u64| if now < metal.full { 0 } else { gigabytes << 30 };
    let root = |path: &str| Space { path: path.to_owned(), free: free(400), size: 900 << 30 };
    let boot = Space { path: "/boot".to_owned(), free: 1 << 29, size: 1 << 30 };
    vec![root("/nix"), boot, root("/tmp"), root("/var/lib")]
}

fn probe(world: &mut World, name: &MachineName) -> Output {
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    let nixos = metal.os == Running::NixOs;
    let running = metal.running().and_then(|p| world.systems.get(p)).map(|k| k.system.clone());
    let kube = if nixos { metal.kube.clone() } else { KubeState::default() };
    let k3s = world.kind_on(name).is_some_and(|k| k.distribution == Distribution::K3s);
    let version = running.as_ref().and_then(|s| s.version.clone());
    let probe = Probe {
        os: match &metal.os {
            Running::Nothing => Os::Foreign("nothing".to_owned()),
            Running::Foreign(name) => Os::Foreign(name.clone()),
            Running::Installer => Os::Installer,
            Running::NixOs => Os::NixOs { release: "26.05".to_owned() },
        },
        hardware: hardware(metal),
        mark: metal.installed.as_ref().and_then(|i| i.mark.clone()),
        copied: if nixos { metal.store.keys().cloned().collect() } else { Default::default() },
        boots: metal.installed.as_ref().filter(|_| nixos).map(|i| i.default.clone()),
        armed: metal.switch.as_ref().is_some_and(|s| s.state == crate::world::metal::SwitchState::Armed),
        kubelet: kube.active,
        datastore: kube.datastore.is_some(),
        sqlite: false,
        distribution_state: kube.state.is_some() || kube.datastore.is_some(),
        membership: if nixos { metal.membership.clone() } else { None },
        components: if k3s { version } else { kube.components },
        etcd: world.members_seen_by(metal),
        clock: Some(shown(metal, world.now)),
        space: space(metal, world.now),
        running,
    };
    let now = world.now;
    world.check.answered.insert(name.clone(), now);
    if probe.datastore {
        world.check.told_datastore.insert(name.clone());
    } else {
        world.check.told_datastore.remove(name);
    }
    if probe.etcd.is_none() {
        world.check.etcd_silent.insert(name.clone());
    } else {
        world.check.etcd_silent.remove(name);
    }
    said(serde_json::to_string(&probe).expect("a probe is plain data"))
}

fn write(world: &mut World, name: &MachineName, path: &str, content: String) -> Output {
    let now = world.now;
    let Some(metal) = world.metal_mut(name) else { return complained(1, "error: no such machine") };
    if metal.os != Running::NixOs {
        return complained(1, "error: this is not an installed machine");
    }
    if now < metal.full {
        return complained(1, format!("error: could not write {path}: No space left on device"));
    }
    match path {
        MEMBERSHIP_FILE => {
            metal.membership = Some(nix8s_core::digest::of(content.as_bytes()));
            said("")
        }
        k3s::ROLE_FILE => {
            let runs = metal.kube.active;
            metal.kube.role_file = Some(content);
            world.phase_begins("kubernetes", name);
            // The unit's path condition starts it; one that runs keeps running.
            if !runs {
                world.start_kubernetes(name);
            }
            said("")
        }
        other => complained(1, format!("error: the simulated world keeps no file {other}")),
    }
}

fn read(world: &World, name: &MachineName, path: &str) -> Output {
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    let missing = || complained(1, format!("error: could not read {path}: No such file or directory"));
    match path {
        k3s::KUBECONFIG | kubeadm::KUBECONFIG => {
            let Some(id) = metal.kube.datastore.filter(|_| metal.kube.active) else { return missing() };
            let ca = certificate(id);
            said(format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- name: default\n  cluster:\n    {ca}\n    server: https://127.0.0.1:6443\n\
                 contexts:\n- name: default\n  context:\n    cluster: default\n    user: default\ncurrent-context: default\n\
                 users:\n- name: default\n  user:\n    client-certificate-data: c2ltdWxhdGVk\n    client-key-data: c2ltdWxhdGVk\n"
            ))
        }
        k3s::ROLE_FILE => metal.kube.role_file.clone().map_or_else(missing, said),
        _ => missing(),
    }
}

fn adopt(world: &mut World, name: &MachineName, mark: &str) -> Output {
    let Ok(mark) = serde_json::from_str::<Mark>(mark) else { return complained(64, "error: not a mark") };
    let Some(metal) = world.metal_mut(name) else { return complained(1, "error: no such machine") };
    match (&metal.os, &mut metal.installed) {
        (Running::NixOs, Some(installed)) => {
            installed.mark = Some(mark);
            said("")
        }
        _ => complained(1, "error: this is not an installed machine"),
    }
}

fn confirm(world: &World, name: &MachineName, expected: &str) -> Output {
    let Ok(expected) = serde_json::from_str::<Expected>(expected) else {
        return complained(64, "error: not an expectation");
    };
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    let here = hardware(metal);
    let no = |why: String| complained(NOT_CONFIRMED, why);
    if here.uuid != expected.hardware.uuid {
        return no(format!("this machine's UUID is {}, not {}", here.uuid, expected.hardware.uuid));
    }
    let mark = metal.installed.as_ref().and_then(|i| i.mark.as_ref());
    if !expected.any_mark && mark.is_some() && mark != expected.mark.as_ref() {
        return no("there is an installation of nix8s on this machine".to_owned());
    }
    for path in &expected.erase {
        let at = |hardware: &Hardware| hardware.disks.iter().find(|d| d.paths.contains(path)).cloned();
        let (Some(found), Some(planned)) = (at(&here), at(&expected.hardware)) else {
            return no(format!("there is no disk {path}"));
        };
        if found.serial != planned.serial {
            return no(format!("{path} is the disk {}, not {}", found.serial, planned.serial));
        }
        if found.content == DiskContent::Foreign && !expected.foreign {
            return no(format!("there is foreign data on {path}"));
        }
    }
    said("")
}

fn gates(world: &World, name: &MachineName, asked: &str) -> Output {
    let Ok(asked) = serde_json::from_str::<serde_json::Value>(asked) else {
        return complained(64, "error: not a list of gates");
    };
    let Some(running) = world.metal.get(name).and_then(|m| m.running()).cloned() else {
        return complained(1, "error: this is not an installed machine");
    };
    if world.poison_of(&running) == Some(Poison::FailsUnit) {
        let unit = asked["units"][0].as_str().unwrap_or("systemd");
        return said(serde_json::json!({ unit: "failed" }).to_string());
    }
    said("{}")
}

/// Stops everything and removes its state.
fn clean(world: &mut World, name: &MachineName) -> Output {
    if !world.metal.get(name).is_some_and(|m| m.os == Running::NixOs) {
        return complained(1, "error: this is not an installed machine");
    }
    world.check_left(name, "it was cleaned");
    world.check_pods_left(name, "cleaned");
    world.check_control_plane_down(name, "cleaning");
    world.check_affected(name);
    if let Some(metal) = world.metal_mut(name) {
        metal.kube = KubeState { start: metal.kube.start + 1, ..KubeState::default() };
    }
    world.refresh(name);
    said("")
}

fn restart(world: &mut World, name: &MachineName, unit: &str) -> Output {
    let fits = world.kind_on(name).is_some_and(|k| match k.distribution {
        Distribution::K3s => unit == "k3s.service",
        Distribution::Kubeadm => unit == "kubelet.service",
        Distribution::K0s => false,
    });
    if !fits {
        return complained(5, format!("Failed to restart {unit}: Unit {unit} not found."));
    }
    if unit == "k3s.service" {
        // What did not answer a moment ago had no vote to lose, as far as anybody could know.
        if !world.check.etcd_silent.contains(name) {
            world.check_control_plane_down(name, "a restart");
        }
    }
    world.start_kubernetes(name);
    said("")
}
