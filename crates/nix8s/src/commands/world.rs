//! The world that a command works on: a cluster's state directory and, as long as there are no others, simulated
//! machines.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterName;
use nix8s_core::past::Past;
use nix8s_core::permit::Permit;
use nix8s_core::tool::secrets;
use nix8s_engine::port::Store;
use nix8s_engine::real::Given;
use nix8s_engine::real::Machines;
use nix8s_engine::real::Processes;
use nix8s_engine::real::leftover;
use nix8s_engine::state::copy;
use nix8s_engine::state::dir::Access;
use nix8s_engine::state::dir::Kind;
use nix8s_engine::state::dir::OpenError;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::lock::Holder;
use nix8s_engine::state::lock::LockError;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::state::snapshot;
use nix8s_engine::world::World;
use nix8s_sim::Options;
use nix8s_sim::Simulation;
use nix8s_sim::fault;
use nix8s_sim::journal::Journal;
use nix8s_sim::make;

use crate::cli::Faults;
use crate::cli::Global;
use crate::commands::Cx;
use crate::commands::askpass;
use crate::commands::project;
use crate::commands::scratch::Scratch;
use crate::commands::systems;
use crate::error::CliError;
use crate::error::Exit;
use crate::report::names;
use crate::report::screen::Time;

/// The seed of a world when none is given: the same command shows the same to everybody.
pub const SEED: u64 = 1;

/// Which kind of state a command works on.
pub fn kind(global: &Global) -> Kind {
    if global.simulate { Kind::Simulated } else { Kind::Real }
}

/// How time passes in the simulated world.
pub fn time(global: &Global) -> Time {
    if global.pace.is_some() || !global.simulate { Time::Passes } else { Time::Jumps }
}

/// The folder with one folder per cluster.
pub fn state_base(global: &Global) -> Result<PathBuf, CliError> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = global.state_dir.clone().or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("nix8s")));
    base.or_else(|| from("HOME").map(|home| home.join(".local/state/nix8s"))).ok_or_else(|| {
        let message =
            "there is no place for state: neither --state-dir nor $XDG_STATE_HOME nor $HOME is given";
        CliError::new(Exit::Failed, message)
    })
}

/// A runtime for one command. Simulated time without a pace jumps: its clock is paused.
pub fn runtime(global: &Global) -> Result<tokio::runtime::Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    if time(global) == Time::Jumps {
        builder.start_paused(true);
    }
    builder.build().map_err(|error| CliError::new(Exit::Failed, "could not start the runtime").because(error))
}

/// Opens a cluster's state for planning, which takes its lock.
pub fn open_to_plan(cx: &Cx<'_>, cluster: &ClusterName, command: &str) -> Result<Arc<StateDir>, CliError> {
    let access = Access::Plan(Holder::this(command, Timestamp::now()));
    open(cx, cluster, access)
}

/// The same; `None`: somebody else holds the lock.
pub fn try_to_plan(
    cx: &Cx<'_>,
    cluster: &ClusterName,
    command: &str,
) -> Result<Option<Arc<StateDir>>, CliError> {
    let access = Access::Plan(Holder::this(command, Timestamp::now()));
    let opened = StateDir::open(&state_base(cx.global)?, cluster, kind(cx.global), access);
    match opened {
        Ok(state) => Ok(Some(Arc::new(state))),
        Err(OpenError::Lock(LockError::Held(_))) => Ok(None),
        Err(error) => Err(not_opened(cluster, error)),
    }
}

/// Opens a cluster's state for reading.
pub fn open_to_read(cx: &Cx<'_>, cluster: &ClusterName) -> Result<Arc<StateDir>, CliError> {
    open(cx, cluster, Access::Read)
}

fn open(cx: &Cx<'_>, cluster: &ClusterName, access: Access) -> Result<Arc<StateDir>, CliError> {
    let base = state_base(cx.global)?;
    let opened = StateDir::open(&base, cluster, kind(cx.global), access);
    opened.map(Arc::new).map_err(|error| not_opened(cluster, error))
}

