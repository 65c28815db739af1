//! kubeadm on a machine, and etcdctl.

use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::Version;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_engine::port::ExecError;

use super::Connection;
use super::SimExec;
use super::complained;
use super::said;
use super::stdin;
use super::words;
use crate::world::SECOND;
use crate::world::World;
use crate::world::metal::Belongs;

impl SimExec {
    /// `None`: not one of these commands.
    pub(super) async fn kubeadm(
        &self,
        to: &Connection,
        command: &Command,
    ) -> Option<Result<Output, ExecError>> {
        Some(match words(command).as_slice() {
            ["kubeadm", "init", "--config", "/etc/kubernetes/kubeadm.yaml"] => self.init(to).await,
            ["kubeadm", "init", "phase", "upload-certs", "--upload-certs"] => {
                self.effect(to, (2, 5), certificates).await
            }
            ["kubeadm", "token", "create", "--ttl", "10m", "--print-join-command"] => {
                self.effect(to, (1, 3), token).await
            }
            ["nix8s", "on-node", "kubeadm-join"] => self.join(to, stdin(command)).await,
            [program, "upgrade", "apply", "--yes", version] => {
                self.effect(to, (60, 180), |w, m| apply(w, m, program, version)).await
            }
            [program, "upgrade", "node"] => self.effect(to, (20, 60), |w, m| node(w, m, program)).await,
            ["nix8s", "on-node", "etcdctl", "member", "remove", id] => {
                self.effect(to, (1, 4), |w, m| remove_member(w, m, id)).await
            }
            _ => return None,
        })
    }

    async fn init(&self, to: &Connection) -> Result<Output, ExecError> {
        let begun = self.effect(to, (2, 5), begin).await?;
        if begun.status != 0 {
            return Ok(begun);
        }
        self.effect(to, (40, 90), |w, m| {
            let id = w.new_etcd(m);
            joined(w, m, id);
            said("Your Kubernetes control-plane has initialized successfully!\n")
        })
        .await
    }

    async fn join(&self, to: &Connection, stdin: &str) -> Result<Output, ExecError> {
        let arguments: Vec<&str> = stdin.lines().collect();
        let valid = self.shared.with(|w| admitted(w, &to.name, &arguments));
        if let Err(why) = valid {
            self.shared.pass(5 * SECOND).await;
            return Ok(complained(1, why));
        }
        let begun = self.effect(to, (2, 5), begin).await?;
        if begun.status != 0 {
            return Ok(begun);
        }
        let control_plane = arguments.contains(&"--control-plane");
        self.effect(to, (20, 40), |w, m| {
            let Some(id) = w.common.etcd.as_ref().map(|e| e.id).filter(|_| w.api_up()) else {
                return complained(1, "error execution phase kubelet-start: the API server does not answer");
            };
            if control_plane {
                w.add_member(m);
            }
            joined(w, m, id);
            said("This node has joined the cluster\n")
        })
        .await
    }
}

/// The preflight checks, after which the first files are written.
fn begin(world: &mut World, name: &MachineName) -> Output {
    let fits =
        world.kind_on(name).is_some_and(|k| k.distribution == Distribution::Kubeadm && k.role != Role::None);
    if !fits {
        return complained(127, "kubeadm: command not found");
    }
    let Some(metal) = world.metal_mut(name) else { return complained(1, "error: no such machine") };
    if metal.kube.state.is_some() || metal.kube.datastore.is_some() {
        return complained(
            1,
            "error execution phase preflight: [ERROR FileAvailable--etc-kubernetes-kubelet.conf]: \
             /etc/kubernetes/kubelet.conf already exists",
        );
    }
    metal.kube.state = Some(Belongs::Begun);
    said("")
}

fn joined(world: &mut World, name: &MachineName, id: u64) {
    let Some(kind) = world.kind_on(name).cloned() else { return };
    let version = kind.system.version.clone();
    if let Some(metal) = world.metal_mut(name) {
        metal.kube.state = Some(Belongs::Joined(id));
        metal.kube.active = true;
        metal.kube.version.clone_from(&version);
        if kind.role == Role::ControlPlane {
            metal.kube.components.clone_from(&version);
        }
    }
    world.refresh(name);
    if let Some(version) = version {
        world.register(name, &version, kind.role);
    }
}

/// Whether a control plane can answer for the cluster.
fn in_charge(world: &World, name: &MachineName) -> Result<(), Output> {
    let votes = world.metal.get(name).is_some_and(|m| world.votes(m));
    if votes && world.api_up() {
        Ok(())
    } else {
        Err(complained(1, "error: failed to connect to the API server on localhost:6443"))
    }
}

fn certificates(world: &mut World, name: &MachineName) -> Output {
    if let Err(no) = in_charge(world, name) {
        return no;
    }
    let mut random = world.random("certificate key");
    let key: String = (0..4).map(|_| format!("{:016x}", random.bits())).collect();
    let until = world.now + 2 * 3600 * SECOND;
    world.common_mut().tokens.insert(key.clone(), until);
    said(format!("[upload-certs] Using certificate key:\n{key}\n"))
}

