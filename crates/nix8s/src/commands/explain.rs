//! `nix8s explain`.

use clap_complete::engine::ArgValueCandidates;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;
use crate::explain;
use crate::explain::Page;
use crate::output::Format;
use crate::report::json as document;
use crate::report::page;

const EXAMPLES: &str = "\
Examples:
  nix8s explain                    everything that has a page
  nix8s explain N8S-0030           a code, as `validate` prints it
  nix8s explain rule 4             a rule that no plan may break
  nix8s explain not-ready          why something waits
  nix8s explain ha.vip             a key of the configuration
  nix8s explain exit 4             an exit code";

/// Explain a code, a rule, a wait, an exit code or a key of the configuration; needs neither network nor configuration
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// What to explain; without it, everything that can be explained is listed
    #[arg(value_name = "CODE|RULE|WAIT|EXIT|KEY", num_args = 0.., add = ArgValueCandidates::new(complete::pages))]
    what: Vec<String>,
}

/// Prints pages, or the list of all.
pub fn run(cx: &Cx<'_>, args: &ExplainArgs) -> Result<Exit, CliError> {
    let ExplainArgs { what } = args;
    let word = what.join(" ");
    if word.trim().is_empty() {
        let pages = explain::all();
        match cx.out.format {
            Format::Text => cx.out.data(&page::list(&pages, cx.out.paint)),
            Format::Json => {
                let listed: Vec<_> = pages
                    .iter()
                    .map(|page| json!({ "kind": page.kind, "id": page.id, "title": page.title }))
                    .collect();
                cx.out.json(&json!({ "version": document::VERSION, "pages": listed }));
            }
        }
        return Ok(Exit::Done);
    }
    let pages = found(&word)?;
    match cx.out.format {
        Format::Text => {
            let shown: Vec<String> = pages.iter().map(|page| page::render(page, cx.out.paint)).collect();
            cx.out.data(&shown.join("\n"));
        }
        Format::Json => {
            let shown: Vec<_> = pages.iter().map(page::json).collect();
            cx.out.json(&json!({ "version": document::VERSION, "pages": shown }));
        }
    }
    Ok(Exit::Done)
}

fn found(word: &str) -> Result<Vec<Page>, CliError> {
    let pages = explain::find(word);
    if !pages.is_empty() {
        return Ok(pages);
    }
    let error = CliError::new(Exit::Usage, format!("there is no page about {word:?}"));
    let hint = match project::nearest(&word.to_lowercase(), &explain::names(word)) {
        Some(near) => format!("Did you mean {near}?"),
        None => "`nix8s explain` lists everything that has one.".to_owned(),
    };
    Err(error.hint(hint))
}
