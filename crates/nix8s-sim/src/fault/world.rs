//! Faults of the world itself: restarts, cuts, full disks, wrong clocks, a failing API server.

use nix8s_core::model::MachineName;

use super::Level;
use crate::random::Random;
use crate::world::Ms;
use crate::world::SECOND;
use crate::world::World;
use crate::world::due::Due;

impl World {
    /// From now until the horizon, things go wrong by themselves.
    pub fn begin_faults(&mut self, level: Level, horizon: Ms) {
        let until = self.now + horizon;
        self.common_mut().faults_until = if level == Level::None { self.now } else { until };
        let chains = match level {
            Level::None => 0,
            Level::Some => 1,
            Level::Many => 4,
        };
        self.dues.retain(|_, due| *due != Due::Fault);
        for _ in 0..chains {
            let wait = self.fault_interval();
            self.later(wait, Due::Fault);
        }
    }

    fn fault_interval(&mut self) -> Ms {
        self.seconds("fault interval", 60, 1800)
    }

    pub(crate) fn world_fault(&mut self) {
        if self.now >= self.common.faults_until {
            return;
        }
        let mut random = self.random("fault");
        let names: Vec<&MachineName> = self.metal.iter().filter(|(_, m)| m.power).map(|(n, _)| n).collect();
        let happens = self.tape.as_ref().is_none_or(|tape| tape.next_happens("world fault"));
        if let Some(name) = random.pick(&names).map(|n| (*n).clone()).filter(|_| happens) {
            self.strike(&name, &mut random);
        }
        let wait = self.fault_interval();
        if self.now + wait < self.common.faults_until {
            self.later(wait, Due::Fault);
        }
    }

    fn strike(&mut self, name: &MachineName, random: &mut Random) {
        let now = self.now;
        let lasts = random.between(20, 600) as Ms * SECOND;
        match random.between(0, 9) {
            0..=1 => self.reboot(name),
            2..=3 => self.cut(name, lasts, lasts),
            4 => self.cut(name, lasts, 0),
            5 => self.cut(name, 0, lasts),
            6 => {
                if let Some(metal) = self.metal_mut(name) {
                    metal.full = now + lasts;
                }
            }
            7 => {
                if let Some(metal) = self.metal_mut(name) {
                    metal.skewed = now + lasts;
                }
            }
            8 => self.common_mut().api_failing = now + lasts,
            _ => self.common_mut().here_full = now + lasts,
        }
    }

    /// Cuts a machine off from where nix8s runs, and from the other machines, for a while each.
    pub fn cut(&mut self, name: &MachineName, operator: Ms, peers: Ms) {
        let now = self.now;
        let Some(metal) = self.metal_mut(name) else { return };
        metal.operator_cut = metal.operator_cut.max(now.saturating_add(operator));
        metal.peers_cut = metal.peers_cut.max(now.saturating_add(peers));
        let until = metal.peers_cut;
        self.refresh(name);
        if peers > 0 {
            self.later(until - now, Due::Mend(name.clone()));
        }
    }
}
