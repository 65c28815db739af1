//! `nix8s config schema`.

use nix8s_core::input::schema::json_schema::json_schema;

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

const EXAMPLES: &str = "\
Example:
  nix8s config schema > nix8s.schema.json

Editors that know JSON Schema complete keys and mark mistakes with it; the first line of a configuration names it:
  # yaml-language-server: $schema=./nix8s.schema.json";

/// Print the JSON Schema of the configuration, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {}

/// Prints the schema: a document of its own, in both formats.
pub fn run(cx: &Cx<'_>, args: &SchemaArgs) -> Result<Exit, CliError> {
    let SchemaArgs {} = args;
    cx.out.json(&json_schema());
    Ok(Exit::Done)
}
