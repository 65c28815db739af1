//! One look at one machine.

use nix8s_core::model::MachineName;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::Reach;
use nix8s_core::tool::on_node;

use crate::execute::last_lines;
use crate::port::ExecError;
use crate::world::World;

/// Looks at one machine. Whatever goes wrong is an answer: how it was out of reach.
pub async fn look(world: &World, name: &MachineName) -> MachineSeen {
    look_closely(world, name).await.0
}

/// The same, with what was in the way where that is no way of being out of reach.
pub async fn look_closely(world: &World, name: &MachineName) -> (MachineSeen, Option<String>) {
    let nothing = |reach, why| (MachineSeen { reach, probe: None }, why);
    let Some(machine) = world.machine(name) else {
        return nothing(Reach::Unknown, Some("nobody knows how to reach it".to_owned()));
    };
    let reach = match world.exec(&on_node::probe(machine)).await {
        Ok(output) if output.status == 0 => match on_node::probed(&output.stdout) {
            Ok(probe) => return (MachineSeen { reach: Reach::Answered, probe: Some(probe) }, None),
            // It answered, but nobody knows what: nothing may follow from that.
            Err(error) => return nothing(Reach::Unknown, Some(error.to_string())),
        },
        Ok(output) => {
            let why = format!("exit code {}: {}", output.status, last_lines(&output.stderr));
            return nothing(Reach::Unknown, Some(why));
        }
        Err(error @ (ExecError::NoAddress | ExecError::Missing { .. })) => {
            return nothing(Reach::Unknown, Some(error.to_string()));
        }
        Err(ExecError::Refused) => Reach::Refused,
        Err(ExecError::TimedOut | ExecError::Lost) => Reach::TimedOut,
        Err(ExecError::WrongKey { fingerprint }) => Reach::WrongKey { fingerprint },
        Err(ExecError::UnknownKey { fingerprint }) => Reach::UnknownKey { fingerprint },
        Err(ExecError::Denied { said }) => Reach::Denied { said },
    };
    nothing(reach, None)
}
