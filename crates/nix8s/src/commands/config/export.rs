//! `nix8s config export`.

use std::path::PathBuf;

use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use nix8s_core::export;
use nix8s_core::export::Exported;
use nix8s_core::import::Note;
use nix8s_core::import::Why;
use nix8s_core::input;
use nix8s_core::input::Source;
use serde_json::Value;
use serde_json::json;

use super::show::keep;
use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::new_file;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::report::note;
use crate::report::yaml;

const EXAMPLES: &str = "\
Examples:
  nix8s config export --to yaml                     all files as one, in today's spellings
  nix8s config export --to json --write nix8s.json
  nix8s config export prod --to cluster-nix
  nix8s config export prod --to colmena > hive.nix";

/// Write the configuration in another form, and list what that form cannot say
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// Only this cluster; cluster-nix and colmena hold one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// The form
    #[arg(long, value_name = "FORM", value_enum)]
    to: To,
    /// Write to this file, which must not exist yet, instead of stdout
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// `--to`.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum To {
    /// One YAML file.
    Yaml,
    /// One JSON file.
    Json,
    /// The cluster.nix of k3s with keepalived.
    ClusterNix,
    /// A hive.nix for colmena.
    Colmena,
}

impl To {
    fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::ClusterNix => "cluster-nix",
            Self::Colmena => "colmena",
        }
    }
}

/// Exports, and lists what was left out.
pub fn run(cx: &Cx<'_>, args: &ExportArgs) -> Result<Exit, CliError> {
    let ExportArgs { cluster, to, write } = args;
    let sources = project::sources(cx)?;
    let (exported, document) = match to {
        To::Yaml | To::Json => document(cx, &sources, cluster.as_deref(), *to)?,
        To::ClusterNix | To::Colmena => (one_cluster(cx, &sources, cluster.as_deref(), *to)?, None),
    };
    if let Some(file) = write {
        new_file::write(file, exported.text.as_bytes())?;
    }
    match (cx.out.format, write) {
        (Format::Json, _) => cx.out.json(&json!({
            "version": 1,
            "to": to.as_str(),
            "config": document,
            "text": exported.text,
            "notes": exported.notes,
        })),
        (Format::Text, None) => cx.out.data(&exported.text),
        (Format::Text, Some(_)) => {}
    }
    if cx.out.format == Format::Text && cx.out.detail != Detail::Quiet && !exported.notes.is_empty() {
        cx.out.say(note::render(&exported.notes, cx.out.paint_err).trim_end());
    }
    Ok(Exit::Done)
}

/// The document as it was written.
fn document(
    cx: &Cx<'_>,
    sources: &[Source],
    cluster: Option<&str>,
    to: To,
) -> Result<(Exported, Option<Value>), CliError> {
    let (written, problems) = input::written_document(sources);
    let written = project::accept(cx, written, problems, sources)?;
    let mut document = written.document;
    if let Some(name) = cluster {
        keep(&mut document, name)?;
    }
    let text = match to {
        To::Json => {
            let text = serde_json::to_string_pretty(&document).expect("documents have text keys");
            format!("{text}\n")
        }
        To::Yaml | To::ClusterNix | To::Colmena => yaml::render_document(&document),
    };
    let note = |path| Note {
        path,
        why: Why::Secret,
        message: "is a secret that stands in the configuration; its value was not exported".to_owned(),
        help: "keep it in the encrypted file of the cluster's secrets".to_owned(),
    };
    let notes = written.secrets.into_iter().map(note).collect();
    Ok((Exported { text, notes }, Some(document)))
}

fn one_cluster(cx: &Cx<'_>, sources: &[Source], name: Option<&str>, to: To) -> Result<Exported, CliError> {
    let (resolved, problems) = input::resolved_document(sources);
    let resolved = project::accept(cx, resolved, problems, sources)?;
    let names: Vec<String> =
        resolved["clusters"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let name = match (name, names.as_slice()) {
        (Some(name), _) if names.iter().any(|known| known == name) => name.to_owned(),
        (Some(name), _) => return Err(project::unknown("cluster", name, names)),
        (None, [only]) => only.clone(),
        (None, _) => {
            let message =
                format!("{} holds one cluster, and there are {}: name it", to.as_str(), names.len());
            let error = CliError::new(Exit::Usage, message);
            return Err(error.hint(format!("There are {}.", crate::report::words::sentence_list(&names))));
        }
    };
    let cluster = &resolved["clusters"][&name];
    let written =
        input::written_document(sources).0.expect("a document that resolves has no errors").document;
    Ok(match to {
        To::Colmena => export::colmena::export(&name, cluster, &written),
        To::ClusterNix | To::Yaml | To::Json => export::cluster_nix::export(&name, cluster, &written),
    })
}
