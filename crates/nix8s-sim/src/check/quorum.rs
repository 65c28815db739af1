//! Rules 4 and 9: etcd keeps its majority, and a control plane leaves before it is cleaned or deleted.

use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;

use crate::world::World;

impl World {
    /// nix8s does something to a machine that takes its etcd away for a while, or for good.
    ///
    /// What broke after nix8s last looked is not its fault; what it broke itself is.
    pub(crate) fn check_control_plane_down(&mut self, name: &MachineName, what: &str) {
        let (all, working) = self.voters();
        // Without a majority there is nothing left to lose by starting one of them again.
        if !working.contains(name) || working.len() * 2 <= all {
            return;
        }
        if all < 3 {
            if self.check.permit.as_ref().is_some_and(|p| !p.allows(Risk::Interrupts)) {
                self.broken("r4", name, format!("{what} takes the API away without leave"));
            }
            self.check.taken.insert(name.clone());
            return;
        }
        let others: Vec<MachineName> =
            self.common.etcd.iter().flat_map(|e| e.members.keys()).filter(|m| *m != name).cloned().collect();
        let down_by_us: Vec<&MachineName> =
            others.iter().filter(|m| self.check.taken.contains(*m) && !working.contains(m)).collect();
        let down = others
            .iter()
            .filter(|m| !working.contains(m) && (self.check.taken.contains(*m) || self.known_unwell(m)))
            .count();
        let staying = others.len() - down;
        let text = if let Some(other) = down_by_us.first() {
            Some(format!("{what} while {other} is down by us too"))
        } else if staying * 2 <= all {
            Some(format!("{what} leaves {staying} of {all} voters"))
        } else {
            None
        };
        if let Some(text) = text {
            self.broken("r4", name, text);
        }
        self.check.taken.insert(name.clone());
    }

    /// A member is taken out of etcd: the others must still be a majority of those that remain.
    pub(crate) fn check_leave(&mut self, name: &MachineName) {
        let (all, working) = self.voters();
        if all < 2 || !working.contains(name) {
            return;
        }
        let others = || self.common.etcd.iter().flat_map(|e| e.members.keys()).filter(|m| *m != name);
        let down = others().filter(|m| !working.contains(m) && self.known_unwell(m)).count();
        let staying = all - 1 - down;
        if staying * 2 < all {
            self.broken("r4", name, format!("leaving etcd leaves {staying} of {} voters", all - 1));
        }
    }

    /// A machine is cleaned or its Node deleted.
    pub(crate) fn check_left(&mut self, name: &MachineName, what: &str) {
        let Some(etcd) = &self.common.etcd else { return };
        if etcd.members.contains_key(name) && etcd.members.len() > 1 {
            self.broken("r9", name, format!("{what} before it left etcd"));
        }
    }
}
