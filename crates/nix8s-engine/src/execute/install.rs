//! Gives a machine its system and its identity.

use std::collections::BTreeMap;

use nix8s_core::event::Failure;
use nix8s_core::model::BuildOn;
use nix8s_core::model::InstallPhase;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Provisioner;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::Hardware;
use nix8s_core::observed::Mark;
use nix8s_core::permit::EraseScope;
use nix8s_core::tool::File;
use nix8s_core::tool::nix;
use nix8s_core::tool::nixos_anywhere;
use nix8s_core::tool::on_node;
use nix8s_core::tool::secrets;

use super::Done;
use super::access::machine;
use super::failure::hint;
use super::failure::no_answer;
use super::failure::permanent;
use super::failure::run;
use super::failure::transient;
use super::failure::unknown_output;
use crate::state::layout;
use crate::world::World;

/// What an installation needs besides the machine.
pub struct Install<'a> {
    /// The system.
    pub system: &'a StorePath,
    /// The version that the system is evaluated at.
    pub version: &'a Version,
    /// How much may be erased.
    pub scope: EraseScope,
    /// Its id.
    pub installation: &'a str,
    /// The machine that was observed.
    pub hardware: &'a Hardware,
    /// Whether its own mark may be there, of an installation that never started.
    pub again: bool,
    /// By what.
    pub provisioner: Provisioner,
}

/// Erases and installs, after the machine itself has said that it is the planned one (rules 2 and 15).
pub async fn install(world: &World, name: &MachineName, install: Install<'_>) -> Done {
    let machine = machine(world, name)?;
    if install.provisioner != Provisioner::NixosAnywhere {
        let kind = install.provisioner.as_str();
        return Err(permanent(format!("{kind} does not install machines in this version of nix8s")));
    }
    // What takes long and touches nothing comes first: what the machine says is fresh when it is erased.
    let built = built(world, name, &install).await?;
    let system = match &built {
        Some([disko, path]) => nixos_anywhere::System::Here { disko, path },
        None => nixos_anywhere::System::There(&world.flake),
    };
    confirm(world, machine, &install).await?;
    let mark = mark(world, name, install.installation, false);
    let secrets = secrets_of(world, name).await?;
    let given = nixos_anywhere::Given { system, mark: &mark, secrets };
    let command = nixos_anywhere::install(machine, &world.cluster, given);
    run(world, "installing with nixos-anywhere", &command)
        .await
        .map_err(|failure| logged(world, name, failure))?;
    if !world.cluster.anywhere.has(InstallPhase::Reboot) {
        return Ok(None);
    }
    let settled =
        run(world, "forgetting the installer's host key", &secrets::settled(&world.cluster.name, name)).await;
    Ok(settled.err().map(|failure| failure.message))
}

/// What lays out the machine's disks, and its system, which must be what was planned; `None`: the machine builds them.
async fn built(
    world: &World,
    name: &MachineName,
    install: &Install<'_>,
) -> Result<Option<[StorePath; 2]>, Failure> {
    let (cluster, version) = (&world.cluster, install.version);
    if cluster.anywhere.build == BuildOn::Remote {
        if *version == cluster.version {
            return Ok(None);
        }
        let message =
            format!("a machine builds its system at {} only, and {version} is its turn", cluster.version);
        return Err(hint(transient(message), "wait until the cluster has that version, or build here"));
    }
    let mut paths = Vec::new();
    for part in nixos_anywhere::attributes(&cluster.anywhere) {
        let command = nix::build_part(&world.flake, &cluster.name, name, version, part);
        let output = run(world, &format!("building its {part}"), &command).await?;
        paths.push(nix::built(&output.stdout).map_err(|e| permanent(e.to_string()))?);
    }
    let paths: [StorePath; 2] = paths.try_into().expect("there are two parts");
    if paths[1] != *install.system {
        let message = format!("evaluating gave {} and building gave {}", install.system, paths[1]);
        let advice = "the configuration is impure or changed meanwhile; then `nix8s node retry`";
        return Err(hint(permanent(message), advice));
    }
    Ok(Some(paths))
}

