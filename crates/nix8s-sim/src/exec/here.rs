//! Commands on the computer that runs nix8s: nix, secrets, the kubeconfig.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::Secret;
use nix8s_core::secret::delivery;
use nix8s_core::tool::Command;
use nix8s_core::tool::File;
use nix8s_core::tool::Output;
use nix8s_core::tool::knock::Door;
use nix8s_core::tool::knock::Knocked;
use nix8s_core::tool::knock::Knocks;
use nix8s_core::tool::secrets;
use nix8s_engine::port::ExecError;

use super::SimExec;
use super::complained;
use super::reach;
use super::said;
use super::stdin;
use super::unknown;
use super::words;
use crate::world::World;
use crate::world::metal::Running;

/// What nix says when a disk is full.
const FULL: &str = "error: writing to file: No space left on device";

impl SimExec {
    pub(super) async fn here(&self, command: &Command) -> Result<Output, ExecError> {
        Ok(match words(command).as_slice() {
            ["nix", "eval", _, _, "--json", attribute] => self.evaluate(attribute).await,
            // At once: what nixos-anywhere takes has it in it.
            ["nix", "build", _, _, "--no-link", "--print-out-paths", attribute]
                if attribute.contains(PART) =>
            {
                self.shared.with(|w| part(w, attribute))
            }
            ["nix", "build", _, _, "--no-link", "--print-out-paths", attribute] => {
                self.build(attribute).await
            }
            ["env", _, "nix", "copy", _, _, _, "--substitute-on-destination", "--to", store, path] => {
                self.copy(store, path).await
            }
            ["nix8s", "-o", "json", "secrets", "check", _] => {
                self.take("secrets", (0, 1)).await;
                self.shared.with(|w| said(serde_json::to_string(&w.common.secrets).expect("names")))
            }
            ["nix8s", "secrets", "generate", "--names-on-stdin", _] => {
                self.take("secrets", (1, 3)).await;
                match serde_json::from_str::<BTreeSet<Secret>>(stdin(command)) {
                    Ok(missing) => self.shared.with(|w| {
                        w.add_secrets(missing);
                        said("")
                    }),
                    Err(e) => complained(64, format!("error: not a list of secrets: {e}")),
                }
            }
            // At once: it is a file on this computer.
            ["nix8s", "-o", "json", "secrets", "files", _, machine] => {
                self.shared.with(|w| files(w, machine))
            }
            ["nix8s", "secrets", "settled", _, _] => said(""),
            ["nix8s", "-o", "json", "kubeconfig", _, "--check"] => {
                self.take("kubeconfig", (0, 2)).await;
                self.kubeconfig()
            }
            ["nix8s", "-o", "json", "doctor", "--knock"] => {
                self.take("knock", (0, 1)).await;
                match serde_json::from_str::<Knocks>(stdin(command)) {
                    Ok(knocks) => {
                        self.shared.with(|w| said(serde_json::to_string(&knock(w, &knocks)).expect("texts")))
                    }
                    Err(e) => complained(64, format!("error: not a list of names and ports: {e}")),
                }
            }
            ["df", "-Pk", "--", _] => self.shared.with(|w| {
                let free = if w.now < w.common.here_full { 0 } else { 400 << 20 };
                said(format!(
                    "Filesystem 1024-blocks Used Available Capacity Mounted on\nsim {} 0 {free} 0% /\n",
                    900 << 20
                ))
            }),
            ["nix", "--version"] => said("nix (Nix) 2.31.2\n"),
            ["git", "--version"] => said("git version 2.51.0\n"),
            ["bash", "--version"] => said("GNU bash, version 5.3.3(1)-release\n"),
            ["env", _, "sops", "--version"] => said("sops 3.11.0\n"),
            ["nixos-anywhere", "--help"] => said("Usage: nixos-anywhere [options] [<ssh-host>]\n"),
            ["nixos-anywhere", rest @ ..] => self.install(rest, command).await,
            ["ssh", "-V"] => Output { stderr: "OpenSSH_10.2p1, OpenSSL 3.6.0\n".to_owned(), ..said("") },
            _ => unknown(command),
        })
    }

    /// `FLAKE#nix8sSystems.CLUSTER."VERSION"`.
    async fn evaluate(&self, attribute: &str) -> Output {
        self.take("evaluate", (5, 20)).await;
        let Some(version) = version_in(attribute) else {
            return complained(1, format!("error: {attribute} is not an attribute of this flake"));
        };
        match self.shared.with(|w| w.nix_eval(&version)) {
            Ok(text) => said(&*text),
            Err(error) => complained(1, error),
        }
    }

    /// `FLAKE#nix8sBuilds.CLUSTER."VERSION".MACHINE`.
    async fn build(&self, attribute: &str) -> Output {
        let kind = self.shared.with(|w| system_in(w, attribute));
        let Some(kind) = kind else {
            return complained(1, format!("error: {attribute} is not an attribute of this flake"));
        };
        let alike = self.shared.with(|w| {
            let parts = &kind.system.parts;
            w.common.built.iter().filter_map(|p| w.systems.get(p)).any(|k| {
                k.system.parts.kernel == parts.kernel && k.system.parts.kubernetes == parts.kubernetes
            })
        });
        // Systems of one fleet share almost everything: only the first one takes long.
        self.take("build", if alike { (2, 8) } else { (30, 90) }).await;
        self.shared.with(|w| {
            if w.now < w.common.here_full {
                return complained(1, FULL);
            }
            let path = kind.system.path.clone();
            w.know_system(kind);
            w.add_built(path.clone());
            said(format!("{path}\n"))
        })
    }

