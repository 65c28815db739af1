//! Rules 1, 2, 3 and 14, where the machine or the port would still have refused: what nix8s puts on record as begun.

use nix8s_core::model::MachineName;
use nix8s_core::plan::Effect;

use crate::world::Ms;
use crate::world::SECOND;
use crate::world::World;

/// How long a look may take before it asks what marks its time.
const LOOK: Ms = 20 * SECOND;

impl World {
    /// nix8s has put on record that it begins this.
    pub(crate) fn check_intent(&mut self, effect: &Effect) {
        if let Effect::Drain { machine, .. } = effect {
            let now = self.now;
            self.check.drained.insert(machine.clone(), now);
        }
        match effect {
            Effect::Cordon { machine }
            | Effect::Drain { machine, .. }
            | Effect::LeaveEtcd { machine, .. }
            | Effect::Clean { machine, .. }
            | Effect::DeleteNode { machine, .. } => self.check_known(machine),
            Effect::Install { machine, .. } => {
                self.check_known(machine);
                let lived = self.metal.get(machine).is_some_and(|m| m.lived);
                let named = self.check.permit.as_ref().is_none_or(|p| p.erase.contains_key(machine));
                if lived && !named {
                    self.broken("r2", machine, "erasing what lived was begun without leave".to_owned());
                }
            }
            Effect::Init { machine } => {
                let since = self.check.observed.saturating_sub(LOOK);
                let told_none = |name: &MachineName| {
                    let answered = self.check.answered.get(name).is_some_and(|at| *at >= since);
                    answered && !self.check.told_datastore.contains(name)
                };
                let holders =
                    self.metal.values().filter(|m| m.kube.datastore.is_some() && !told_none(&m.name));
                let holders: Vec<&str> = holders.map(|m| m.name.as_str()).collect();
                if !holders.is_empty() {
                    let text = format!(
                        "initialising was begun while there is a datastore on {}",
                        holders.join(", ")
                    );
                    self.broken("r3", machine, text);
                }
            }
            Effect::Uncordon { machine } if self.check.foreign_cordons.contains(machine) => {
                self.broken("r14", machine, "undoing somebody else's cordon was begun".to_owned());
            }
            _ => {}
        }
    }

    /// What leaves or goes must have answered when nix8s looked last, or a person must have called it lost.
    fn check_known(&mut self, name: &MachineName) {
        let since = self.check.observed.saturating_sub(LOOK);
        let answered = self.check.answered.get(name).is_some_and(|at| *at >= since);
        let lost = self.check.lost.contains(name);
        if !answered && !lost {
            self.broken("r1", name, "it did not answer when nix8s looked last".to_owned());
        }
    }
}
