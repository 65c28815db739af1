//! nixos-anywhere: into an installer, erase, install, restart; a machine that is lost on the way stays as it was then.

use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::model::Transition;
use nix8s_core::observed::Mark;
use nix8s_core::tool::Command;
use nix8s_core::tool::FILES;
use nix8s_core::tool::Output;
use nix8s_core::tool::nixos_anywhere::EXTRA;
use nix8s_core::tool::nixos_anywhere::IDENTITY_FILE;

use super::Connection;
use super::SimExec;
use super::complained;
use super::reach;
use super::said;
use crate::fault::CallFault;
use crate::world::World;
use crate::world::metal::Content;
use crate::world::metal::Installed;
use crate::world::metal::KubeState;
use crate::world::metal::Running;
use crate::world::system::Kind;

impl SimExec {
    pub(super) async fn install(&self, arguments: &[&str], command: &Command) -> Output {
        let [first @ .., "--extra-files", extra, "--phases", phases] = arguments else {
            return super::unknown(command);
        };
        if *extra != format!("{FILES}/{EXTRA}") {
            return super::unknown(command);
        }
        let (system, target): (&str, &str) = match first {
            ["--store-paths", _, system, "--target-host", target, ..]
            | ["--flake", system, "--target-host", target, ..] => (system, target),
            _ => return super::unknown(command),
        };
        let mark = command.files.get(&format!("{EXTRA}{IDENTITY_FILE}"));
        let mark: Option<Mark> = mark.and_then(|file| serde_json::from_str(file.text.expose()).ok());
        let address = target.rsplit('@').next().unwrap_or_default();
        let found =
            self.shared.with(|w| (kind_of(w, system), reach(w, Some(address)), w.now < w.common.here_full));
        let (Some(kind), Some(mark)) = (found.0, mark) else {
            return complained(1, format!("aborted: {system} must be an existing store-path"));
        };
        if found.2 {
            return complained(1, "error: writing to file: No space left on device");
        }
        match found.1 {
            Err(e) => complained(1, format!("ssh: connect to host {address}: {e}")),
            Ok(to) => self.install_on(to, kind, mark, phases).await.unwrap_or_else(|e| complained(1, e)),
        }
    }

    async fn install_on(
        &self,
        to: Connection,
        kind: Kind,
        mark: Mark,
        phases: &str,
    ) -> Result<Output, String> {
        let has = |phase: &str| phases.split(',').any(|one| one == phase);
        let name = &to.name;
        let to = if has("kexec") {
            self.take("kexec", (30, 60)).await;
            self.shared.with(|w| {
                still(w, &to)?;
                into_installer(w, &to.name).ok_or_else(lost)
            })?
        } else if self.shared.with(|w| w.metal.get(name).is_some_and(|m| m.os == Running::Installer)) {
            Connection { name: name.clone(), boots: to.boots }
        } else {
            return Err("error: no installer runs there".to_owned());
        };
        if has("disko") {
            self.take("disko", (15, 30)).await;
            self.shared.with(|w| {
                still(w, &to)?;
                erase(w, name, &mark.installation);
                Ok::<(), String>(())
            })?;
        }
        let broken = self.shared.fault(&format!("{name}: half an installation"));
        self.take("install", (120, 240)).await;
        if broken == Some(CallFault::Fails) {
            return Err("error: cannot download: curl: (28) Operation timed out".to_owned());
        }
        self.shared.with(|w| {
            still(w, &to)?;
            put(w, name, &kind, &mark);
            Ok::<(), String>(())
        })?;
        self.take("umount", (3, 10)).await;
        if has("reboot") {
            self.shared.with(|w| {
                still(w, &to)?;
                w.reboot(name);
                Ok::<(), String>(())
            })?;
        }
        Ok(said("### Done! ###\n"))
    }
}

/// What is installed: a path in the store here, or a machine's system in a flake, which is the one at the configured version.
fn kind_of(world: &World, system: &str) -> Option<Kind> {
    match system.rsplit_once('#') {
        None => world.systems.get(&StorePath::new(system)).cloned(),
        Some((_, machine)) => world.system_of(&machine.parse().ok()?, &world.fleet.version),
    }
}

fn lost() -> String {
    "client_loop: send disconnect: Broken pipe".to_owned()
}

/// Whether the connection still stands.
fn still(world: &World, to: &Connection) -> Result<(), String> {
    let metal = world.metal.get(&to.name).ok_or_else(lost)?;
    if metal.boots == to.boots && metal.answers(world.now) { Ok(()) } else { Err(lost()) }
}

/// kexec: whatever ran is gone, the disks are untouched.
fn into_installer(world: &mut World, name: &MachineName) -> Option<Connection> {
    if world.metal.get(name)?.os == Running::NixOs && world.metal.get(name)?.kube.active {
        world.check_control_plane_down(name, "an installation");
    }
    let metal = world.metal_mut(name)?;
    metal.os = Running::Installer;
    metal.boots += 1;
    metal.kube.active = false;
    metal.kube.start += 1;
    let boots = metal.boots;
    world.refresh(name);
    Some(Connection { name: name.clone(), boots })
}

/// disko: the system's and etcd's disks.
fn erase(world: &mut World, name: &MachineName, installation: &str) {
    let disks = world.fleet.machines.get(name).map(|m| m.disks.clone()).unwrap_or_default();
    let mut paths: Vec<String> = disks.main.iter().chain(&disks.etcd).chain(&disks.custom).cloned().collect();
    paths.sort();
    paths.dedup();
    world.phase_begins("provisioning", name);
    world.check_erase(name, &paths);
    let Some(metal) = world.metal_mut(name) else { return };
    for path in &paths {
        if let Some(disk) = metal.disk_mut(path) {
            disk.content = Content::Ours(installation.to_owned());
        }
    }
    metal.installed = None;
    metal.lived = false;
    metal.store.clear();
    metal.kube = KubeState { start: metal.kube.start + 1, ..KubeState::default() };
    metal.membership = None;
    metal.switch = None;
    metal.failed.clear();
}

fn put(world: &mut World, name: &MachineName, kind: &Kind, mark: &Mark) {
    let now = world.now;
    let path = kind.system.path.clone();
    world.know_system(kind.clone());
    let Some(metal) = world.metal_mut(name) else { return };
    metal.store.insert(path.clone(), now);
    metal.installed = Some(Installed { running: path.clone(), default: path, mark: Some(mark.clone()) });
    world.happens(name, Transition::Provision);
}
