//! Reads a document of an earlier design: JSON as it is, Nix through `nix eval`.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use nix8s_core::import::Design;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::parse::SOURCE_MAX;
use nix8s_core::tool::nix;
use nix8s_core::tool::nix::Earlier;

use crate::error::CliError;
use crate::error::Exit;

/// Reads the document as JSON.
pub fn read(design: Design, path: &Path) -> Result<Source, CliError> {
    let name = path.display().to_string();
    let source = |bytes| Source { name: name.clone(), at: At::Document, bytes };
    if path == Path::new("-") {
        return Ok(Source {
            name: "<stdin>".to_owned(),
            ..source(limited(&mut std::io::stdin().lock(), "stdin")?)
        });
    }
    let fail = |error: std::io::Error| {
        CliError::new(Exit::Configuration, format!("could not read {name}")).because(error)
    };
    let full = path.canonicalize().map_err(fail)?;
    if full.is_dir() {
        return folder(design, &full).map(source);
    }
    if full.extension().is_some_and(|end| end == "nix") {
        return evaluate(Earlier::File(&full.display().to_string())).map(source);
    }
    let mut file = std::fs::File::open(&full).map_err(fail)?;
    limited(&mut file, &name).map(source)
}

/// What a folder holds depends on the design.
fn folder(design: Design, dir: &Path) -> Result<Vec<u8>, CliError> {
    let file = |name: &str| dir.join(name).display().to_string();
    match design {
        Design::ClusterConfig => evaluate(Earlier::Flake(&format!("{}#clusterConfig", dir.display()))),
        Design::ClusterNix => evaluate(Earlier::File(&file("cluster.nix"))),
        Design::Hive if dir.join("hive.nix").is_file() => evaluate(Earlier::File(&file("hive.nix"))),
        Design::Hive if dir.join("nixConfigs").is_dir() => evaluate(Earlier::Folder(&file("nixConfigs"))),
        Design::Hive => evaluate(Earlier::Folder(&dir.display().to_string())),
    }
}

/// Evaluates with nix. Paths below the current folder are written relative to it, as people do.
fn evaluate(what: Earlier<'_>) -> Result<Vec<u8>, CliError> {
    /// Lines of the program's own words that are shown.
    const LINES_MAX: usize = 8;
    let argv = nix::read_earlier(what).argv;
    let (program, arguments) = argv.split_first().expect("a command has a program");
    let ran = Command::new(program).args(arguments).output().map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let message = "could not run nix, which reads Nix files";
        let failed = CliError::new(Exit::Program, message).because(error);
        let hint =
            "Install it (https://nixos.org/download), or evaluate where it is and import the JSON file.";
        if missing { failed.hint(hint) } else { failed }
    })?;
    if !ran.status.success() {
        let words = String::from_utf8_lossy(&ran.stderr);
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LINES_MAX)..].join("\n  ");
        let message = format!("nix could not evaluate the configuration:\n  {last}");
        return Err(CliError::new(Exit::Configuration, message));
    }
    let text = String::from_utf8_lossy(&ran.stdout);
    let Ok(here) = std::env::current_dir().and_then(|here| here.canonicalize()) else {
        return Ok(ran.stdout);
    };
    let inside = serde_json::Value::from(format!("{}/", here.display())).to_string();
    Ok(text.replace(inside.trim_end_matches('"'), "\"./").into_bytes())
}

/// Reads to the end, or to the limit of a source.
fn limited(from: &mut dyn Read, name: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(SOURCE_MAX).expect("the limit fits 64 bits") + 1;
    from.take(most).read_to_end(&mut bytes).map_err(|error| {
        CliError::new(Exit::Configuration, format!("could not read {name}")).because(error)
    })?;
    if bytes.len() > SOURCE_MAX {
        let message = format!("{name} is larger than the limit of {} MiB", SOURCE_MAX >> 20);
        return Err(CliError::new(Exit::Configuration, message));
    }
    Ok(bytes)
}