    async fn copy(&self, store: &str, path: &str) -> Output {
        let address = store.rsplit('@').next().unwrap_or_default().to_owned();
        let path = StorePath::new(path);
        let before = self.shared.with(|w| {
            if w.common.built.contains(&path) { reach(w, Some(&address)).map(Some) } else { Ok(None) }
        });
        let to = match before {
            Ok(Some(to)) => to,
            Ok(None) => return complained(1, format!("error: path '{path}' is not valid")),
            Err(e) => {
                return complained(1, format!("error: failed to start SSH connection to '{address}': {e}"));
            }
        };
        let copied = self
            .effect(&to, (10, 30), |w, name| {
                let now = w.now;
                let Some(metal) = w.metal_mut(name) else { return complained(1, "error: no such machine") };
                if metal.os != Running::NixOs {
                    return complained(1, "error: nix-daemon: command not found");
                }
                if now < metal.full {
                    return complained(1, FULL);
                }
                metal.store.entry(path).or_insert(now);
                said("")
            })
            .await;
        copied.unwrap_or_else(|_| {
            complained(1, format!("error: unexpected end-of-file; SSH connection to '{address}' died"))
        })
    }

    /// Compares the kept kubeconfig with the cluster that there is.
    fn kubeconfig(&self) -> Output {
        let kept = self.shared.kept_kubeconfig();
        self.shared.with(|w| {
            let Some(kept) = kept else { return said("\"missing\"") };
            let Some(etcd) = &w.common.etcd else { return said("\"stale\"") };
            let fits = kept.contains(&certificate(etcd.id)) && !kept.contains("127.0.0.1");
            if !fits {
                said("\"stale\"")
            } else if w.api_answers() {
                said("\"works\"")
            } else {
                complained(1, "error: the API server does not answer")
            }
        })
    }
}

/// Names lead to the machines that have them, and API servers listen where they run; the virtual address is held by one.
fn knock(world: &World, knocks: &Knocks) -> Knocked {
    let name = |name: &str| {
        let machine = world.at_address(name).and_then(|name| world.fleet.machines.get(name));
        machine.and_then(|machine| machine.ip).into_iter().collect()
    };
    let door = |place: &str| {
        let address = place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']']);
        let is_vip = world.fleet.ha.vip.is_some_and(|vip| vip.to_string() == address);
        let mut machines = world.fleet.machines.values();
        let by_ip = || machines.find(|m| m.ip.is_some_and(|ip| ip.to_string() == address)).map(|m| &m.name);
        let metal = world.at_address(address).or_else(by_ip).and_then(|name| world.metal.get(name));
        match metal {
            _ if is_vip => {
                if world.api_answers() {
                    Door::Open
                } else {
                    Door::Silent
                }
            }
            Some(metal) if !metal.answers(world.now) => Door::Silent,
            Some(metal) if metal.kube.datastore.is_some() && world.api_answers() => Door::Open,
            Some(_) => Door::Refused,
            None => Door::Silent,
        }
    };
    Knocked {
        names: knocks.names.iter().map(|one| (one.clone(), name(one))).collect(),
        ports: knocks.ports.iter().map(|one| (one.clone(), door(one))).collect(),
    }
}

/// Stands before the name of a part of a configuration.
const PART: &str = ".config.system.build.";

/// A part of a machine's configuration: its system, or what lays out its disks.
fn part(world: &mut World, attribute: &str) -> Output {
    let found =
        attribute.split_once(PART).and_then(|(machine, part)| Some((system_in(world, machine)?, part)));
    let Some((kind, part)) = found else {
        return complained(1, format!("error: {attribute} is not an attribute of this flake"));
    };
    if world.now < world.common.here_full {
        return complained(1, FULL);
    }
    let path = kind.system.path.clone();
    world.know_system(kind);
    said(if part == "toplevel" { format!("{path}\n") } else { format!("{path}-disko\n") })
}

/// The files of a machine that hold secrets; there is nothing in them, because there are no values in this world.
fn files(world: &World, machine: &str) -> Output {
    let name: Option<MachineName> = machine.parse().ok();
    let is = name.as_ref().and_then(|name| world.fleet.machines.get(name));
    if is.is_some_and(|is| world.fleet.keeps_host_key(is)) {
        return said(secrets::print_files(&BTreeMap::new()).expose());
    }
    let Some(key) = name.map(Secret::HostKey).filter(|key| world.common.secrets.contains(key)) else {
        return complained(1, format!("error: there is no host key of {machine}"));
    };
    let file = File::private(format!("{key} of the simulated world\n"));
    said(secrets::print_files(&BTreeMap::from([(delivery::HOST_KEY.to_owned(), file)])).expose())
}

/// The line of a kubeconfig that tells one cluster from another.
pub(super) fn certificate(etcd: u64) -> String {
    format!("certificate-authority-data: c2ltdWxhdGVk{etcd:08}")
}

/// The version between quotes in an attribute.
fn version_in(attribute: &str) -> Option<Version> {
    attribute.split('"').nth(1)?.parse().ok()
}

/// The system that an attribute with a version and a machine stands for.
pub(super) fn system_in(world: &World, attribute: &str) -> Option<crate::world::system::Kind> {
    let machine: MachineName = attribute.rsplit('.').next()?.parse().ok()?;
    world.system_of(&machine, &version_in(attribute)?)
}
