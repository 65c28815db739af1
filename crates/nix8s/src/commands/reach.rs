//! Machines as somebody who logs in to them needs them: which one is meant, and how OpenSSH gets there.

use std::io;
use std::sync::Arc;

use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_core::model::Machine;
use nix8s_core::tool::Connection;
use nix8s_core::tool::ssh::Asks;
use nix8s_engine::real::Ways;
use nix8s_engine::state::dir::Kind;

use crate::commands::Cx;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::words::sentence_list;

/// A machine of the configuration, and its cluster.
pub struct Found {
    /// Its cluster.
    pub cluster: Arc<Cluster>,
    /// The machine.
    pub machine: Arc<Machine>,
}

/// The machine that a user means by its name, or by its member's if that is unique.
pub fn machine(fleet: &Fleet, name: &str) -> Result<Found, CliError> {
    let all = || fleet.clusters.values().flat_map(|c| c.machines.values().map(move |m| (c, m)));
    let by_name = all().filter(|(_, machine)| machine.name.as_str() == name);
    let by_member = all().filter(|(_, machine)| machine.member.as_str() == name);
    let mut found: Vec<_> = by_name.collect();
    if found.is_empty() {
        found = by_member.collect();
    }
    match found.as_slice() {
        [(cluster, machine)] => Ok(Found { cluster: Arc::clone(cluster), machine: Arc::clone(machine) }),
        [] => {
            let names = all().map(|(_, machine)| machine.name.to_string()).collect();
            let members: Vec<String> = all().map(|(_, machine)| machine.member.to_string()).collect();
            Err(project::unknown_among("machine", name, names, &members))
        }
        several => {
            let names: Vec<String> = several.iter().map(|(_, machine)| machine.name.to_string()).collect();
            let message = format!("{name:?} stands for several machines");
            Err(CliError::new(Exit::Usage, message).hint(format!("Say which: {}.", sentence_list(&names))))
        }
    }
}

/// Refuses what a command that hands its terminal to another program cannot honour.
pub fn refuse_simulated(cx: &Cx<'_>, command: &str) -> Result<(), CliError> {
    if cx.global.simulate {
        let message = format!("`{command}` is for real machines: a simulated one runs no programs");
        let hint = "`nix8s node show NODE --simulate` tells what is known of a simulated machine.";
        return Err(CliError::new(Exit::Usage, message).hint(hint));
    }
    Ok(())
}

/// The same for what it prints itself.
pub fn refuse_json(cx: &Cx<'_>, command: &str) -> Result<(), CliError> {
    if cx.out.format == Format::Json {
        let message = format!("`{command}` shows what the machine writes, which is not JSON");
        return Err(CliError::new(Exit::Usage, message).hint("Leave `-o json` out."));
    }
    Ok(())
}

/// `ssh` and its arguments up to the machine.
pub fn line(cx: &Cx<'_>, found: &Found, asks: Asks) -> Result<Vec<String>, CliError> {
    let Found { cluster, machine } = found;
    let Some(host) = &machine.ssh.host else {
        let message = format!("the address of {} is not known: `ip` is auto", machine.name);
        return Err(CliError::new(Exit::Failed, message).hint("Say it in `ssh.host` until it is discovered."));
    };
    let state = world::state_base(cx.global)?.join(Kind::Real.folder(&cluster.name));
    let line = Ways::new(state.clone()).line(&machine.name, &machine.ssh, host, asks, Connection::Shared);
    line.map_err(|error| {
        let message = format!("could not write the host keys in {}", state.display());
        CliError::new(Exit::Failed, message).because(error)
    })
}

/// Becomes another program, which has the terminal from here on.
pub fn become_program(argv: &[String]) -> CliError {
    use std::os::unix::process::CommandExt;
    let (program, arguments) = argv.split_first().expect("there is a program");
    let error = std::process::Command::new(program).args(arguments).exec();
    let missing = error.kind() == io::ErrorKind::NotFound;
    let exit = if missing { Exit::Program } else { Exit::Failed };
    let wrong = CliError::new(exit, format!("could not start {program}")).because(error);
    if missing { wrong.hint("Install OpenSSH's client (Debian: openssh-client).") } else { wrong }
}
