//! `nix8s run`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::model::Cluster;
use nix8s_core::model::Policy;
use nix8s_engine::converge::Kept;
use nix8s_engine::converge::keep;
use nix8s_engine::port::Store as _;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::layout;
use nix8s_engine::state::marker;
use nix8s_engine::stop::Stop;
use nix8s_engine::wake::Caller;
use nix8s_engine::wake::Wake;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::permit;
use crate::commands::permit::PermitArgs;
use crate::commands::project;
use crate::commands::signal;
use crate::commands::systems;
use crate::commands::watcher;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::report::screen::Ear as ScreenEar;
use crate::report::screen::Screen;
use crate::serve::board::Board;
use crate::serve::board::Ear;
use crate::serve::board::Shared;
use crate::serve::http;
use crate::serve::systemd;
use crate::serve::systemd::Unit;

const EXAMPLES: &str = "\
Examples:
  nix8s run prod                                keep it as configured, looking every `reconciler.interval`
  nix8s run prod --listen 127.0.0.1:9108        /metrics, /healthz, /readyz, and a page about the cluster
  nix8s run prod --unit > nix8s-prod.service    a systemd unit for that
  nix8s run --simulate --pace 1 --faults some   on simulated machines

Nobody is asked: `policy` says what may happen, everything else waits for an `apply` by a person. The configuration is
taken up again when its files change; one with errors is told, and the one before is kept. Ctrl-C or SIGTERM once
finishes the steps that run.";

/// Keep a cluster as it is configured, for ever and within policy
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Answer HTTP here: ADDRESS:PORT. It tells no secrets, but anybody who reaches it may read
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Print a systemd unit that runs this command line from this folder, as this user, and end
    #[arg(long)]
    unit: bool,
}

/// How long a loop may say nothing beyond the time that its longest step may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A loop under way.
struct Keeper<'a> {
    cx: &'a Cx<'a>,
    state: &'a Arc<StateDir>,
    board: Shared,
    caller: Caller,
}

/// Keeps the cluster until it is asked to stop.
pub fn run(cx: &Cx<'_>, args: &RunArgs) -> Result<Exit, CliError> {
    let RunArgs { cluster, listen, unit } = args;
    refuse(cx)?;
    let fleet = project::fleet(cx)?;
    let wanted = project::changing(&fleet, cluster.as_deref())?;
    if *unit {
        cx.out.data(&as_unit(wanted.name.as_str())?);
        return Ok(Exit::Done);
    }
    let state = world::open_to_plan(cx, &wanted.name, "run")?;
    systems::prepare(cx, &wanted, &world::past(&state)?)?;
    let patience = wanted.reconciler.timeout + PATIENCE;
    let board = Shared::new(Board::new(wanted.name.as_str(), Timestamp::now(), patience));
    let keeper = Keeper { cx, state: &state, board, caller: Caller::new() };
    if let Some(at) = listen {
        let is_simulated = cx.global.simulate;
        let served = http::Served { board: keeper.board.clone(), state: Arc::clone(&state), is_simulated };
        let here = http::serve(*at, served)?;
        cx.out.say(&format!("Listening at http://{here}: /metrics, /healthz, /readyz."));
    }
    // Watched before it is read again: what changes in between is told and not missed.
    let files: Vec<PathBuf> = project::files(cx)?.into_iter().chain(systems::lock(cx)).collect();
    let _watcher = watcher::watch(&files, state.root(), &keeper.caller)?;
    let screen = Screen::new(cx.out, world::time(cx.global));
    let mut stop = signal::stop(screen.teller())?;
    systemd::ready(&keeper.board);
    let runtime = world::runtime(cx.global)?;
    let (mut cluster, mut policy, mut wake) = (wanted, fleet.policy, keeper.caller.listen());
    loop {
        // It listens before the configuration is read: a change in between is another reason to read it.
        let kept = runtime.block_on(keeper.keep(&cluster, policy, &wake, &screen, &mut stop))?;
        wake = keeper.caller.listen();
        match kept {
            Kept::Stopped => return Ok(Exit::Done),
            Kept::Reconfigured => match keeper.again(&cluster) {
                Ok((next, allowed)) => {
                    (cluster, policy) = (next, allowed);
                    keeper.board.change(|board| (board.reloads, board.wrong) = (board.reloads + 1, None));
                    screen.aside(|| cx.out.say("The configuration was read again, and is taken up."));
                }
                Err(error) => {
                    // Whoever reads what is said may ask at once.
                    keeper.board.change(|board| board.wrong = Some(error.to_string()));
                    screen.aside(|| {
                        super::report(cx.out, &error);
                        cx.out.say("The configuration from before is kept until this is mended.");
                    });
                }
            },
        }
    }
}

