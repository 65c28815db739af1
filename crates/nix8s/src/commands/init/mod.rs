//! `nix8s init`.

use std::path::Path;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::identity;
use crate::commands::identity::Identity;
use crate::commands::new_file;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  nix8s init                  a commented project in this folder, in YAML
  nix8s init clusters/home
  nix8s init --format flake   the same in Nix, with flake-parts

Nothing that is there already is overwritten. Your age identity, to which secrets are encrypted, is made once, in
$XDG_CONFIG_HOME/nix8s/age/keys.txt, and is used again; the project gets its recipient only.";

/// Write a commented project to start from: configuration, secrets folder, CI workflow
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
    /// One YAML file
    Yaml,
    /// A flake, which takes the Nix side of nix8s as an input
    Flake,
}

/// Stands in templates for the recipient.
const RECIPIENT: &str = "RECIPIENT";

/// A file of a project: its name there, and its text.
type Template = (&'static str, &'static str);

/// What a project begins with, the configuration first. Names without their dot stand so in the repository, where they
/// are not meant.
const YAML: &[Template] = &[
    ("nix8s.yaml", include_str!("../../../../../templates/yaml/nix8s.yaml")),
    ("README.md", include_str!("../../../../../templates/yaml/README.md")),
    (".github/workflows/nix8s.yaml", include_str!("../../../../../templates/yaml/workflow.yaml")),
];
const FLAKE: &[Template] = &[
    ("flake.nix", include_str!("../../../../../templates/flake/flake.nix")),
    ("README.md", include_str!("../../../../../templates/flake/README.md")),
    (".github/workflows/nix8s.yaml", include_str!("../../../../../templates/flake/workflow.yaml")),
];
const COMMON: &[Template] = &[
    (".gitignore", include_str!("../../../../../templates/common/gitignore")),
    (".sops.yaml", include_str!("../../../../../templates/common/sops.yaml")),
    ("secrets/.gitignore", include_str!("../../../../../templates/common/secrets/gitignore")),
];

/// Configurations, beside which a new one would contradict.
const OTHERS: &[&str] = &["nix8s.yaml", "nix8s.yml", "nix8s.json", "flake.nix"];

/// Writes the project.
pub fn run(cx: &Cx<'_>, args: &InitArgs) -> Result<Exit, CliError> {
    let InitArgs { dir, format } = args;
    let own = match format {
        Form::Yaml => YAML,
        Form::Flake => FLAKE,
    };
    let files: Vec<Template> = own.iter().chain(COMMON).copied().collect();
    refuse_what_is_there(dir, &files)?;
    let identity = identity::ensure()?;
    for (name, text) in &files {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::new(Exit::Failed, format!("could not make the folder {}", folder.display()))
                .because(error)
        })?;
        new_file::write(&path, text.replace(RECIPIENT, &identity.recipient).as_bytes())?;
    }
    let written: Vec<String> = files.iter().map(|(name, _)| shown(dir, name)).collect();
    match cx.out.format {
        Format::Json => cx.out.json(&json!({
            "version": 1,
            "written": written,
            "identity": { "path": identity.path, "recipient": identity.recipient, "new": identity.is_new },
        })),
        Format::Text => cx.out.data(&format!("{}\n", written.join("\n"))),
    }
    if cx.out.format == Format::Text && cx.out.detail != Detail::Quiet {
        cx.out.say(&next(dir, *format, &written[0], &identity));
    }
    Ok(Exit::Done)
}

/// What is worth knowing now, and what comes next.
fn next(dir: &Path, format: Form, configuration: &str, identity: &Identity) -> String {
    let path = identity.path.display();
    let keys = if identity.is_new {
        format!("Your age identity is new, in {path}: keep a copy of it somewhere safe.")
    } else {
        format!("Secrets are for your age identity in {path}.")
    };
    let here = dir == Path::new(".");
    let go = if here { String::new() } else { format!("\n  cd {}", dir.display()) };
    let seen = match format {
        Form::Yaml => "",
        Form::Flake => "\n  git init && git add -A         in a Git repository Nix sees only what Git knows",
    };
    format!(
        "{keys}\n\nNext: read {configuration}, which explains itself, and try it.{go}{seen}\n  \
         nix8s validate                 shows mistakes\n  \
         nix8s apply --simulate         carries it out on simulated machines"
    )
}

fn shown(dir: &Path, name: &str) -> String {
    if dir == Path::new(".") { name.to_owned() } else { dir.join(name).display().to_string() }
}

/// All of what stands in the way, before anything is written.
fn refuse_what_is_there(dir: &Path, files: &[Template]) -> Result<(), CliError> {
    let names = files.iter().map(|(name, _)| *name);
    let others = OTHERS.iter().copied().filter(|other| !files.iter().any(|(name, _)| name == other));
    let there: Vec<String> = names
        .chain(others)
        .filter(|name| dir.join(name).symlink_metadata().is_ok())
        .map(|name| shown(dir, name))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} is there already, and nothing is overwritten",
        crate::report::words::sentence_list(&there)
    );
    Err(CliError::new(Exit::Refused, message).hint("Name an empty folder: `nix8s init DIR`."))
}
