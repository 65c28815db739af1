//! What goes into a bundle. What cannot be had is no failure: a file says why.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use nix8s_core::doctor::Facts;
use nix8s_core::doctor::ProgramSeen;
use nix8s_core::input;
use nix8s_core::model::Cluster;
use nix8s_core::observed::Reach;
use nix8s_core::permit::Permit;
use nix8s_core::tool::journal;
use serde_json::Value;
use serde_json::json;

use super::Piece;
use crate::commands::Cx;
use crate::commands::config::show;
use crate::commands::doctor;
use crate::commands::permit::PermitArgs;
use crate::commands::plan;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::report::json as document;
use crate::report::plan::View;
use crate::report::yaml;

/// Of a longer file its end is taken: what happened last.
const FILE_MAX: usize = 4 << 20;

const README: &str = "\
What nix8s knew of a cluster when this was made, without secrets: what was one, or looked like one, is `(removed)`.

versions.json        nix8s, this computer, programs
configuration.yaml   the configuration with templates and defaults filled in
doctor.json          what `nix8s doctor` found
plan.json            what `nix8s plan` would do, or why it could not say
state/               the state directory; events.jsonl is what happened
machines/NAME/       what a machine said of itself, and the end of its journal
missing.txt          what could not be had, and why
";

/// Everything, secrets included: nobody may see it before they are taken out.
pub fn all(cx: &Cx<'_>, cluster: &Arc<Cluster>) -> Result<Vec<Piece>, CliError> {
    let mut missing = Vec::new();
    let mut pieces = vec![piece("README.txt", README)];
    let examined = doctor::examined(cx, cluster)?;
    pieces.push(piece("versions.json", pretty(&versions(&examined.facts))));
    match configuration(cx, cluster) {
        Ok(text) => pieces.push(piece("configuration.yaml", text)),
        Err(error) => missing.push(format!("configuration.yaml: {error}")),
    }
    pieces.push(piece("doctor.json", pretty(&doctor::document(&examined))));
    match plan::made(cx, cluster, &PermitArgs::default()) {
        Ok(made) => {
            let view = View { cluster, plan: &made.plan, forecast: &made.forecast };
            pieces.push(piece("plan.json", pretty(&document::plan(view))));
        }
        Err(error) => missing.push(format!("plan.json: {error}")),
    }
    let state = world::open_to_read(cx, &cluster.name)?;
    let mut files = BTreeMap::new();
    read_below(state.root(), "state", &mut files, &mut missing);
    pieces.extend(files.into_iter().map(|(path, text)| Piece { path, text }));
    pieces.extend(machines(cx, cluster, &examined.facts, &mut missing)?);
    if !missing.is_empty() {
        pieces.push(piece("missing.txt", missing.join("\n") + "\n"));
    }
    Ok(pieces)
}

fn piece(path: impl Into<String>, text: impl Into<String>) -> Piece {
    Piece { path: path.into(), text: text.into() }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn versions(facts: &Facts) -> Value {
    let host = rustix::system::uname();
    let said = |seen: &ProgramSeen| match seen {
        ProgramSeen::Missing => "missing".to_owned(),
        ProgramSeen::There(None) => "there".to_owned(),
        ProgramSeen::There(Some(number)) => number.to_string(),
        ProgramSeen::Failed(why) => format!("does not work: {why}"),
    };
    let programs: BTreeMap<&str, String> =
        facts.programs.iter().map(|(program, seen)| (program.name(), said(seen))).collect();
    json!({
        "version": 1,
        "nix8s": env!("CARGO_PKG_VERSION"),
        "at": facts.at,
        "system": host.sysname().to_string_lossy(),
        "release": host.release().to_string_lossy(),
        "machine": host.machine().to_string_lossy(),
        "programs": programs,
    })
}

fn configuration(cx: &Cx<'_>, cluster: &Cluster) -> Result<String, CliError> {
    let sources = project::sources(cx)?;
    let (document, problems) = input::resolved_document(&sources);
    let mut document = project::accept(cx, document, problems, &sources)?;
    show::keep(&mut document, cluster.name.as_str())?;
    Ok(yaml::render(&document))
}

/// Files of the state directory. Programs that run there come and go: what is gone is not missed.
fn read_below(folder: &Path, name: &str, files: &mut BTreeMap<String, String>, missing: &mut Vec<String>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return missing.push(format!("{name}: {error}")),
    };
    for entry in entries.flatten() {
        let Ok(file) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{name}/{file}"));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_below(&path, &name, files, missing),
            Ok(kind) if kind.is_file() => match fs::read(&path) {
                Ok(bytes) => drop(files.insert(name, end(&bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => missing.push(format!("{name}: {error}")),
            },
            // A link may lead anywhere, and a socket holds nothing.
            Ok(_) | Err(_) => missing.push(format!("{name}: it is no file")),
        }
    }
}

/// The end of a file, from the beginning of a line on: half of a secret is not known as one.
fn end(bytes: &[u8]) -> String {
    let cut = bytes.len().saturating_sub(FILE_MAX);
    let from = if cut == 0 {
        0
    } else {
        bytes[cut..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| cut + at + 1)
    };
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}

/// What machines said of themselves, and the journals of those that answer.
fn machines(
    cx: &Cx<'_>,
    cluster: &Arc<Cluster>,
    facts: &Facts,
    missing: &mut Vec<String>,
) -> Result<Vec<Piece>, CliError> {
    let mut pieces = Vec::new();
    for (name, looked) in &facts.machines {
        let seen = serde_json::to_value(&looked.seen).expect("plain data");
        pieces.push(piece(format!("machines/{name}/seen.json"), pretty(&seen)));
    }
    let answered = facts.machines.iter().filter(|(_, looked)| looked.seen.reach == Reach::Answered);
    let machines: Vec<_> = answered.filter_map(|(name, _)| cluster.machines.get(name)).collect();
    let state = world::open_to_read(cx, &cluster.name)?;
    let journals = world::runtime(cx.global)?.block_on(async {
        let world = world::look_at(cx, cluster, &state, Permit::default())?;
        let commands = machines.iter().map(|machine| journal::tail(machine)).collect();
        Ok(nix8s_engine::doctor::run_all(&world, commands).await)
    })?;
    for (machine, came) in machines.iter().zip(journals) {
        let path = format!("machines/{}/journal.txt", machine.name);
        match came {
            Ok(text) => pieces.push(piece(path, end(text.as_bytes()))),
            Err(why) => missing.push(format!("{path}: {why}")),
        }
    }
    Ok(pieces)
}
