//! `--accept-host-key`: a person says which SSH host key a machine has.

use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_core::model::Machine;
use nix8s_engine::real::Machines;
use nix8s_engine::real::Processes;
use nix8s_engine::state::dir::Kind;

use crate::commands::Cx;
use crate::commands::here;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;

/// A host key that a person accepts.
#[derive(Debug, Clone)]
pub struct Accepted {
    node: String,
    fingerprint: String,
}

/// Reads one as it is typed.
pub fn accepted(text: &str) -> Result<Accepted, String> {
    match text.split_once('=') {
        Some((node, fingerprint)) if fingerprint.starts_with("SHA256:") => {
            Ok(Accepted { node: node.to_owned(), fingerprint: fingerprint.to_owned() })
        }
        Some(_) | None => Err("it is not NODE=SHA256:..., as a plan and ssh-keygen -l show it".to_owned()),
    }
}

/// Takes down host keys before anybody is asked anything.
pub fn accept(cx: &Cx<'_>, fleet: &Fleet, cluster: &Cluster, accepted: &[Accepted]) -> Result<(), CliError> {
    if accepted.is_empty() {
        return Ok(());
    }
    if cx.global.simulate {
        let message = "--accept-host-key is for real machines: simulated ones have no host keys";
        return Err(CliError::new(Exit::Usage, message));
    }
    let state = world::state_base(cx.global)?.join(Kind::Real.folder(&cluster.name));
    let folder = project::folder(cx).map_err(|error| {
        CliError::new(Exit::Failed, "could not find the folder of the configuration").because(error)
    })?;
    let machines = Machines::new(Processes::in_folder(folder), state);
    for Accepted { node, fingerprint } in accepted {
        let found = reach::machine(fleet, node)?;
        if found.cluster.name != cluster.name {
            let message = format!("{node} is a machine of {}, not of {}", found.cluster.name, cluster.name);
            return Err(CliError::new(Exit::Usage, message));
        }
        let Machine { name, ssh, .. } = &*found.machine;
        here::wait(machines.accept(name, ssh, fingerprint))?.map_err(|why| {
            let message = format!("the host key of {name} was not accepted: {why}");
            CliError::new(Exit::Refused, message).hint("Nothing was done.")
        })?;
        cx.out.say(&format!("{name}: its host key {fingerprint} counts from now on"));
    }
    Ok(())
}
