//! `nix8s validate`.

use nix8s_core::input::Diagnostic;
use nix8s_core::input::Severity;
use nix8s_core::model::Fleet;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::report::diagnostic;
use crate::report::names::count;

const EXAMPLES: &str = "\
Examples:
  nix8s validate
  nix8s validate --config clusters/ -o json
  sed s/1.33/1.34/ nix8s.yaml | nix8s validate --config -

Exits with 3 when there is an error; warnings alone exit with 0.";

/// Show every problem in the configuration
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ValidateArgs {}

/// Shows every problem.
pub fn run(cx: &Cx<'_>, args: &ValidateArgs) -> Result<Exit, CliError> {
    let ValidateArgs {} = args;
    let sources = project::sources(cx)?;
    let loaded = nix8s_core::input::load(&sources);
    let problems = &loaded.diagnostics;
    match cx.out.format {
        Format::Json => cx.out.json(&document(loaded.fleet.as_ref(), problems)),
        Format::Text => {
            let mut text = diagnostic::render(problems, &sources, cx.out.detail, cx.out.paint);
            if cx.out.detail != Detail::Quiet {
                text.push_str(&summary(loaded.fleet.as_ref(), problems));
                text.push('\n');
                if let Some(problem) = problems.first() {
                    let hint = format!("`nix8s explain {}` says more, as for every code.", problem.code);
                    text.push_str(&format!("{}\n", cx.out.paint.dim(hint)));
                }
            }
            cx.out.data(&text);
        }
    }
    Ok(if loaded.fleet.is_some() { Exit::Done } else { Exit::Configuration })
}

fn document(fleet: Option<&Fleet>, problems: &[Diagnostic]) -> serde_json::Value {
    let of = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    json!({
        "version": 1,
        "valid": fleet.is_some(),
        "errors": of(Severity::Error),
        "warnings": of(Severity::Warning),
        "clusters": fleet.map(|fleet| fleet.clusters.len()),
        "machines": fleet.map(machines),
        "problems": problems,
    })
}

fn summary(fleet: Option<&Fleet>, problems: &[Diagnostic]) -> String {
    let counts = diagnostic::counts(problems);
    match fleet {
        None => format!("The configuration has {}.", counts.unwrap_or_else(|| "errors".to_owned())),
        Some(fleet) => {
            let with = counts.map(|counts| format!(", with {counts}")).unwrap_or_default();
            let clusters = count(fleet.clusters.len(), "cluster");
            format!("The configuration is valid: {clusters}, {}{with}.", count(machines(fleet), "machine"))
        }
    }
}

fn machines(fleet: &Fleet) -> usize {
    fleet.clusters.values().map(|cluster| cluster.machines.len()).sum()
}
