//! Finds the machine that a step names.

use std::sync::Arc;

use nix8s_core::event::Failure;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;

use super::failure::hint;
use super::failure::permanent;
use crate::world::World;

/// How to reach a machine.
///
/// # Errors
/// When it is neither in the configuration nor remembered in the state directory.
pub fn machine<'a>(world: &'a World, name: &MachineName) -> Result<&'a Arc<Machine>, Failure> {
    world.machine(name).ok_or_else(|| {
        let lost = permanent(format!("how to reach {name} is neither in the configuration nor remembered"));
        hint(lost, format!("put it back into the configuration, or say `nix8s node delete --lost {name}`"))
    })
}
