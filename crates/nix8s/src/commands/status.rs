//! `nix8s status`.

use nix8s_engine::state::overview::Overview;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::remembered;
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

Tells what the last look of `apply` saw and what happened since; asks no machine.";

/// Show machines, where in their lives they are, what failed, and what is waited for
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Only this cluster
    cluster: Option<String>,
}

/// Shows what is known.
pub fn run(cx: &Cx<'_>, args: &StatusArgs) -> Result<Exit, CliError> {
    let StatusArgs { cluster } = args;
    let mut overviews: Vec<Overview> = Vec::new();
    for cluster in remembered::clusters(cx, cluster.as_deref())? {
        overviews.extend(cluster.overview()?);
    }
    match cx.out.format {
        Format::Json => cx.out.json(&json!({ "version": document::VERSION, "clusters": overviews })),
        Format::Text if overviews.is_empty() => remembered::nothing(cx),
        Format::Text => {
            let shown: Vec<String> = overviews
                .iter()
                .map(|overview| status::render(overview, cx.out.detail, cx.out.paint))
                .collect();
            cx.out.data(&shown.join("\n"));
        }
    }
    Ok(Exit::Done)
}
