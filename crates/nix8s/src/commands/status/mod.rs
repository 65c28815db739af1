//! `nix8s status`.

mod probe;

use clap_complete::engine::ArgValueCandidates;
use nix8s_engine::state::overview::Overview;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::remembered;
use crate::commands::watch;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::json as document;
use crate::report::status;

const EXAMPLES: &str = "\
Examples:
  nix8s status --simulate
  nix8s status prod --simulate -v
  nix8s status --simulate -o json
  nix8s status --simulate --watch      again with every change, until Ctrl-C
  nix8s status --simulate --probe      and whether the gates of each machine hold now

Tells what the last look of `apply` saw and what happened since; only --probe asks machines. It changes nothing, and exits with 1
when a gate does not hold or could not be asked.";

/// Show machines, where in their lives they are, what failed, and what is waited for
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Show it again with every change, until Ctrl-C; where stdout is no terminal, a line for each change
    #[arg(short, long)]
    watch: bool,
    /// Ask every machine now whether its gates hold: units, addresses, its Node, etcd
    #[arg(long, conflicts_with = "watch")]
    probe: bool,
}

/// Shows what is known.
pub fn run(cx: &Cx<'_>, args: &StatusArgs) -> Result<Exit, CliError> {
    let StatusArgs { cluster, watch, probe } = args;
    if *watch {
        return watch::run(cx, cluster.as_deref());
    }
    if *probe {
        return probe::run(cx, cluster.as_deref());
    }
    let overviews = overviews(cx, cluster.as_deref())?;
    match cx.out.format {
        Format::Json => cx.out.json(&json!({ "version": document::VERSION, "clusters": overviews })),
        Format::Text if overviews.is_empty() => remembered::nothing(cx),
        Format::Text => {
            cx.out.data(&shown(cx, &overviews));
        }
    }
    Ok(Exit::Done)
}

/// What is known of the named cluster, or of all.
pub fn overviews(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Vec<Overview>, CliError> {
    let mut overviews = Vec::new();
    for cluster in remembered::clusters(cx, cluster)? {
        overviews.extend(cluster.overview()?);
    }
    Ok(overviews)
}

/// The same as text.
pub fn shown(cx: &Cx<'_>, overviews: &[Overview]) -> String {
    let shown: Vec<String> =
        overviews.iter().map(|overview| status::render(overview, cx.out.detail, cx.out.paint)).collect();
    shown.join("\n")
}
