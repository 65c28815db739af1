//! `nix8s report`.

use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::input;
use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterName;
use nix8s_engine::port::Store;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::permit::PermitArgs;
use crate::commands::plan;
use crate::commands::plan::Planned;
use crate::commands::project;
use crate::commands::remembered;
use crate::commands::remembered::Remembered;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::report::history;
use crate::report::history::Run;
use crate::report::html;
use crate::report::html::Page;
use crate::report::json as document;
use crate::report::plan::View;
use crate::report::words;

const EXAMPLES: &str = "\
Examples:
  nix8s report --simulate > prod.html              how it stands, and every run as a timeline
  nix8s report prod --simulate --out prod.html
  nix8s report --simulate --run last > last.html   the last run only

The page needs nothing else: it can be sent, printed and read on a phone, and runs no script.";

/// Write a page about a cluster: how it stands, what it waits for, and what happened in its runs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Only this run: its id as in `events -o json`, or `last`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Write it into this file instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the page.
pub fn run(cx: &Cx<'_>, args: &ReportArgs) -> Result<Exit, CliError> {
    let ReportArgs { cluster, run, out } = args;
    let Some(remembered) = only(cx, cluster.as_deref())? else {
        remembered::nothing(cx);
        return Err(CliError::new(Exit::Failed, "there is nothing to report yet"));
    };
    let Some(overview) = remembered.overview()? else {
        let message = format!("nobody has looked at {} yet", remembered.name);
        return Err(CliError::new(Exit::Failed, message));
    };
    let events = remembered.state.events().map_err(|error| world::unreadable(&remembered.state, error))?;
    let runs = chosen(history::runs(&events), run.as_deref())?;
    let configured = configured(cx, &remembered.name);
    let planned: Option<(Arc<Cluster>, Planned)> = match configured {
        Some(cluster) if cx.global.simulate => {
            let planned = plan::made(cx, &cluster, &PermitArgs::default())?;
            Some((cluster, planned))
        }
        Some(_) | None => None,
    };
    let view = planned.as_ref().map(|(cluster, planned)| View {
        cluster,
        plan: &planned.plan,
        forecast: &planned.forecast,
    });
    let text = match cx.out.format {
        Format::Text => html::page(&Page {
            overview: &overview,
            runs: &runs,
            plan: view,
            is_simulated: cx.global.simulate,
        }),
        Format::Json => {
            let document = json!({
                "version": document::VERSION,
                "cluster": overview,
                "plan": view.map(document::plan),
                "runs": runs,
            });
            format!("{document:#}\n")
        }
    };
    match out {
        None => cx.out.data(&text),
        Some(path) => {
            super::write_file(path, &text)?;
            if cx.out.format == Format::Text && cx.out.detail != Detail::Quiet {
                cx.out.say(&format!("Wrote {}: open it in a browser.", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

/// The named cluster, or the only one that is remembered.
fn only(cx: &Cx<'_>, name: Option<&str>) -> Result<Option<Remembered>, CliError> {
    let mut clusters = remembered::clusters(cx, name)?;
    if clusters.len() > 1 {
        let names: Vec<String> = clusters.iter().map(|cluster| cluster.name.to_string()).collect();
        return Err(CliError::new(Exit::Usage, "a report is about one cluster, and several are remembered")
            .hint(format!("Say which: {}.", words::sentence_list(&names))));
    }
    Ok(clusters.pop())
}

fn chosen(runs: Vec<Run>, which: Option<&str>) -> Result<Vec<Run>, CliError> {
    match which {
        None => Ok(runs),
        // What a person recorded in between is no run that anybody asks for by this word.
        Some("last") => {
            let last = runs.iter().rposition(|run| run.spans().next().is_some());
            Ok(last.or(runs.len().checked_sub(1)).map(|at| vec![runs[at].clone()]).unwrap_or_default())
        }
        Some(id) => match runs.iter().find(|run| run.id == id) {
            Some(run) => Ok(vec![run.clone()]),
            None => Err(project::unknown("run", id, runs.into_iter().map(|run| run.id).collect())),
        },
    }
}

/// The cluster as it is configured, if the configuration can be read: a report is also made where it is not.
fn configured(cx: &Cx<'_>, name: &ClusterName) -> Option<Arc<Cluster>> {
    let sources = project::sources(cx).ok()?;
    let fleet = input::load(&sources).fleet?;
    fleet.clusters.values().find(|cluster| cluster.name == *name).cloned()
}
