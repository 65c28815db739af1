//! Power, booting and switching systems.

use nix8s_core::model::Action;
use nix8s_core::model::MachineName;
use nix8s_core::model::Reboot;
use nix8s_core::model::StorePath;

use super::SECOND;
use super::World;
use super::due::Due;
use super::metal::Running;
use super::metal::Switch;
use super::metal::SwitchState;
use super::system::Poison;

/// How long an armed switch waits for its confirmation after activation.
const CONFIRM_WITHIN: i64 = 180 * SECOND;

/// The same when it reboots: long enough to boot slow servers.
const CONFIRM_AFTER_REBOOT: i64 = 300 * SECOND;

impl World {
    /// Cuts power.
    pub fn power_off(&mut self, name: &MachineName) {
        if let Some(metal) = self.metal_mut(name) {
            metal.power = false;
            metal.boots += 1;
            metal.kube.active = false;
            metal.kube.start += 1;
        }
        self.refresh(name);
    }

    /// Restarts a machine, or switches it on.
    pub fn reboot(&mut self, name: &MachineName) {
        let takes = self.seconds("reboot", 60, 90);
        let up_at = self.now + takes;
        let Some(metal) = self.metal_mut(name) else { return };
        metal.power = true;
        metal.boots += 1;
        metal.kube.active = false;
        metal.kube.start += 1;
        metal.os = metal.boot_target();
        metal.up_at = up_at;
        if let (Running::NixOs, Some(installed)) = (&metal.os, &mut metal.installed) {
            installed.running = installed.default.clone();
        }
        let boot = metal.boots;
        self.refresh(name);
        self.later(takes, Due::Booted(name.clone(), boot));
    }

    pub(super) fn booted(&mut self, name: &MachineName, boot: u32) {
        let Some(metal) = self.metal_mut(name) else { return };
        if metal.boots != boot || !metal.power {
            return;
        }
        if metal.os == Running::NixOs {
            metal.lived = true;
            if let Some(mark) = metal.installed.as_mut().and_then(|i| i.mark.as_mut()) {
                mark.booted = true;
            }
            self.start_kubernetes(name);
        }
        self.refresh(name);
    }

    /// Begins an armed switch. It goes on when the connection that asked for it breaks.
    pub fn arm(&mut self, name: &MachineName, to: &StorePath, nonce: &str, reboot: Reboot, action: Action) {
        let test = action == Action::Test;
        let reboots = self.needs_reboot(name, to, reboot);
        let activates = self.seconds("activate", 8, 25);
        let Some(metal) = self.metal_mut(name) else { return };
        let Some(installed) = &metal.installed else { return };
        let back = installed.running.clone();
        metal.switch =
            Some(Switch { nonce: nonce.to_owned(), to: to.clone(), back, state: SwitchState::Armed, test });
        metal.held = test.then(|| to.clone());
        let limit = if reboots { CONFIRM_AFTER_REBOOT } else { CONFIRM_WITHIN };
        self.later(activates, Due::Activate(name.clone(), nonce.to_owned()));
        self.later(activates + limit, Due::GoBack(name.clone(), nonce.to_owned()));
        if reboots && let Some(installed) = self.metal_mut(name).and_then(|m| m.installed.as_mut()) {
            installed.default = to.clone();
        }
    }

    /// Whether activating a system restarts the machine.
    pub fn needs_reboot(&self, name: &MachineName, to: &StorePath, reboot: Reboot) -> bool {
        let from = self.metal.get(name).and_then(|m| m.running()).and_then(|p| self.systems.get(p));
        let differs = match (from, self.systems.get(to)) {
            (Some(a), Some(b)) => {
                a.system.parts.kernel != b.system.parts.kernel
                    || a.system.parts.initrd != b.system.parts.initrd
            }
            (None, _) | (_, None) => false,
        };
        match reboot {
            Reboot::Auto => differs,
            Reboot::Never => false,
            Reboot::Always => true,
        }
    }

    pub(super) fn activate_armed(&mut self, name: &MachineName, nonce: &str) {
        let Some(metal) = self.metal.get(name) else { return };
        let Some(switch) = metal.switch.clone() else { return };
        if switch.nonce != nonce || switch.state != SwitchState::Armed || !metal.is_up(self.now) {
            return;
        }
        let Some(installed) = &metal.installed else { return };
        let stays = installed.default.clone();
        let reboots = installed.default == switch.to && installed.running != switch.to && !switch.test;
        if reboots {
            self.reboot(name);
        } else {
            self.activate(name, &switch.to);
            if switch.test {
                self.set_boot(name, &stays);
            }
        }
        if self.poison_of(&switch.to) == Some(Poison::CutsNetwork) {
            let until = self.now + 3600 * SECOND;
            if let Some(metal) = self.metal_mut(name) {
                metal.operator_cut = until;
            }
        }
    }

    /// Makes a system that is on the machine the one that it starts into.
    pub fn set_boot(&mut self, name: &MachineName, to: &StorePath) {
        if let Some(installed) = self.metal_mut(name).and_then(|m| m.installed.as_mut()) {
            installed.default = to.clone();
        }
    }

    /// Makes a system that is on the machine run, without a restart.
    pub fn activate(&mut self, name: &MachineName, to: &StorePath) {
        let Some(metal) = self.metal.get(name) else { return };
        let before = metal.running().and_then(|p| self.systems.get(p));
        let after = self.systems.get(to);
        let restarts = match (before, after) {
            (Some(a), Some(b)) => a.system.parts.kubernetes != b.system.parts.kubernetes || a.role != b.role,
            (None, _) | (_, None) => true,
        };
        let Some(installed) = self.metal_mut(name).and_then(|m| m.installed.as_mut()) else { return };
        installed.running = to.clone();
        installed.default = to.clone();
        if restarts {
            self.start_kubernetes(name);
        }
        self.refresh(name);
    }

    pub(super) fn go_back(&mut self, name: &MachineName, nonce: &str) {
        let now = self.now;
        let Some(metal) = self.metal_mut(name) else { return };
        let Some(switch) = &mut metal.switch else { return };
        if switch.nonce != nonce || switch.state != SwitchState::Armed {
            return;
        }
        if !metal.power || now < metal.up_at {
            // The boot-time unit looks again as soon as the machine is up.
            let wait = if metal.power { metal.up_at - now } else { 60 * SECOND };
            return self.later(wait + SECOND, Due::GoBack(name.clone(), nonce.to_owned()));
        }
        switch.state = SwitchState::RolledBack;
        let (to, back, test) = (switch.to.clone(), switch.back.clone(), switch.test);
        let stays = metal.installed.as_ref().map(|installed| installed.default.clone());
        let rebooted = self.needs_reboot(name, &back, Reboot::Auto);
        if let Some(installed) = self.metal_mut(name).and_then(|m| m.installed.as_mut()) {
            installed.default = back.clone();
        }
        if self.poison_of(&to) == Some(Poison::CutsNetwork)
            && let Some(metal) = self.metal_mut(name)
        {
            metal.operator_cut = now;
        }
        if rebooted {
            self.reboot(name);
        } else {
            self.activate(name, &back);
        }
        if let (true, Some(stays)) = (test, stays) {
            self.set_boot(name, &stays);
        }
    }
}
