//! `nix8s apply`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::model::Cluster;
use nix8s_core::model::size::parse_duration;
use nix8s_core::permit::Permit;
use nix8s_engine::converge;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Report;
use nix8s_engine::converge::Settings;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::users::State;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::consent;
use crate::commands::consent::Asked;
use crate::commands::consent::Asker;
use crate::commands::host_key;
use crate::commands::host_key::Accepted;
use crate::commands::permit;
use crate::commands::permit::PermitArgs;
use crate::commands::project;
use crate::commands::signal;
use crate::commands::systems;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::report::screen::Ear;
use crate::report::screen::Screen;
use crate::report::summary;
use crate::report::summary::Run;

const EXAMPLES: &str = "\
Examples:
  nix8s apply --simulate                           show the plan, ask, do it
  nix8s apply prod --simulate --yes --faults many  nobody is asked: policy decides
  nix8s apply --simulate --pace 1                  at a speed to watch; Ctrl-C stops, the next apply resumes
  nix8s apply --simulate --erase w3:foreign        w3 may be erased though something else is on it
  nix8s apply --simulate --phase provisioning      install machines, and go no further

Ctrl-C once finishes the steps that run and stops; twice stops at once. Both leave a state that `apply` resumes.";

/// Show the plan, ask, and carry it out until everything is as configured
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Ask nobody: `policy` in the configuration and the flags below decide
    #[arg(short, long)]
    yes: bool,
    /// Give up after this time, for example 30m [default: reconciler.timeout]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Begin only what belongs to this phase: pre, discovery, provisioning, kubernetes, cozystack, post, or one of
    /// `bootstrap.phases`
    #[arg(long, value_name = "PHASE", add = ArgValueCandidates::new(complete::phases))]
    phase: Option<String>,
    /// The SSH host key of a machine, as NODE=SHA256:...: it counts from now on, if it is what the machine shows; may be
    /// repeated
    #[arg(long, value_name = "NODE=FINGERPRINT", value_parser = host_key::accepted)]
    accept_host_key: Vec<Accepted>,
    #[command(flatten)]
    permit: PermitArgs,
}

/// Does what the plan says.
pub fn run(cx: &Cx<'_>, args: &ApplyArgs) -> Result<Exit, CliError> {
    let ApplyArgs { cluster, yes, timeout, phase, accept_host_key, permit } = args;
    let fleet = project::fleet(cx)?;
    let mut cluster = project::changing(&fleet, cluster.as_deref())?;
    host_key::accept(cx, &fleet, &cluster, accept_host_key)?;
    if let Some(timeout) = timeout {
        Arc::make_mut(&mut cluster).reconciler.timeout = *timeout;
    }
    let state = world::open_to_plan(cx, &cluster.name, "apply")?;
    let past = world::past(&state)?;
    systems::prepare(cx, &cluster, &past)?;
    let asked = consent::who(*yes);
    let denied = match asked {
        Asked::Policy => permit::denied(fleet.policy, permit, &past),
        Asked::Person | Asked::Nobody => BTreeSet::new(),
    };
    let mut permit = permit.permit(&cluster, &past, denied)?;
    permit.phase = phase.as_deref().map(|name| phase_of(&cluster, name)).transpose()?;
    carry_out(cx, &cluster, &state, permit, asked)
}

/// The phase that a user names.
fn phase_of(cluster: &Cluster, name: &str) -> Result<String, CliError> {
    let known: Vec<String> = cluster.bootstrap.phases.iter().map(|phase| phase.name.clone()).collect();
    match known.iter().any(|phase| phase == name) {
        true => Ok(name.to_owned()),
        false => Err(project::unknown("phase", name, known)),
    }
}

fn carry_out(
    cx: &Cx<'_>,
    cluster: &Arc<Cluster>,
    state: &Arc<StateDir>,
    permit: Permit,
    asked: Asked,
) -> Result<Exit, CliError> {
    let began = Instant::now();
    let screen = Screen::new(cx.out, world::time(cx.global));
    let mut stop = signal::stop(screen.teller())?;
    let report = world::runtime(cx.global)?.block_on(async {
        let behind = world::behind(cx, cluster, state, permit)?;
        let world = &behind.world;
        let settings = Settings { command: "apply".to_owned(), covered: None, patience: PATIENCE };
        let mut asker = Asker { screen: &screen, out: cx.out, cluster, asked };
        let report = converge::converge(world, &settings, &mut asker, &mut stop, &mut Ear(&screen)).await;
        if let Err(error) = behind.close() {
            cx.out.say(&format!(
                "{} closing the simulated world: {error}",
                cx.out.paint_err.yellow("warning:")
            ));
        }
        behind.check()?;
        report.map_err(|error| {
            CliError::new(
                Exit::Failed,
                format!("could not remember what was done in {}", state.root().display()),
            )
            .because(error)
            .hint("Nothing more was begun. Mend it and run `nix8s apply` again: it resumes.")
        })
    })?;
    let run = Run { cluster, report: &report, took_ms: screen.took_ms(), real: began.elapsed(), state };
    summary::show(cx, &run);
    ended(&report, asked, cluster)
}

/// The exit code for how it ended. A rolled back machine is told by its own code, whatever else happened to the rest.
fn ended(report: &Report, asked: Asked, cluster: &Cluster) -> Result<Exit, CliError> {
    let name = &cluster.name;
    match &report.ending {
        Ending::Interrupted => Ok(Exit::Interrupted),
        Ending::Refused { .. } => Err(consent::refusal(asked)),
        Ending::Bug { violations } => {
            let broken: Vec<String> = violations
                .iter()
                .map(|v| {
                    format!("rule {} ({}), {}: {}", v.rule.row().number, v.rule.row().name, v.step, v.text)
                })
                .collect();
            let message = format!(
                "the plan would break a rule, so nothing of it was carried out: {}",
                broken.join("; ")
            );
            Err(CliError::new(Exit::Refused, message)
                .hint("This is a bug in nix8s: please report it with the configuration."))
        }
        _ if !report.rolled_back.is_empty() => Ok(Exit::RolledBack),
        Ending::Converged => {
            let failed = report.reconcilers.iter().filter(|came| came.state == State::Failed);
            let names: Vec<String> = failed.map(|came| came.name.clone()).collect();
            if names.is_empty() {
                return Ok(Exit::Done);
            }
            let names = crate::report::words::sentence_list(&names);
            Err(CliError::new(Exit::Failed, format!("everything is as configured, and {names} failed"))
                .hint("`nix8s status` shows what users' reconcilers complained about."))
        }
        Ending::NeedsPermit { .. } => Err(CliError::new(
            Exit::Refused,
            format!("what is left to do on {name} needs your leave, as listed above"),
        )),
        Ending::WaitsOutside { .. } => Err(CliError::new(
            Exit::Failed,
            format!("{name} did not converge: it waits for what is listed above"),
        )),
        Ending::TimedOut { .. } => {
            Err(CliError::new(Exit::Failed, format!("{name} did not converge in time"))
                .hint("`nix8s apply` resumes; --timeout gives it longer."))
        }
    }
}