fn token(world: &mut World, name: &MachineName) -> Output {
    if let Err(no) = in_charge(world, name) {
        return no;
    }
    let bits = world.random("token").bits();
    let token = format!("{:06x}.{bits:016x}", bits >> 40);
    let now = world.now;
    let tokens = &mut world.common_mut().tokens;
    tokens.retain(|_, until| *until > now);
    tokens.insert(token.clone(), now + 600 * SECOND);
    let address = world.metal.get(name).map_or_else(String::new, |m| m.address.clone());
    said(format!(
        "kubeadm join {address}:6443 --token {token} --discovery-token-ca-cert-hash sha256:{bits:064x} \n"
    ))
}

/// Whether the join material is good and the API server there.
fn admitted(world: &World, name: &MachineName, arguments: &[&str]) -> Result<(), String> {
    let after =
        |flag: &str| arguments.iter().position(|a| *a == flag).and_then(|at| arguments.get(at + 1)).copied();
    let good = |text: Option<&str>| {
        text.and_then(|t| world.common.tokens.get(t)).is_some_and(|until| *until > world.now)
    };
    let Some(metal) = world.metal.get(name) else { return Err("no such machine".to_owned()) };
    if world.now < metal.skewed {
        return Err(
            "error execution phase preflight: x509: certificate has expired or is not yet valid".to_owned()
        );
    }
    if world.now < metal.peers_cut || !world.api_up() {
        return Err(
            "error execution phase preflight: couldn't validate the identity of the API Server".to_owned()
        );
    }
    if !good(after("--token")) {
        return Err(
            "error execution phase preflight: could not find a JWS signature for the token".to_owned()
        );
    }
    if arguments.contains(&"--control-plane") && !good(after("--certificate-key")) {
        return Err(
            "error execution phase control-plane-prepare: Secret \"kubeadm-certs\" was not found".to_owned()
        );
    }
    Ok(())
}

/// Whether a program is a kubeadm of this version: of the running system by its bare name, of one that was copied by its path.
fn is_kubeadm(world: &World, name: &MachineName, program: &str, version: &Version) -> bool {
    let Some(metal) = world.metal.get(name) else { return false };
    let there = metal.store.keys().find(|path| program == format!("{path}/sw/bin/kubeadm"));
    let system = if program == "kubeadm" { metal.running() } else { there };
    let system = system.and_then(|path| world.systems.get(path));
    system.is_some_and(|kind| kind.system.version.as_ref() == Some(version))
}

fn apply(world: &mut World, name: &MachineName, program: &str, version: &str) -> Output {
    if let Err(no) = in_charge(world, name) {
        return no;
    }
    let Ok(version) = version.parse::<Version>() else {
        return complained(1, format!("error: {version:?} is not a version"));
    };
    if version.patch.is_none() || !is_kubeadm(world, name, program, &version) {
        return complained(1, format!("error: {program} is no kubeadm {version}"));
    }
    let Some(current) = world.common.etcd.as_ref().and_then(|e| e.version.clone()) else {
        return complained(1, "error: this cluster was not made by kubeadm");
    };
    if version.minor > current.minor + 1 || version.minor < current.minor {
        world.broken("r8", name, format!("kubeadm upgrade apply from {current} to {version}"));
        return complained(
            1,
            format!("error: FATAL: this version of kubeadm cannot upgrade {current} to {version}"),
        );
    }
    world.check_control_plane_down(name, "an upgrade");
    if let Some(etcd) = &mut world.common_mut().etcd {
        etcd.version = Some(version.clone());
    }
    components(world, name, version)
}

fn node(world: &mut World, name: &MachineName, program: &str) -> Output {
    let Some(version) = world.common.etcd.as_ref().and_then(|e| e.version.clone()) else {
        return complained(1, "error: this cluster was not made by kubeadm");
    };
    if !world.api_up() {
        return complained(
            1,
            "error: couldn't get the cluster's configuration: the API server does not answer",
        );
    }
    if !is_kubeadm(world, name, program, &version) {
        return complained(1, format!("error: {program} is no kubeadm {version}"));
    }
    world.check_control_plane_down(name, "an upgrade");
    components(world, name, version)
}

fn components(world: &mut World, name: &MachineName, version: Version) -> Output {
    let control_plane = world.metal.get(name).is_some_and(|m| m.kube.datastore.is_some());
    if control_plane && let Some(metal) = world.metal_mut(name) {
        metal.kube.components = Some(version);
    }
    world.check.taken.remove(name);
    said("[upgrade] The configuration for this node was successfully upgraded!\n")
}

fn remove_member(world: &mut World, via: &MachineName, id: &str) -> Output {
    if let Err(no) = in_charge(world, via) {
        return no;
    }
    let member = world
        .common
        .etcd
        .iter()
        .flat_map(|e| &e.members)
        .find(|(_, m)| m.as_str() == id)
        .map(|(n, _)| n.clone());
    let Some(member) = member else {
        return complained(1, "Error: etcdserver: member not found");
    };
    world.check_leave(&member);
    world.remove_member(&member);
    said(format!("Member {id} removed from cluster\n"))
}
