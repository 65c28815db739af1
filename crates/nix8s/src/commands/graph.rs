//! `nix8s graph`.

use std::path::PathBuf;

use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::permit::PermitArgs;
use crate::commands::plan;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::graph;
use crate::report::graph::Graph;
use crate::report::json as document;
use crate::report::plan::View;

const EXAMPLES: &str = "\
Examples:
  nix8s graph > fleet.svg                            clusters, machines, and how they reach the API
  nix8s graph prod --format mermaid                  for a README
  nix8s graph --of plan --simulate --out plan.svg    the steps of a plan, and their order
  nix8s graph --of reconcilers --format dot | dot -Tpng > reconcilers.png";

/// Draw the fleet, a plan, or the reconcilers
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct GraphArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// What is drawn
    #[arg(long, value_name = "WHAT", value_enum, default_value = "topology")]
    of: Subject,
    /// As what it is drawn
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "svg")]
    format: Drawing,
    /// Write it into this file instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `--of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Clusters, their machines, and how these reach the API
    Topology,
    /// What each reconciler reads, and who writes it
    Reconcilers,
    /// The steps of a plan and their order
    Plan,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// A drawing that browsers show, in light and dark
    Svg,
    /// For Graphviz
    Dot,
    /// For documents on code hosts
    Mermaid,
}

/// Draws.
pub fn run(cx: &Cx<'_>, args: &GraphArgs) -> Result<Exit, CliError> {
    let GraphArgs { cluster, of, format, out } = args;
    let graph = match of {
        Subject::Reconcilers if cluster.is_some() => {
            return Err(CliError::new(Exit::Usage, "reconcilers are the same for every cluster: name none"));
        }
        Subject::Reconcilers => graph::reconcilers::reconcilers(),
        Subject::Topology => topology(cx, cluster.as_deref())?,
        Subject::Plan => planned(cx, cluster.as_deref())?,
    };
    let text = match (cx.out.format, format) {
        (Format::Json, _) => {
            let document = json!({ "version": document::VERSION, "graph": graph });
            format!("{document:#}\n")
        }
        (Format::Text, Drawing::Svg) => graph::svg(&graph),
        (Format::Text, Drawing::Dot) => graph::dot(&graph),
        (Format::Text, Drawing::Mermaid) => graph::mermaid(&graph),
    };
    match out {
        None => cx.out.data(&text),
        Some(path) => super::write_file(path, &text)?,
    }
    Ok(Exit::Done)
}

fn topology(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Graph, CliError> {
    let fleet = project::fleet(cx)?;
    project::reading(&fleet, cluster)?;
    Ok(graph::topology::topology(&fleet, cluster))
}

fn planned(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Graph, CliError> {
    let fleet = project::fleet(cx)?;
    let cluster = project::changing(&fleet, cluster)?;
    let planned = plan::made(cx, &cluster, &PermitArgs::default())?;
    Ok(graph::plan::plan(View { cluster: &cluster, plan: &planned.plan, forecast: &planned.forecast }))
}
