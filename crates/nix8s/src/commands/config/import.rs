//! `nix8s config import`.

use std::path::PathBuf;

use clap::ValueEnum;
use nix8s_core::import;
use nix8s_core::import::Design;
use nix8s_core::import::Imported;
use serde_json::json;

use super::earlier;
use crate::commands::Cx;
use crate::commands::new_file;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::output::clean;
use crate::report::diagnostic;
use crate::report::names::count;
use crate::report::note;
use crate::report::yaml;

const EXAMPLES: &str = "\
Examples:
  nix8s config import --from cluster-config cluster.json > nix8s.yaml
  nix8s config import --from cluster-config .             the clusterConfig of the flake here, through nix
  nix8s config import --from cluster-nix nix/cluster.nix --write nix8s.yaml
  nix8s config import --from hive nixConfigs/

The configuration goes to stdout; what could not be carried over is listed on stderr, with what to do about it.
Exits with 3 when the result has errors that are to be mended first.";

/// Turn a configuration of an earlier design into one of nix8s, and list what could not be carried over
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// What the configuration was written for
    #[arg(long, value_name = "DESIGN", value_enum)]
    from: From,
    /// A JSON file, or `-` for stdin; a Nix file or a folder, which need nix
    path: PathBuf,
    /// Write the configuration to this file, which must not exist yet, instead of stdout
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// `--from`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    /// The kubeadm design's clusterConfig.
    ClusterConfig,
    /// The cluster.nix of k3s with keepalived.
    ClusterNix,
    /// A hive of NixOS machines: colmena's, or a folder with one file for each machine.
    Hive,
}

impl From {
    fn design(self) -> Design {
        match self {
            Self::ClusterConfig => Design::ClusterConfig,
            Self::ClusterNix => Design::ClusterNix,
            Self::Hive => Design::Hive,
        }
    }
}

/// Imports, writes the result, lists what was not carried over.
pub fn run(cx: &Cx<'_>, args: &ImportArgs) -> Result<Exit, CliError> {
    let ImportArgs { from, path, write } = args;
    let source = earlier::read(from.design(), path)?;
    let imported = match import::import(from.design(), &source.name, &source.bytes) {
        Ok(imported) => imported,
        Err(problems) => {
            let text =
                diagnostic::render(&problems, std::slice::from_ref(&source), cx.out.detail, cx.out.paint_err);
            cx.out.say(text.trim_end());
            let wrong = CliError::new(Exit::Configuration, format!("could not read {} as JSON", source.name));
            return Err(CliError { problems, ..wrong });
        }
    };
    let text = format!(
        "# Imported from {} ({}). `nix8s validate` shows what may be worth a second look.\n{}",
        clean(&source.name),
        from.design().as_str(),
        yaml::render_document(&imported.document)
    );
    if let Some(file) = write {
        new_file::write(file, text.as_bytes())?;
    }
    match (cx.out.format, write) {
        (Format::Json, _) => cx.out.json(&json!({
            "version": 1,
            "from": from.design().as_str(),
            "config": imported.document,
            "notes": imported.notes,
            "problems": imported.problems,
        })),
        (Format::Text, None) => cx.out.data(&text),
        (Format::Text, Some(_)) => {}
    }
    if cx.out.format == Format::Text {
        say(cx, &imported);
    }
    Ok(if imported.problems.is_empty() { Exit::Done } else { Exit::Configuration })
}

/// Lists what was not carried over.
fn say(cx: &Cx<'_>, imported: &Imported) {
    let paint = cx.out.paint_err;
    let mut out = note::render(&imported.notes, paint);
    out.push_str(&diagnostic::render(&imported.problems, &[], cx.out.detail, paint));
    if cx.out.detail != Detail::Quiet {
        out.push_str(&summary(imported));
    }
    if !out.is_empty() {
        cx.out.say(out.trim_end());
    }
}

fn summary(imported: &Imported) -> String {
    let of = |cluster: &serde_json::Value| cluster["members"].as_object().map_or(0, serde_json::Map::len);
    let clusters = imported.document["clusters"].as_object();
    let machines = clusters.map_or(0, |clusters| clusters.values().map(of).sum());
    let what = format!(
        "Imported {} with {}",
        count(clusters.map_or(0, serde_json::Map::len), "cluster"),
        count(machines, "machine")
    );
    let noted = match imported.notes.len() {
        0 => "everything was carried over".to_owned(),
        1 => "1 thing above is worth a look".to_owned(),
        more => format!("{more} things above are worth a look"),
    };
    let wrong = match diagnostic::counts(&imported.problems) {
        None => String::new(),
        Some(counts) => format!("; the result has {counts}, to be mended first"),
    };
    format!("{what}; {noted}{wrong}.")
}
