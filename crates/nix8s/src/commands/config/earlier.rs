//! Reads a document of an earlier design: JSON as it is, Nix through `nix eval`.

use std::io::Read;
use std::path::Path;

use nix8s_core::import::Design;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::tool::nix;
use nix8s_core::tool::nix::Earlier;
use nix8s_core::tool::nix::Refusal;
use nix8s_engine::source;
use nix8s_engine::source::evaluate;
use nix8s_engine::source::evaluate::EvaluateError;

use crate::commands::here;
use crate::commands::project;
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
    let command = nix::read_earlier(what);
    let evaluated = here::wait(evaluate::evaluate(&command, &here::programs()))?;
    let text = evaluated.map_err(|error| {
        let hints = match &error {
            // Those are about today's document.
            EvaluateError::Refused { why: Refusal::NoOutput | Refusal::Function, .. } => Vec::new(),
            error => project::unevaluated(error),
        };
        let (exit, said) = (project::evaluation(&error), project::words(&error));
        let failed = CliError::new(exit, "could not evaluate the configuration").because(error).said(said);
        let failed = hints.into_iter().fold(failed, CliError::hint);
        if exit == Exit::Program {
            failed.hint("Or evaluate it where nix is, and import the JSON file.")
        } else {
            failed
        }
    })?;
    let Ok(here) = std::env::current_dir().and_then(|here| here.canonicalize()) else {
        return Ok(text.into_bytes());
    };
    let inside = serde_json::Value::from(format!("{}/", here.display())).to_string();
    Ok(text.replace(inside.trim_end_matches('"'), "\"./").into_bytes())
}

/// Reads to the end, or to the limit of a source.
fn limited(from: &mut dyn Read, name: &str) -> Result<Vec<u8>, CliError> {
    source::read_limited(from, name).map_err(|error| {
        CliError::new(Exit::Configuration, "could not read what is to be imported").because(error)
    })
}