/// What a loop cannot work with.
fn refuse(cx: &Cx<'_>) -> Result<(), CliError> {
    if cx.global.simulate && cx.global.pace.is_none() {
        return Err(CliError::new(Exit::Usage, "simulated time would jump for ever")
            .hint("Let it pass: `nix8s run --simulate --pace 1`."));
    }
    if cx.global.config.as_deref() == Some(Path::new("-")) {
        return Err(CliError::new(
            Exit::Usage,
            "the configuration is read again when it changes, which standard input cannot be",
        )
        .hint("Name a file or a folder with --config."));
    }
    Ok(())
}

/// Variables that say where things are. Those that hold secrets are not for a file that everybody may read.
const VARIABLES: [&str; 7] = [
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "NIX8S_CONFIG",
    "NIX8S_STATE_DIR",
    "SOPS_AGE_KEY_FILE",
    "NO_COLOR",
];

/// This command line as a unit.
fn as_unit(cluster: &str) -> Result<String, CliError> {
    let unknown =
        |error| CliError::new(Exit::Failed, "could not tell what this command line is").because(error);
    let text = |word: std::ffi::OsString| {
        word.into_string().map_err(|word| {
            CliError::new(Exit::Usage, format!("{} is not UTF-8, which a unit must be", word.display()))
        })
    };
    let program = text(std::env::current_exe().map_err(unknown)?.into_os_string())?;
    let rest = std::env::args_os().skip(1).filter(|word| word != "--unit").map(text);
    let argv: Vec<String> = std::iter::once(Ok(program)).chain(rest).collect::<Result<_, _>>()?;
    let environment = VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let environment: Vec<(String, String)> = environment
        .map(|(name, value)| Ok((name.to_owned(), text(value)?)))
        .collect::<Result<_, CliError>>()?;
    let folder = text(std::env::current_dir().map_err(unknown)?.into_os_string())?;
    let user = rustix::process::getuid().as_raw().to_string();
    let unit = Unit { cluster, argv: &argv, user: &user, folder: &folder, environment: &environment };
    Ok(systemd::unit(&unit))
}

impl Keeper<'_> {
    async fn keep(
        &self,
        cluster: &Arc<Cluster>,
        policy: Policy,
        wake: &Wake,
        screen: &Screen<'_>,
        stop: &mut Stop,
    ) -> Result<Kept, CliError> {
        let none = PermitArgs::default();
        let mut past = world::past(self.state)?;
        // What was asked for may be a permit. The first look puts it on record.
        let pending = marker::pending(&**self.state, cluster, &past);
        for what in pending.map_err(|error| world::unreadable(self.state, error))? {
            past.apply(&Event { v: EVENT_VERSION, at: Timestamp::now(), seq: 0, run: String::new(), what });
        }
        let permit = none.permit(cluster, &past, permit::denied(policy, &none, &past))?;
        let behind = world::behind(self.cx, cluster, self.state, permit)?;
        let watched =
            project::folder(self.cx).map(|folder| watcher::watch_paths(&folder, cluster, &self.caller));
        let _watcher = watched.map_err(|error| {
            CliError::new(Exit::Failed, "could not tell the folder of the configuration").because(error)
        })??;
        let mut looked = |board: &Board| self.heartbeat(board);
        let mut shown = ScreenEar(screen);
        let mut also = systemd::Ear(&mut shown);
        let mut ear = Ear { board: &self.board, also: &mut also, looked: &mut looked };
        let kept = keep(&behind.world, wake, stop, &mut ear).await;
        behind.check()?;
        kept.map_err(|error| {
            CliError::new(
                Exit::Failed,
                format!("could not remember what was done in {}", self.state.root().display()),
            )
            .because(error)
            .hint("Nothing more was begun. Mend it and start `nix8s run` again: it resumes.")
        })
    }

    /// Leaves a sign of life with every look, for people and for monitoring that cannot ask over HTTP.
    fn heartbeat(&self, board: &Board) {
        let sign = json!({
            "schema": 1,
            "at": board.looked,
            "pid": std::process::id(),
            "began": board.began,
            "looks": board.looks,
        });
        let bytes = serde_json::to_vec_pretty(&sign).expect("a document has string keys");
        // The next look leaves another; what matters of the state directory is written elsewhere, and checked there.
        let _ = self.state.write(layout::HEARTBEAT, &bytes);
    }

    /// The configuration as it is now.
    fn again(&self, before: &Cluster) -> Result<(Arc<Cluster>, Policy), CliError> {
        let fleet = project::fleet(self.cx)?;
        let names: BTreeSet<&str> = fleet.clusters.keys().map(|name| name.as_str()).collect();
        let found = fleet.clusters.values().find(|cluster| cluster.name == before.name);
        let Some(found) = found else {
            let message = format!("{} is in the configuration no more", before.name);
            return Err(CliError::new(Exit::Configuration, message)
                .hint("Nothing is removed for that: `nix8s reset` takes a cluster down.")
                .hint(format!("There are {}.", names.into_iter().collect::<Vec<_>>().join(", "))));
        };
        systems::prepare(self.cx, found, &world::past(self.state)?)?;
        Ok((Arc::clone(found), fleet.policy))
    }
}
