//! `nix8s secrets check`.

use std::collections::BTreeSet;

use nix8s_core::observed::Secret;
use nix8s_core::secret::wanted;

use super::Of;
use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::output::Paint;
use crate::report::table;
use crate::report::table::Cell;

const EXAMPLES: &str = "\
Examples:
  nix8s secrets check                        what there is, and what is missing
  nix8s secrets check --detailed-exitcode    exit code 2 when one is missing";

/// List which secrets exist and which are missing, without showing any
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    of: Of,
    /// Exit code 2 when a secret is missing
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Lists them.
pub fn run(cx: &Cx<'_>, args: &CheckArgs) -> Result<Exit, CliError> {
    let CheckArgs { of, detailed_exitcode } = args;
    let (cluster, vault) = of.open(cx)?;
    let all = vault.read()?.all();
    vault.publics(&all)?;
    let wanted = wanted(&cluster);
    let there: BTreeSet<&Secret> = all.values.keys().collect();
    match cx.out.format {
        // What planning reads.
        Format::Json => cx.out.json_line(&there),
        Format::Text => {
            let row = |secret: &Secret| {
                let (state, paint): (_, fn(Paint, String) -> String) = match all.values.get(secret) {
                    None => ("missing", |paint, text| paint.yellow(text)),
                    Some(value) if value.before.is_some() => {
                        ("there, not on its machines yet", |_, text| text)
                    }
                    Some(_) if !wanted.contains(secret) => ("there, and not needed", |_, text| text),
                    Some(_) => ("there", |paint, text| paint.green(text)),
                };
                vec![Cell::new(secret.to_string()), Cell::painted(state, paint)]
            };
            let every: BTreeSet<&Secret> = wanted.iter().chain(all.values.keys()).collect();
            let rows: Vec<Vec<Cell>> = every.into_iter().map(row).collect();
            let lines = table::render(&["SECRET", "STATE"], &rows, "", cx.out.paint);
            cx.out.data(&format!("{}\n", lines.join("\n")));
        }
    }
    let is_missing = wanted.iter().any(|secret| !there.contains(secret));
    Ok(if *detailed_exitcode && is_missing { Exit::Changes } else { Exit::Done })
}
