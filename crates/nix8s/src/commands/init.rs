//! `nix8s init`.

use std::path::Path;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::new_file;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  nix8s init                  a commented configuration in this folder
  nix8s init clusters/home

Nothing that is there already is overwritten.";

/// Write a commented configuration to start from
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// The folder; it is made if it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What the configuration is written in
    #[arg(long, value_name = "FORM", value_enum, default_value = "yaml")]
    format: Form,
}

/// `--format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// One YAML file.
    Yaml,
}

/// What a project in YAML begins with. Names without their dot stand so in the repository, where they are not meant.
const YAML: &[(&str, &str)] = &[
    ("nix8s.yaml", include_str!("../../../../templates/yaml/nix8s.yaml")),
    ("README.md", include_str!("../../../../templates/yaml/README.md")),
    (".gitignore", include_str!("../../../../templates/yaml/gitignore")),
    ("secrets/.gitignore", include_str!("../../../../templates/yaml/secrets/gitignore")),
];

/// Other configurations, beside which a new one would contradict.
const OTHERS: &[&str] = &["nix8s.yml", "nix8s.json", "flake.nix"];

/// Writes the project.
pub fn run(cx: &Cx<'_>, args: &InitArgs) -> Result<Exit, CliError> {
    let InitArgs { dir, format } = args;
    let files = match format {
        Form::Yaml => YAML,
    };
    refuse_what_is_there(dir, files)?;
    for (name, text) in files {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::new(Exit::Failed, format!("could not make the folder {}", folder.display()))
                .because(error)
        })?;
        new_file::write(&path, text.as_bytes())?;
    }
    let written: Vec<String> = files.iter().map(|(name, _)| shown(dir, name)).collect();
    match cx.out.format {
        Format::Json => cx.out.json(&json!({ "version": 1, "written": written })),
        Format::Text => cx.out.data(&format!("{}\n", written.join("\n"))),
    }
    if cx.out.format == Format::Text && cx.out.detail != Detail::Quiet {
        let at = if dir == Path::new(".") {
            String::new()
        } else {
            format!(" --config {}", shown(dir, "nix8s.yaml"))
        };
        cx.out.say(&format!(
            "Read {}, which explains itself, and try it: `nix8s apply --simulate{at}`.",
            shown(dir, "nix8s.yaml")
        ));
    }
    Ok(Exit::Done)
}

fn shown(dir: &Path, name: &str) -> String {
    if dir == Path::new(".") { name.to_owned() } else { dir.join(name).display().to_string() }
}

/// All of what stands in the way, before anything is written.
fn refuse_what_is_there(dir: &Path, files: &[(&str, &str)]) -> Result<(), CliError> {
    let names = files.iter().map(|(name, _)| *name).chain(OTHERS.iter().copied());
    let there: Vec<String> =
        names.filter(|name| dir.join(name).symlink_metadata().is_ok()).map(|name| shown(dir, name)).collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} is there already, and nothing is overwritten",
        crate::report::words::sentence_list(&there)
    );
    Err(CliError::new(Exit::Refused, message).hint("Name an empty folder: `nix8s init DIR`."))
}
