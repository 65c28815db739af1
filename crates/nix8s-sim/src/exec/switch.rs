//! Switching systems on a machine: armed, confirmed with a nonce, or gone back by itself.

use nix8s_core::model::Action;
use nix8s_core::model::MachineName;
use nix8s_core::model::Reboot;
use nix8s_core::model::StorePath;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::on_node::NO_SUCH_SWITCH;
use nix8s_core::tool::on_node::ROLLED_BACK;
use nix8s_engine::port::ExecError;

use super::Connection;
use super::SimExec;
use super::complained;
use super::said;
use super::unknown;
use crate::world::SECOND;
use crate::world::World;
use crate::world::metal::Running;
use crate::world::metal::SwitchState;

impl SimExec {
    pub(super) async fn switch(
        &self,
        to: &Connection,
        rest: &[&str],
        command: &Command,
    ) -> Result<Output, ExecError> {
        let (rest, action) = match rest {
            ["--reboot", reboot, "--nonce", nonce, "--test", path] => {
                (&["--reboot", *reboot, "--nonce", *nonce, *path][..], Action::Test)
            }
            ordinary => (ordinary, Action::Switch),
        };
        match rest {
            ["--boot-only", path] => {
                let path = StorePath::new(path);
                self.effect(to, (2, 8), |w, m| set_boot(w, m, &path)).await
            }
            ["--reboot", reboot, "--nonce", nonce, path] => {
                let reboot = match *reboot {
                    "auto" => Reboot::Auto,
                    "never" => Reboot::Never,
                    "always" => Reboot::Always,
                    _ => return Ok(unknown(command)),
                };
                let path = StorePath::new(path);
                let begun =
                    self.effect(to, (1, 2), |w, m| begin(w, m, &path, nonce, (reboot, action))).await?;
                if begun.status != 0 || begun.stdout == REBOOTS {
                    return Ok(begun);
                }
                self.activated(to, &path).await
            }
            ["--reboot", "auto", "--unarmed", path] => {
                let path = StorePath::new(path);
                self.effect(to, (8, 25), |w, m| unarmed(w, m, &path)).await
            }
            _ => Ok(unknown(command)),
        }
    }

    /// Waits for the activation that was begun.
    async fn activated(&self, to: &Connection, path: &StorePath) -> Result<Output, ExecError> {
        for _ in 0..60 {
            self.shared.pass(SECOND).await;
            let ended = self.shared.with(|w| {
                let metal = w.metal.get(&to.name)?;
                if metal.boots != to.boots || !metal.answers(w.now) {
                    return Some(Err(ExecError::Lost));
                }
                (metal.running() == Some(path)).then(|| Ok(said("")))
            });
            if let Some(ended) = ended {
                return ended;
            }
        }
        Err(ExecError::Lost)
    }

    pub(super) async fn confirm_switch(&self, to: &Connection, nonce: &str) -> Result<Output, ExecError> {
        // It waits for an activation that is under way.
        for _ in 0..60 {
            let pending = self.shared.with(|w| {
                let metal = w.metal.get(&to.name)?;
                let switch = metal.switch.as_ref()?;
                let waits = switch.nonce == nonce && switch.state == SwitchState::Armed;
                Some(waits && metal.boots == to.boots && metal.running() != Some(&switch.to))
            });
            if pending != Some(true) {
                break;
            }
            self.shared.pass(SECOND).await;
        }
        self.effect(to, (0, 2), |w, m| confirm(w, m, nonce)).await
    }
}

/// What a switch says that restarts the machine.
const REBOOTS: &str = "restarting\n";

fn begin(
    world: &mut World,
    name: &MachineName,
    path: &StorePath,
    nonce: &str,
    (reboot, action): (Reboot, Action),
) -> Output {
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    if metal.os != Running::NixOs {
        return complained(1, "error: this is not an installed machine");
    }
    if !metal.store.contains_key(path) {
        return complained(1, format!("error: {path} is not on this machine"));
    }
    if metal.switch.as_ref().is_some_and(|s| s.state == SwitchState::Armed) {
        return complained(1, "error: another switch is armed and not confirmed yet");
    }
    let reboots = world.needs_reboot(name, path, reboot);
    let parts = |p: &StorePath| world.systems.get(p).map(|k| k.system.parts.kubernetes.clone());
    let restarts = world.metal.get(name).and_then(|m| m.running()).and_then(parts) != parts(path);
    world.check_switch(name, path, reboots || restarts);
    world.arm(name, path, nonce, reboot, action);
    said(if reboots { REBOOTS } else { "" })
}

/// What runs stays; what starts is another system.
fn set_boot(world: &mut World, name: &MachineName, path: &StorePath) -> Output {
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    if metal.os != Running::NixOs || !metal.store.contains_key(path) {
        return complained(1, format!("error: {path} is not on this machine"));
    }
    if metal.switch.as_ref().is_some_and(|s| s.state == SwitchState::Armed) {
        return complained(1, "error: another switch is armed and not confirmed yet");
    }
    world.check_switch(name, path, false);
    world.set_boot(name, path);
    if let Some(metal) = world.metal_mut(name) {
        metal.held = Some(path.clone());
    }
    said("")
}

/// A rollback that nix8s asked for.
fn unarmed(world: &mut World, name: &MachineName, path: &StorePath) -> Output {
    let Some(metal) = world.metal.get(name) else { return complained(1, "error: no such machine") };
    if metal.os != Running::NixOs || !metal.store.contains_key(path) {
        return complained(1, format!("error: {path} is not on this machine"));
    }
    let reboots = world.needs_reboot(name, path, Reboot::Auto);
    if let Some(metal) = world.metal_mut(name) {
        metal.switch = None;
        if let Some(installed) = &mut metal.installed {
            installed.default = path.clone();
        }
    }
    if reboots {
        world.reboot(name);
    } else {
        world.activate(name, path);
    }
    said("")
}

fn confirm(world: &mut World, name: &MachineName, nonce: &str) -> Output {
    let Some(metal) = world.metal_mut(name) else { return complained(1, "error: no such machine") };
    let running = metal.running().cloned();
    let Some(switch) = metal.switch.as_mut().filter(|s| s.nonce == nonce) else {
        return complained(NO_SUCH_SWITCH, "error: no switch with this nonce");
    };
    match switch.state {
        SwitchState::Confirmed => said(""),
        SwitchState::RolledBack => complained(ROLLED_BACK, "this machine went back to the system before"),
        SwitchState::Armed if running.as_ref() != Some(&switch.to) => {
            complained(1, "error: the system is not active yet")
        }
        SwitchState::Armed => {
            switch.state = SwitchState::Confirmed;
            said("")
        }
    }
}
