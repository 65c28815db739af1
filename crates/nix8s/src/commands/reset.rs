//! `nix8s reset`.

use std::path::PathBuf;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::model::ClusterName;
use nix8s_engine::port::Store;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::forget;
use nix8s_engine::state::layout::KUBECONFIG;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::kubeconfig;
use crate::commands::kubeconfig::Merged;
use crate::commands::remembered;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::names::count;

const EXAMPLES: &str = "\
Examples:
  nix8s reset prod                   what would be forgotten; nothing is, and the exit code is 4
  nix8s reset prod --confirm prod    forgets it

Machines are not touched: they stay as they are, and the next `apply` takes over those that it finds. What is forgotten is put into
a folder beside the state, and can be put back.";

/// Forget what nix8s remembers of a cluster: its events, its kubeconfig, its context; machines stay as they are
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ResetArgs {
    /// The cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: String,
    /// The cluster's name once more: without it nothing is forgotten
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// What is remembered of a cluster.
struct Memory {
    files: Vec<String>,
    about: Vec<String>,
    merged: Vec<Merged>,
}

/// Forgets a cluster.
pub fn run(cx: &Cx<'_>, args: &ResetArgs) -> Result<Exit, CliError> {
    let ResetArgs { cluster, confirm } = args;
    let found = remembered::clusters(cx, Some(cluster))?.remove(0);
    let name = found.name.clone();
    if confirm.as_deref() != Some(name.as_str()) {
        return Err(refused(cx, &name, &memory(&found.state)?, confirm.as_deref()));
    }
    let state = world::open_to_plan(cx, &name, "reset")?;
    let memory = memory(&state)?;
    if memory.files.is_empty() {
        return Err(CliError::new(Exit::Failed, format!("nothing is remembered of {name}")));
    }
    let folder = folder(&state);
    forget::put_aside(&state, &folder).map_err(|error| {
        let message = format!(
            "could not put aside all of {}; what was moved is in {}",
            state.root().display(),
            folder.display()
        );
        CliError::new(Exit::Failed, message).because(error)
    })?;
    for (number, merged) in memory.merged.iter().enumerate() {
        kubeconfig::write(&folder.join(format!("users-kubeconfig-{number}")), &merged.text)?;
        kubeconfig::write(&merged.path, &merged.without)?;
    }
    told(cx, &name, &memory, &state, &folder);
    Ok(Exit::Done)
}

/// Beside the state, with a name that no cluster can have.
fn folder(state: &StateDir) -> PathBuf {
    let name = state.root().file_name().unwrap_or_default().to_string_lossy();
    let at = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S%.6fZ");
    state.root().with_file_name(format!("{name}.forgotten-{at}"))
}

fn memory(state: &StateDir) -> Result<Memory, CliError> {
    let unreadable = |error| world::unreadable(state, error);
    let files = forget::remembered(state).map_err(unreadable)?;
    let mut about = Vec::new();
    // A log that is damaged is one more reason to forget.
    match state.events() {
        Ok(events) => about.push(format!("events.jsonl: {}", count(events.len(), "event"))),
        Err(error) => about.push(format!("events.jsonl: {error}")),
    }
    let machines = state.list(nix8s_engine::state::layout::NODES).map_err(unreadable)?;
    if !machines.is_empty() {
        about.push(format!("nodes/: {}, and what was asked for them", count(machines.len(), "machine")));
    }
    let kept = state.read(KUBECONFIG).map_err(unreadable)?;
    let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok());
    let mut merged = Vec::new();
    if let Some(kept) = kept {
        about.push("k8s/kubeconfig".to_owned());
        merged = kubeconfig::merged_into(&kept);
    }
    about.extend(merged.iter().map(|one| format!("its context in {}", one.path.display())));
    let known = ["events.jsonl", "nodes", "k8s"];
    let rest: Vec<&str> = files.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !rest.is_empty() {
        about.push(rest.join(", "));
    }
    Ok(Memory { files, about, merged })
}

fn refused(cx: &Cx<'_>, name: &ClusterName, memory: &Memory, confirm: Option<&str>) -> CliError {
    let why = match confirm {
        Some(other) => format!("{name} is not forgotten: --confirm says {other:?}, which is not its name"),
        None => format!("{name} is not forgotten without --confirm {name}"),
    };
    let flag = if cx.global.simulate { " --simulate" } else { "" };
    let said = std::iter::once("What would be forgotten:".to_owned());
    let about = memory.about.iter().map(|line| format!("  {line}"));
    CliError::new(Exit::Refused, why)
        .said(said.chain(about).collect())
        .hint(format!(
            "Machines are not touched either way: to take one back, `nix8s node delete NODE{flag}` and `nix8s apply{flag}` before \
             it is forgotten."
        ))
}

fn told(cx: &Cx<'_>, name: &ClusterName, memory: &Memory, state: &StateDir, folder: &std::path::Path) {
    if cx.out.format == Format::Json {
        let contexts: Vec<_> = memory.merged.iter().map(|merged| &merged.path).collect();
        cx.out.json(&json!({
            "version": 1,
            "cluster": name,
            "folder": folder,
            "files": memory.files,
            "contexts": contexts,
        }));
        return;
    }
    cx.out.data(&format!("{name} is forgotten. What was remembered is in {}\n", folder.display()));
    for line in &memory.about {
        cx.out.data(&format!("  {line}\n"));
    }
    let flag = if cx.global.simulate { " --simulate" } else { "" };
    cx.out.say(&format!(
        "To put it back, before anything else works on {name}: mv {}/* {}/",
        folder.display(),
        state.root().display()
    ));
    for (number, merged) in memory.merged.iter().enumerate() {
        cx.out.say(&format!("and users-kubeconfig-{number} to {}", merged.path.display()));
    }
    cx.out.say(&format!(
        "Its machines stay as they are: the next `nix8s apply{flag}` takes over those that carry its mark, and erases none without \
         `--erase NODE`. To take one back for something else: `nix8s apply{flag}`, `nix8s node delete NODE{flag}`, `nix8s apply{flag}`."
    ));
}
