//! `nix8s config`.

mod earlier;
mod export;
mod import;
mod schema;
pub mod show;

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Examples:
  nix8s config show prod
  nix8s config import --from cluster-config cluster.json > nix8s.yaml";

/// Look at the configuration as nix8s understands it, bring it in from elsewhere, take it elsewhere
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Show(show::ShowArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Schema(schema::SchemaArgs),
}

/// Runs a verb on the configuration.
pub fn run(cx: &Cx<'_>, args: &ConfigArgs) -> Result<Exit, CliError> {
    let ConfigArgs { verb } = args;
    match verb {
        Verb::Show(args) => show::run(cx, args),
        Verb::Export(args) => export::run(cx, args),
        Verb::Import(args) => import::run(cx, args),
        Verb::Schema(args) => schema::run(cx, args),
    }
}
