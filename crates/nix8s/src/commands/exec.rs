//! `nix8s exec`.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::ssh;
use nix8s_core::tool::ssh::Asks;
use nix8s_engine::port::Exec;
use nix8s_engine::port::ExecError;
use nix8s_engine::stop::Level;
use nix8s_engine::stop::Stop;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::here;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::reach::Found;
use crate::commands::signal;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::output::clean;
use crate::report::json as document;
use crate::report::names::natural;

const EXAMPLES: &str = "\
Examples:
  nix8s exec prod -- uptime
  nix8s exec prod --role worker -- systemctl is-active k3s
  nix8s exec prod -o json -- uname -r

It exits with 0 if the command did everywhere, and with 1 otherwise.";

/// Run a command on every machine of a cluster, many at once
///
/// As the SSH user of each. Nothing is asked: a machine whose host key nobody knows is not logged in to.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ExecArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Only machines that do this
    #[arg(long, value_name = "ROLE", value_enum)]
    role: Option<Which>,
    /// When a machine is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// A program and its arguments, which arrive as they are
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// `--role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// API server and etcd
    ControlPlane,
    /// Pods
    Worker,
    /// Outside Kubernetes
    None,
}

impl Which {
    fn role(self) -> Role {
        match self {
            Self::ControlPlane => Role::ControlPlane,
            Self::Worker => Role::Worker,
            Self::None => Role::None,
        }
    }
}

/// What came of it on one machine.
enum Came {
    /// It ran.
    Ran(Output),
    /// It did not, or nobody knows how far.
    Not(String),
    /// Ctrl-C.
    Stopped,
}

/// Runs the command everywhere.
pub fn run(cx: &Cx<'_>, args: &ExecArgs) -> Result<Exit, CliError> {
    let ExecArgs { cluster, role, timeout, command } = args;
    reach::refuse_simulated(cx, "exec")?;
    let cluster = project::changing(&project::fleet(cx)?, cluster.as_deref())?;
    let is_meant = |is: Role| role.is_none_or(|role| role.role() == is);
    let mut lines = Vec::new();
    for machine in cluster.machines.values().filter(|machine| is_meant(machine.role)) {
        let found = Found { cluster: Arc::clone(&cluster), machine: Arc::clone(machine) };
        lines.push((machine.name.clone(), reach::line(cx, &found, Asks::Nobody)));
    }
    lines.sort_by(|(a, _), (b, _)| natural(a.as_str(), b.as_str()));
    if lines.is_empty() {
        return Err(CliError::new(Exit::Usage, format!("{} has no such machines", cluster.name)));
    }
    let stop = signal::stop(|_| {})?;
    let (line, timeout) = (ssh::shell(command), Duration::from_secs(*timeout));
    let at_once = cluster.reconciler.concurrency.observe;
    let came = here::wait(everywhere(lines, line, timeout, at_once, stop, |name, came| {
        if cx.out.format == Format::Text {
            show(cx, name, came);
        }
    }))?;
    if cx.out.format == Format::Json {
        let machines: Vec<Value> = came.iter().map(|(name, came)| told(name, came)).collect();
        cx.out.json(&json!({ "version": document::VERSION, "cluster": cluster.name, "machines": machines }));
    }
    if came.iter().any(|(_, came)| matches!(came, Came::Stopped)) {
        return Ok(Exit::Interrupted);
    }
    let failed = came.iter().filter(|(_, came)| !matches!(came, Came::Ran(output) if output.status == 0));
    match failed.count() {
        0 => Ok(Exit::Done),
        // The document says it.
        _ if cx.out.format == Format::Json => Ok(Exit::Failed),
        failed => {
            let message = format!("it did not succeed on {failed} of {} machines", came.len());
            Err(CliError::new(Exit::Failed, message))
        }
    }
}

/// Shows each answer when it comes, and gives all of them in the machines' order.
async fn everywhere(
    lines: Vec<(MachineName, Result<Vec<String>, CliError>)>,
    line: String,
    timeout: Duration,
    at_once: usize,
    stop: Stop,
    mut show: impl FnMut(&MachineName, &Came),
) -> Vec<(MachineName, Came)> {
    let (programs, turns) = (Arc::new(here::programs()), Arc::new(Semaphore::new(at_once.max(1))));
    let mut running = JoinSet::new();
    for (at, (name, argv)) in lines.into_iter().enumerate() {
        let (programs, turns, line, mut stop) =
            (Arc::clone(&programs), Arc::clone(&turns), line.clone(), stop.clone());
        running.spawn(async move {
            let argv = match argv {
                Ok(argv) => argv.into_iter().chain([line]),
                Err(error) => return (at, name, Came::Not(error.to_string())),
            };
            let _turn = turns.acquire().await;
            let command = Command::here(argv, timeout);
            let stopped = Box::pin(async move { stop.reaches(Level::AfterRunning).await });
            let came = match tokio::time::timeout(timeout, programs.run_until(&command, stopped)).await {
                Ok(None) => Came::Stopped,
                Ok(Some(Ok(output))) => ran(output),
                Ok(Some(Err(error))) => Came::Not(error.to_string()),
                Err(_) => Came::Not(format!("{} after {} s", ExecError::TimedOut, timeout.as_secs())),
            };
            (at, name, came)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (at, name, came) = ended.expect("it neither panics nor is cancelled");
        show(&name, &came);
        all.push((at, name, came));
    }
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter().map(|(_, name, came)| (name, came)).collect()
}

fn ran(output: Output) -> Came {
    match ssh::unreached(&output) {
        Some(unreached) => Came::Not(format!("{}: {}", unreached.said, unreached.why.advice())),
        None => Came::Ran(output),
    }
}

fn show(cx: &Cx<'_>, name: &MachineName, came: &Came) {
    let paint = cx.out.paint;
    let head = match came {
        Came::Ran(output) if output.status == 0 => String::new(),
        Came::Ran(output) => paint.red(format!(" exit code {}", output.status)),
        Came::Not(why) => format!(" {} {}", paint.red("not reached:"), clean(why)),
        Came::Stopped => paint.red(" stopped"),
    };
    let mut text = format!("{}{head}\n", paint.bold(name));
    if let Came::Ran(Output { stdout, stderr, .. }) = came {
        for line in stdout.lines().chain(stderr.lines()) {
            text.push_str(&format!("  {}\n", clean(line)));
        }
    }
    cx.out.data(&text);
}

fn told(name: &MachineName, came: &Came) -> Value {
    match came {
        Came::Ran(Output { status, stdout, stderr }) => {
            json!({ "machine": name, "status": status, "stdout": stdout, "stderr": stderr })
        }
        Came::Not(why) => json!({ "machine": name, "status": null, "error": why }),
        Came::Stopped => json!({ "machine": name, "status": null, "error": "stopped" }),
    }
}