fn not_opened(cluster: &ClusterName, error: OpenError) -> CliError {
    let (exit, hint) = match &error {
        OpenError::Lock(_) => (Exit::Refused, "Wait until it is done, or stop it; its state is kept."),
        OpenError::OtherKind { .. } => {
            (Exit::Refused, "Simulated and real machines are kept apart: choose another --state-dir.")
        }
        OpenError::Io { .. } => (Exit::Failed, "Choose a folder that can be written with --state-dir."),
    };
    CliError::new(exit, format!("could not work on {cluster}")).because(error).hint(hint)
}

/// What a cluster's state says about before.
pub fn past(state: &StateDir) -> Result<Past, CliError> {
    snapshot::read(state).map(|read| read.past).map_err(|error| unreadable(state, error))
}

/// The error for state that cannot be read.
pub fn unreadable(state: &StateDir, error: std::io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("could not read the state in {}", state.root().display()))
        .because(error)
}

/// A world that a command changes, and the simulation that it may be.
pub struct Behind {
    /// The cluster and the ports to it.
    pub world: World,
    simulation: Option<Simulation>,
}

impl Behind {
    /// Ends the work of a command.
    pub fn close(&self) -> std::io::Result<()> {
        self.simulation.as_ref().map_or(Ok(()), Simulation::close)
    }

    /// Whether a rule was broken as seen from outside.
    pub fn check(&self) -> Result<(), CliError> {
        let broken = self.simulation.as_ref().map(Simulation::violations).unwrap_or_default();
        let Some(first) = broken.first() else { return Ok(()) };
        let message = format!("a rule was broken as seen from outside, which is a bug in nix8s: {first}");
        Err(CliError::new(Exit::Refused, message))
    }
}

/// The world behind a cluster: simulated, or real as far as that goes. Must be called inside the runtime.
pub fn behind(
    cx: &Cx<'_>,
    cluster: &Arc<Cluster>,
    state: &Arc<StateDir>,
    permit: Permit,
) -> Result<Behind, CliError> {
    if cx.global.simulate {
        let (world, simulation) = simulate(cx.global, cluster, state, permit)?;
        return Ok(Behind { world, simulation: Some(simulation) });
    }
    askpass::ask(cx.global)?;
    let left = leftover::end(&**state).map_err(|error| unreadable(state, error))?;
    if left > 0 {
        let what = names::count(left, "program");
        cx.out.say(&format!("Ended {what} that an earlier nix8s had left running."));
    }
    let store = Arc::clone(state) as Arc<dyn Store>;
    let world = real(cx, cluster, state, store, permit)?;
    Ok(Behind { world, simulation: None })
}

/// The real world, in which scripts run in the folder of the configuration.
fn real(
    cx: &Cx<'_>,
    cluster: &Arc<Cluster>,
    state: &StateDir,
    store: Arc<dyn Store>,
    permit: Permit,
) -> Result<World, CliError> {
    let unreadable = |error| unreadable(state, error);
    let folder = project::folder(cx).and_then(std::path::absolute).map_err(unreadable)?;
    let flake = systems::flake(cx, &cluster.name)?;
    let told = told(cx, state.root().parent()).map_err(unreadable)?;
    let ports = nix8s_engine::real::ports(folder, state.root().to_owned(), store, told, given(cluster));
    World::new(Arc::clone(cluster), ports, flake, permit).map_err(unreadable)
}

/// What this nix8s was told, for one that it runs.
fn told(cx: &Cx<'_>, base: Option<&Path>) -> std::io::Result<Vec<(&'static str, String)>> {
    let named = [("NIX8S_STATE_DIR", base), ("NIX8S_CONFIG", cx.global.config.as_deref())];
    let absolute = |path: &Path| Ok(std::path::absolute(path)?.display().to_string());
    named.into_iter().filter_map(|(name, path)| Some(absolute(path?).map(|path| (name, path)))).collect()
}

