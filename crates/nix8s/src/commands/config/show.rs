//! `nix8s config show`.

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::input;
use serde_json::Value;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::yaml;

const EXAMPLES: &str = "\
Examples:
  nix8s config show                  all of it, templates and defaults filled in
  nix8s config show prod -o json     one cluster, for programs";

/// Print the resolved configuration: templates and defaults filled in, secrets redacted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
}

/// Prints the resolved configuration.
pub fn run(cx: &Cx<'_>, args: &ShowArgs) -> Result<Exit, CliError> {
    let ShowArgs { cluster } = args;
    let sources = project::sources(cx)?;
    let (document, problems) = input::resolved_document(&sources);
    let mut document = project::accept(cx, document, problems, &sources)?;
    if let Some(name) = cluster {
        keep(&mut document, name)?;
    }
    match cx.out.format {
        Format::Json => cx.out.json(&json!({ "version": 1, "config": document })),
        Format::Text => cx.out.data(&yaml::render(&document)),
    }
    Ok(Exit::Done)
}

/// Leaves one cluster in the document.
pub fn keep(document: &mut Value, name: &str) -> Result<(), CliError> {
    let Some(Value::Object(clusters)) = document.get_mut("clusters") else {
        return Err(project::unknown("cluster", name, Vec::new()));
    };
    if !clusters.contains_key(name) {
        return Err(project::unknown("cluster", name, clusters.keys().cloned().collect()));
    }
    clusters.retain(|key, _| key == name);
    Ok(())
}
