//! What `nix8s doctor` wants to know: programs, machines, names, ports, secrets, each asked once and all at the same time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::future::join3;
use futures_util::stream;
use nix8s_core::doctor::Facts;
use nix8s_core::doctor::Looked;
use nix8s_core::doctor::Program;
use nix8s_core::doctor::ProgramSeen;
use nix8s_core::doctor::StateSeen;
use nix8s_core::doctor::knocks;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Space;
use nix8s_core::past::Past;
use nix8s_core::tool::Command;
use nix8s_core::tool::df;
use nix8s_core::tool::knock;
use nix8s_core::tool::secrets;
use nix8s_core::tool::ssh::remote::NOT_FOUND;
use nix8s_core::tool::version;

use crate::execute::last_lines;
use crate::kubeconfig;
use crate::observe::looked_at;
use crate::observe::machine::look_closely;
use crate::port::ExecError;
use crate::state::layout;
use crate::world::World;

/// What is known of this computer without asking anybody.
pub struct Here {
    /// Programs that the configuration needs.
    pub programs: BTreeSet<Program>,
    /// Whether NixOS can run the nix8s that machines are given.
    pub fits_machines: bool,
    /// The state directory.
    pub state: StateSeen,
    /// Folders that must have room.
    pub folders: Vec<String>,
}

/// Asks everything. What could not be learnt is a fact too.
pub async fn ask(world: &World, past: Past, here: Here) -> Facts {
    let Here { programs, fits_machines, state, folders } = here;
    let name = &world.cluster.name;
    let ((programs, machines, space), (knocked, secrets, works)) = join(
        join3(
            each(programs, |program| async move { program_seen(world, program).await }),
            each_machine(world, &past),
            room(world, folders),
        ),
        join3(
            answer(world, knock::ask(&knocks(&world.cluster)), knock::answered),
            answer(world, secrets::check(name), secrets::checked),
            answer(world, secrets::check_kubeconfig(name), secrets::kubeconfig_checked),
        ),
    )
    .await;
    let kept = world.ports.store.read(layout::KUBECONFIG).ok().flatten();
    let certificate = kept.and_then(|bytes| kubeconfig::ends(std::str::from_utf8(&bytes).ok()?));
    let at = world.ports.clock.now();
    Facts {
        at,
        programs,
        fits_machines,
        state,
        space,
        secrets,
        machines,
        knocked,
        kubeconfig: works,
        certificate,
        past,
    }
}

async fn each<T: Ord + Copy, R, F: Future<Output = R>>(
    all: BTreeSet<T>,
    ask: impl Fn(T) -> F,
) -> BTreeMap<T, R> {
    let ask = &ask;
    let asked = all.into_iter().map(|one| async move { (one, ask(one).await) });
    futures_util::future::join_all(asked).await.into_iter().collect()
}

async fn program_seen(world: &World, program: Program) -> ProgramSeen {
    match world.exec(&version::ask(program.argv())).await {
        Err(ExecError::Missing { .. }) => ProgramSeen::Missing,
        Err(error) => ProgramSeen::Failed(error.to_string()),
        Ok(output) if output.status == 0 => ProgramSeen::There(version::read(&output)),
        // It was started by another program, which does not find it.
        Ok(output) if output.status == NOT_FOUND => ProgramSeen::Missing,
        Ok(output) => ProgramSeen::Failed(last_lines(&output.stderr)),
    }
}

async fn each_machine(world: &World, past: &Past) -> BTreeMap<MachineName, Looked> {
    let at_once = world.cluster.concurrency().observe.max(1);
    let now = || world.ports.clock.now();
    stream::iter(looked_at(&world.cluster, past))
        .map(|name| async move {
            let asked = now();
            let (seen, why) = look_closely(world, name).await;
            (name.clone(), Looked { seen, why, between: (asked, now()) })
        })
        .buffer_unordered(at_once)
        .collect()
        .await
}

async fn room(world: &World, folders: Vec<String>) -> Vec<Space> {
    let asked = folders.into_iter().map(|folder| async move {
        let output = world.exec(&df::ask(&folder)).await.ok()?;
        df::read(&folder, &output.stdout)
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

/// Runs commands on machines for what they print, in this order; or why there is none.
pub async fn run_all(world: &World, commands: Vec<Command>) -> Vec<Result<String, String>> {
    let at_once = world.cluster.concurrency().observe.max(1);
    let run = |command: Command| async move {
        answer(world, command, |text| Ok::<_, String>(text.to_owned())).await
    };
    stream::iter(commands).map(run).buffered(at_once).collect().await
}

/// Runs a program that answers a question, and reads the answer.
async fn answer<T, E: std::fmt::Display>(
    world: &World,
    command: Command,
    read: fn(&str) -> Result<T, E>,
) -> Result<T, String> {
    match world.exec(&command).await {
        Ok(output) if output.status == 0 => read(&output.stdout).map_err(|error| error.to_string()),
        Ok(output) => {
            let said = output.stderr.lines().find_map(|line| line.strip_prefix("error: "));
            Err(said.map_or_else(|| last_lines(&output.stderr), str::to_owned))
        }
        Err(error) => Err(error.to_string()),
    }
}
