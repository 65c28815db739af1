//! One look at one machine.

use nix8s_core::model::MachineName;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::Reach;
use nix8s_core::tool::on_node;

use crate::port::ExecError;
use crate::world::World;

/// Looks at one machine. Whatever goes wrong is an answer: how it was out of reach.
pub async fn look(world: &World, name: &MachineName) -> MachineSeen {
    let Some(machine) = world.machine(name) else {
        return MachineSeen { reach: Reach::Unknown, probe: None };
    };
    let reach = match world.exec(&on_node::probe(machine)).await {
        Ok(output) if output.status == 0 => match on_node::probed(&output.stdout) {
            Ok(probe) => return MachineSeen { reach: Reach::Answered, probe: Some(probe) },
            // It answered, but nobody knows what: nothing may follow from that.
            Err(_) => Reach::Unknown,
        },
        Ok(_) | Err(ExecError::NoAddress | ExecError::Missing { .. }) => Reach::Unknown,
        Err(ExecError::Refused) => Reach::Refused,
        Err(ExecError::TimedOut | ExecError::Lost) => Reach::TimedOut,
        Err(ExecError::WrongKey { fingerprint }) => Reach::WrongKey { fingerprint },
        Err(ExecError::UnknownKey { fingerprint }) => Reach::UnknownKey { fingerprint },
        Err(ExecError::Denied { said }) => Reach::Denied { said },
    };
    MachineSeen { reach, probe: None }
}
