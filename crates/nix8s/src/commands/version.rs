//! `nix8s version`.

use serde_json::json;

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;

/// Print the version of nix8s
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nix8s version -o json")]
pub struct VersionArgs {}

/// Prints the version.
pub fn run(cx: &Cx<'_>, args: &VersionArgs) -> Result<Exit, CliError> {
    let VersionArgs {} = args;
    let version = env!("CARGO_PKG_VERSION");
    match cx.out.format {
        Format::Text => cx.out.data(&format!("nix8s {version}\n")),
        Format::Json => cx.out.json(&json!({ "version": 1, "nix8s": version })),
    }
    Ok(Exit::Done)
}