/// The files of a machine that hold its secrets.
async fn secrets_of(world: &World, name: &MachineName) -> Result<BTreeMap<String, File>, Failure> {
    let output = run(world, "reading its secrets", &secrets::files(&world.cluster.name, name)).await?;
    secrets::files_printed(&output.stdout.into()).map_err(|e| transient(e.to_string()))
}

/// The same failure with where everything is that the installation printed.
fn logged(world: &World, name: &MachineName, failure: Failure) -> Failure {
    let log = layout::install_log(name);
    match world.ports.store.exists(&log) {
        Ok(true) => {
            let message = format!("{}; all of it is in {}/{log}", failure.message, world.state_dir());
            Failure { message, ..failure }
        }
        Ok(false) | Err(_) => failure,
    }
}

async fn confirm(world: &World, machine: &Machine, install: &Install<'_>) -> Result<(), Failure> {
    let expected = on_node::Expected {
        hardware: install.hardware.clone(),
        erase: erased(world, machine, install.scope),
        foreign: install.scope >= EraseScope::Foreign,
        mark: install.again.then(|| mark(world, &machine.name, install.installation, false)),
        any_mark: world.permit.erase.contains_key(&machine.name),
    };
    let doing = "confirming that it is the planned machine";
    match world.exec(&on_node::confirm(machine, &expected)).await {
        Ok(output) if output.status == 0 => Ok(()),
        Ok(output) if output.status == on_node::NOT_CONFIRMED => {
            let advice = "nothing was erased; look at the machine, then say `nix8s node retry`";
            Err(hint(permanent(unknown_output(doing, &output).message), advice))
        }
        Ok(output) => Err(unknown_output(doing, &output)),
        Err(error) => Err(no_answer(doing, &error)),
    }
}

/// Device paths that an installation erases.
fn erased(world: &World, machine: &Machine, scope: EraseScope) -> Vec<String> {
    if !machine.install || !world.cluster.anywhere.has(InstallPhase::Disko) {
        return Vec::new();
    }
    let disks = &machine.disks;
    let mut erased: Vec<String> =
        disks.main.iter().chain(&disks.etcd).chain(&disks.custom).cloned().collect();
    match scope {
        EraseScope::System | EraseScope::Foreign => {}
        EraseScope::All => erased.extend(disks.data.iter().cloned()),
    }
    erased
}

/// Gives a machine that runs NixOS already its secrets and its identity mark.
pub async fn adopt(world: &World, name: &MachineName, installation: &str, hardware: &Hardware) -> Done {
    let machine = machine(world, name)?;
    let mark = mark(world, name, installation, true);
    let expected = on_node::Expected {
        hardware: hardware.clone(),
        erase: Vec::new(),
        foreign: true,
        mark: Some(mark.clone()),
        any_mark: false,
    };
    let doing = "confirming that it is the planned machine";
    match world.exec(&on_node::confirm(machine, &expected)).await {
        Ok(output) if output.status == 0 => {}
        Ok(output) if output.status == on_node::NOT_CONFIRMED => {
            return Err(permanent(unknown_output(doing, &output).message));
        }
        Ok(output) => return Err(unknown_output(doing, &output)),
        Err(error) => return Err(no_answer(doing, &error)),
    }
    // The mark says that it has what it needs, so it comes last.
    let secrets = secrets_of(world, name).await?;
    run(world, "writing its secrets", &on_node::deliver(machine, &secrets)).await?;
    run(world, "writing the identity mark", &on_node::adopt(machine, &mark)).await?;
    Ok(None)
}

fn mark(world: &World, name: &MachineName, installation: &str, booted: bool) -> Mark {
    Mark {
        cluster: world.cluster.name.to_string(),
        machine: name.to_string(),
        installation: installation.to_owned(),
        booted,
    }
}
