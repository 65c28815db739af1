//! `nix8s doctor`.

mod here;
mod knock;

use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::doctor;
use nix8s_core::doctor::Facts;
use nix8s_core::doctor::Finding;
use nix8s_core::doctor::Verdict;
use nix8s_core::model::Cluster;
use nix8s_core::past::Past;
use nix8s_core::permit::Permit;
use nix8s_engine::doctor::ask;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::findings;

const EXAMPLES: &str = "\
Examples:
  nix8s doctor               every cluster
  nix8s doctor prod -q       warnings and problems only
  nix8s doctor prod -o json

Changes nothing. Exits with 0 when there is no problem (warnings alone are none), with 5 when a program is missing or too old,
and with 1 when there is another problem.";

/// Find out what is in the way of working on machines, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Try the names and ports on stdin, for nix8s itself
    #[arg(long, hide = true)]
    knock: bool,
}

/// What was found out about a cluster.
pub struct Examined {
    /// Which.
    pub cluster: Arc<Cluster>,
    /// What was asked.
    pub facts: Facts,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Examines.
pub fn run(cx: &Cx<'_>, args: &DoctorArgs) -> Result<Exit, CliError> {
    let DoctorArgs { cluster, knock } = args;
    if *knock {
        return knock::run(cx);
    }
    let fleet = project::fleet(cx)?;
    let clusters = project::reading(&fleet, cluster.as_deref())?;
    let all = clusters.iter().map(|cluster| examined(cx, cluster)).collect::<Result<Vec<_>, _>>()?;
    match cx.out.format {
        Format::Text => cx.out.data(&findings::render(&all, cx.out.detail, cx.out.paint)),
        Format::Json => {
            let clusters: Vec<_> = all.iter().map(document).collect();
            cx.out.json(&json!({ "version": 1, "clusters": clusters }));
        }
    }
    let every = || all.iter().flat_map(|one| &one.findings);
    Ok(if every().any(Finding::lacks_program) {
        Exit::Program
    } else if every().any(|finding| finding.verdict == Verdict::Problem) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// Examines a cluster.
pub fn examined(cx: &Cx<'_>, cluster: &Arc<Cluster>) -> Result<Examined, CliError> {
    let state = world::open_to_read(cx, &cluster.name)?;
    let (past, unreadable) = match world::past(&state) {
        Ok(past) => (past, None),
        Err(error) => (Past::default(), Some(error.to_string())),
    };
    let here = here::seen(cx, cluster, &state, unreadable)?;
    let facts = world::runtime(cx.global)?.block_on(async {
        let world = world::look_at(cx, cluster, &state, Permit::default())?;
        Ok(ask(&world, past, here).await)
    })?;
    Ok(Examined { cluster: Arc::clone(cluster), findings: doctor::examine(cluster, &facts), facts })
}

/// The same as a document.
pub fn document(examined: &Examined) -> serde_json::Value {
    let of = |verdict| examined.findings.iter().filter(|finding| finding.verdict == verdict).count();
    json!({
        "cluster": examined.cluster.name,
        "problems": of(Verdict::Problem),
        "warnings": of(Verdict::Warning),
        "findings": examined.findings,
    })
}
