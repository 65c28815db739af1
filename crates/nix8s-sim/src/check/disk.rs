//! Rules 1, 2, 3 and 15: what is erased, and what is initialised.

use nix8s_core::model::MachineName;
use nix8s_core::permit::EraseScope;

use super::Check;
use crate::world::Ms;
use crate::world::World;
use crate::world::metal::Content;

impl Check {
    /// A new etcd cluster is being made while these machines hold data of one.
    pub(crate) fn new_etcd(&mut self, name: &MachineName, holders: &[MachineName], now: Ms) {
        let lost = |m: &&MachineName| !self.lost.contains(*m);
        let holders: Vec<&str> = holders.iter().filter(lost).map(MachineName::as_str).collect();
        if !holders.is_empty() {
            let text = format!(
                "a second cluster was initialised while there is a datastore on {}",
                holders.join(", ")
            );
            self.broken("r3", Some(name), text, now);
        }
    }
}

impl World {
    /// The disks at these paths of a machine are about to be erased. Erasing does not count for rule 17: it needs a word of
    /// its own, which names the machine.
    pub(crate) fn check_erase(&mut self, name: &MachineName, paths: &[String]) {
        let Some(permit) = self.check.permit.clone() else { return };
        let Some(metal) = self.metal.get(name) else { return };
        let scope = permit.erase.get(name).copied();
        let foreign_allowed = matches!(scope, Some(EraseScope::Foreign | EraseScope::All))
            || (permit.erase_all_new && !metal.lived);
        let mut wrong = Vec::new();
        if metal.lived && scope.is_none() {
            wrong.push(("r2", "an installation that lived was erased without leave".to_owned()));
        }
        for disk in metal.disks.iter().filter(|d| d.paths.iter().any(|p| paths.contains(p))) {
            if disk.data && scope != Some(EraseScope::All) {
                wrong.push(("r15", format!("data disk {} was erased", disk.serial)));
            }
            if matches!(disk.content, Content::Foreign(_)) && !foreign_allowed {
                wrong.push(("r15", format!("foreign data on disk {} was erased without leave", disk.serial)));
            }
        }
        for (rule, text) in wrong {
            self.broken(rule, name, text);
        }
    }
}
