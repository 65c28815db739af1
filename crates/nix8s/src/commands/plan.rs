//! `nix8s plan`.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::permit::Permit;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::reconcile;
use nix8s_engine::journal::Journal;
use nix8s_engine::observe::observe;
use nix8s_engine::progress::Progress;
use nix8s_engine::state::marker;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::permit::PermitArgs;
use crate::commands::project;
use crate::commands::systems;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::output::clean;
use crate::report::json as document;
use crate::report::plan;
use crate::report::plan::View;

const EXAMPLES: &str = "\
Examples:
  nix8s plan --simulate                           every cluster
  nix8s plan prod --simulate -v                   one, with nothing folded
  nix8s plan prod --simulate --erase w3:foreign   what these flags would let happen
  nix8s plan --simulate --detailed-exitcode -q    2 when there is something to do

Looks, and changes nothing: neither machines nor what is remembered of them.";

/// Show what would be done and why
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Only this cluster; needed with --node and --erase when there are several
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Exit with 0 when there is nothing to do, with 2 when there is something
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    permit: PermitArgs,
}

/// Shows the plan.
pub fn run(cx: &Cx<'_>, args: &PlanArgs) -> Result<Exit, CliError> {
    let PlanArgs { cluster, detailed_exitcode, permit } = args;
    let fleet = project::fleet(cx)?;
    // A machine's name means something in its own cluster only.
    let clusters = if permit.names_machines() {
        vec![project::changing(&fleet, cluster.as_deref())?]
    } else {
        project::reading(&fleet, cluster.as_deref())?
    };
    let plans = clusters
        .iter()
        .map(|cluster| made(cx, cluster, permit))
        .collect::<Result<Vec<Planned>, CliError>>()?;
    let views: Vec<View<'_>> = clusters
        .iter()
        .zip(&plans)
        .map(|(cluster, planned)| View { cluster, plan: &planned.plan, forecast: &planned.forecast })
        .collect();
    match cx.out.format {
        Format::Text => cx.out.data(&plan::render(&views, cx.out.detail, cx.out.paint)),
        Format::Json => {
            let plans: Vec<_> = views.iter().map(|view| document::plan(*view)).collect();
            cx.out.json(&json!({ "version": document::VERSION, "plans": plans }));
        }
    }
    let something = plans.iter().any(|planned| !planned.plan.steps.is_empty());
    Ok(if *detailed_exitcode && something { Exit::Changes } else { Exit::Done })
}

/// A plan with what follows from it.
pub struct Planned {
    /// What can be done now.
    pub plan: Plan,
    /// What follows until convergence.
    pub forecast: Vec<Step>,
}

/// Looks at a cluster and plans, exactly as `apply` begins.
pub fn made(cx: &Cx<'_>, cluster: &Arc<Cluster>, permit: &PermitArgs) -> Result<Planned, CliError> {
    let state = world::open_to_read(cx, &cluster.name)?;
    let past = world::past(&state)?;
    systems::prepare(cx, cluster, &past)?;
    let permit: Permit = permit.permit(cluster, &past, BTreeSet::new())?;
    world::runtime(cx.global)?.block_on(async {
        let world = world::look_at(cx, cluster, &state, permit)?;
        let ports = &world.ports;
        let unreadable = |error| world::unreadable(&state, error);
        let mut journal =
            Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone()).map_err(unreadable)?;
        journal.record([What::RunStarted { command: "plan".to_owned() }]).map_err(unreadable)?;
        marker::take_in(&*ports.store, cluster, &mut journal).map_err(unreadable)?;
        let mut hear = |progress: &Progress| {
            if let Progress::Warning { text } = progress {
                cx.out.say(&format!(
                    "{} {}: {}",
                    cx.out.paint_err.yellow("warning:"),
                    cluster.name,
                    clean(text)
                ));
            }
        };
        let seen = observe(&world, &mut journal, &mut hear).await.map_err(unreadable)?;
        let plan = reconcile::plan(cluster, &seen, ports.clock.now(), &world.permit);
        let forecast = reconcile::forecast(cluster, &seen, &plan, &world.permit);
        Ok(Planned { plan, forecast })
    })
}
