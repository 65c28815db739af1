//! Running a user's script: its conditions, then the script itself; once, and never again by itself.

use nix8s_core::event::Failure;
use nix8s_core::model::Body;
use nix8s_core::model::MachineName;
use nix8s_core::model::Place;
use nix8s_core::model::Script;
use nix8s_core::tool::Command;
use nix8s_core::tool::script;
use nix8s_core::tool::script::About;

use super::Done;
use super::access::machine;
use super::failure::no_answer;
use super::failure::permanent;
use super::failure::unknown_output;
use crate::port::ExecError;
use crate::world::World;

/// Runs a script for a machine, or for the cluster.
pub async fn run(world: &World, name: &str, about: Option<&MachineName>, digest: &str) -> Done {
    let bootstrap = &world.cluster.bootstrap;
    let found = bootstrap.script(name, about).filter(|script| script.digest == digest);
    let Some(script) = found else {
        return Err(permanent(format!("the script {name} has changed since the plan was made")));
    };
    let name = about.or(script.on.as_ref());
    let machine = match (name, script.place) {
        (Some(name), Place::Node) => Some(machine(world, name)?),
        // What runs here needs no way there.
        (Some(name), Place::Local) => world.machine(name),
        (None, _) => None,
    };
    let machine = machine.map(|machine| &**machine);
    let state_dir = world.state_dir();
    let about = About { cluster: &world.cluster, name, machine, state_dir: &state_dir };
    let of_phase =
        bootstrap.phase_condition(script).map(|body| (body, Place::Local, "its phase's condition"));
    let own = script.condition.as_ref().map(|body| (body, script.place, "its condition"));
    for (body, place, what) in of_phase.into_iter().chain(own) {
        if let Some(status) = refuses(world, script, body, place, about, what).await? {
            return Ok(Some(format!("not needed: {what} exits with {status}")));
        }
    }
    let command = script::run(script, about).ok_or_else(|| nowhere(script))?;
    match world.exec(&command).await {
        Ok(output) if output.status == 0 => Ok(None),
        Ok(output) => Err(for_good(unknown_output("the script", &output))),
        Err(error) => Err(for_good(no_end("the script", &command, &error))),
    }
}

/// The status of a condition that does not hold.
async fn refuses(
    world: &World,
    script: &Script,
    body: &Body,
    place: Place,
    about: About<'_>,
    what: &str,
) -> Result<Option<i32>, Failure> {
    let command = script::condition(script, body, place, about).ok_or_else(|| nowhere(script))?;
    match world.exec(&command).await {
        Ok(output) => Ok(Some(output.status).filter(|status| *status != 0)),
        Err(error) => Err(for_good(no_end(what, &command, &error))),
    }
}

fn nowhere(script: &Script) -> Failure {
    permanent(format!("the script {} runs on a machine, and there is none that it is about", script.name))
}

fn no_end(what: &str, command: &Command, error: &ExecError) -> Failure {
    match error {
        ExecError::TimedOut => {
            permanent(format!("{what} did not end within {} s", command.timeout.as_secs()))
        }
        ExecError::Refused
        | ExecError::WrongKey { .. }
        | ExecError::UnknownKey { .. }
        | ExecError::Denied { .. }
        | ExecError::Lost
        | ExecError::NoAddress
        | ExecError::Missing { .. } => no_answer(what, error),
    }
}

/// Nobody knows what a script does when it is run twice: a person decides.
fn for_good(failure: Failure) -> Failure {
    Failure { class: nix8s_core::plan::FailureClass::Permanent, ..failure }
}