/// What machines of a cluster are logged in to with.
fn given(cluster: &Cluster) -> Given {
    Given { keys: Some(secrets::logins(&cluster.name)), password: askpass::answer() }
}

/// The machines of a cluster, for commands that work on them and on nothing else.
pub fn machines(cx: &Cx<'_>, cluster: &Cluster) -> Result<Machines, CliError> {
    let base = state_base(cx.global)?;
    let made = || {
        let here = Processes::in_folder(std::path::absolute(project::folder(cx)?)?);
        let machines = Machines::new(here, base.join(Kind::Real.folder(&cluster.name)));
        Ok(machines.telling(told(cx, Some(&base))?).logging_in(given(cluster)))
    };
    made().map_err(|error: std::io::Error| {
        CliError::new(Exit::Failed, "could not find the folder of the configuration").because(error)
    })
}

/// The simulated world of a cluster, kept in its state directory. Must be called inside the runtime.
fn simulate(
    global: &Global,
    cluster: &Arc<Cluster>,
    state: &Arc<StateDir>,
    permit: Permit,
) -> Result<(World, Simulation), CliError> {
    let simulation =
        nix8s_sim::open(state.root(), cluster, options(global)).map_err(|error| no_world(state, error))?;
    let store = Arc::clone(state) as Arc<dyn Store>;
    let world = through(&simulation, cluster, store, permit).map_err(|error| unreadable(state, error))?;
    Ok((world, simulation))
}

/// The same, in memory: for looking, which leaves no trace. A world that does not exist yet is looked at as it will
/// be. Must be called inside the runtime.
pub fn look_at(
    cx: &Cx<'_>,
    cluster: &Arc<Cluster>,
    state: &Arc<StateDir>,
    permit: Permit,
) -> Result<World, CliError> {
    if !cx.global.simulate {
        askpass::ask(cx.global)?;
        let store = Arc::new(Scratch(Arc::clone(state) as Arc<dyn Store>));
        return real(cx, cluster, state, store, permit);
    }
    let options = options(cx.global);
    let kept = Journal::read(state.root(), cluster).map_err(|error| no_world(state, error))?;
    let mut world = kept.unwrap_or_else(|| make::world(cluster, options.seed, nix8s_sim::BEGINNING));
    make::provide(&mut world);
    let simulation = Simulation::new(world, options);
    let store = Arc::new(Scratch(Arc::clone(state) as Arc<dyn Store>));
    through(&simulation, cluster, store, permit).map_err(|error| unreadable(state, error))
}

/// What a rehearsal starts from: a copy of the kept world and of what is remembered, or blank machines.
pub fn copied(
    global: &Global,
    cluster: &Arc<Cluster>,
    state: &StateDir,
) -> Result<(Option<nix8s_sim::world::World>, Memory), CliError> {
    if !global.simulate {
        return Ok((None, Memory::new()));
    }
    let kept = Journal::read(state.root(), cluster).map_err(|error| no_world(state, error))?;
    let remembered = copy::copy(state.root()).map_err(|error| unreadable(state, error))?;
    Ok((kept, remembered))
}

fn through(
    simulation: &Simulation,
    cluster: &Arc<Cluster>,
    store: Arc<dyn Store>,
    permit: Permit,
) -> std::io::Result<World> {
    simulation.new_run(&permit);
    World::new(Arc::clone(cluster), simulation.ports(store), ".".to_owned(), permit)
}

fn options(global: &Global) -> Options {
    let faults = level(global.faults.unwrap_or(Faults::None));
    Options { seed: global.seed.unwrap_or(SEED), faults, pace: global.pace, not_before: None }
}

/// How much goes wrong, as the world knows it.
pub fn level(faults: Faults) -> fault::Level {
    match faults {
        Faults::None => fault::Level::None,
        Faults::Some => fault::Level::Some,
        Faults::Many => fault::Level::Many,
    }
}

fn no_world(state: &StateDir, error: std::io::Error) -> CliError {
    let message = format!("could not open the simulated world in {}", state.root().display());
    CliError::new(Exit::Failed, message).because(error)
}
