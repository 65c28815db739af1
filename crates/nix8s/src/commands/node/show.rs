//! `nix8s node show`.

use std::fmt::Write;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::event::Event;
use nix8s_core::model::Machine;
use nix8s_core::plan::Wait;
use nix8s_engine::port::Store;
use nix8s_engine::state::layout;
use serde::Deserialize;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::remembered;
use crate::commands::remembered::Found;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::output::Paint;
use crate::output::clean;
use crate::report::event;
use crate::report::json as document;
use crate::report::status;
use crate::report::waits;

/// Events that are shown: the rest is what `nix8s events --node` is for.
const EVENTS_MAX: usize = 10;

const EXAMPLES: &str = "\
Examples:
  nix8s node show w1 --simulate
  nix8s node show prod-w1 --simulate -o json";

/// Show everything that is known of one machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The machine's name, or its member's if that is unique
    #[arg(add = ArgValueCandidates::new(complete::machines))]
    node: String,
}

/// `nodes/<node>/config.json`.
#[derive(Deserialize)]
struct Configured {
    machine: Machine,
}

/// Shows a machine.
pub fn run(cx: &Cx<'_>, args: &ShowArgs) -> Result<Exit, CliError> {
    let ShowArgs { node } = args;
    let found = remembered::machine(cx, node)?;
    let unreadable = |error| world::unreadable(&found.cluster.state, error);
    let store = &*found.cluster.state;
    let config = store.read(&layout::config(&found.machine)).map_err(unreadable)?;
    let config: Option<Configured> = config.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let marked = store.read(&layout::delete(&found.machine)).map_err(unreadable)?.is_some();
    let past = world::past(&found.cluster.state)?.machines.remove(&found.machine).unwrap_or_default();
    let mut asked = Vec::new();
    asked.extend(past.rebuild.then(|| {
        let by = past.rebuild_by.map_or_else(String::new, |action| format!(", by {}", action.as_str()));
        format!("its system is rolled out again by the next apply{by}")
    }));
    asked.extend(past.reinstall.map(|_| "it is erased and installed once more by the next apply".to_owned()));
    let mut events = store.events().map_err(unreadable)?;
    events.retain(|event| event::machine(&event.what) == Some(&found.machine));
    let newest = events.split_off(events.len().saturating_sub(EVENTS_MAX));
    let waits: Vec<&Wait> =
        found.overview.waits.iter().filter(|wait| wait.machine.as_ref() == Some(&found.machine)).collect();
    match cx.out.format {
        Format::Json => cx.out.json(&json!({
            "version": document::VERSION,
            "cluster": found.cluster.name,
            "machine": found.machine,
            "is": found.overview.machines[&found.machine],
            "configured": config.map(|config| config.machine),
            "marked_for_removal": marked,
            "rebuild": past.rebuild,
            "action": past.rebuild_by,
            "reinstall": past.reinstall,
            "waits": waits,
            "events": newest,
        })),
        Format::Text => {
            let machine = config.map(|config| config.machine);
            cx.out.data(&text(&found, machine.as_ref(), marked, &asked, &waits, &newest, cx.out.paint));
        }
    }
    Ok(Exit::Done)
}

fn text(
    found: &Found,
    machine: Option<&Machine>,
    marked: bool,
    asked: &[String],
    waits: &[&Wait],
    events: &[Event],
    paint: Paint,
) -> String {
    let is = &found.overview.machines[&found.machine];
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {} {}", paint.dim(format_args!("{name:12}")), clean(&value));
    };
    line("cluster", found.cluster.name.to_string());
    line("role", is.role.map_or("has left the configuration".to_owned(), |role| role.to_string()));
    line("stage", format!("{}, since {}", is.stage, status::date(is.since)));
    if let Some(machine) = machine {
        let address = machine.ssh.host.clone().unwrap_or_else(|| "not known yet".to_owned());
        line("address", format!("{}@{address}:{}", machine.ssh.user, machine.ssh.port));
        line("provisioner", machine.provisioner.as_str().to_owned());
        if let Some(disk) = &machine.disks.main {
            line("disk", disk.clone());
        }
    }
    let boots = is.boots.as_ref().filter(|boots| is.system.as_ref() != Some(*boots)).cloned();
    for (name, value) in [("runs", &is.system), ("starts into", &boots), ("should run", &is.wanted)] {
        if let Some(value) = value {
            line(name, value.to_string());
        }
    }
    if let Some(version) = &is.version {
        line("version", version.to_string());
    }
    for text in asked {
        line("asked", text.clone());
    }
    if marked {
        line(
            "removal",
            "asked for; `nix8s apply` lets it leave, `nix8s node undelete` takes it back".to_owned(),
        );
    }
    for error in &is.errors {
        line("failed", format!("{} ({}x): {}", error.step.as_str(), error.count, error.message));
    }
    for wait in waits {
        line("waits", waits::sentence_of(wait));
    }
    let head = paint.bold(&found.machine);
    let mut text = format!("{head}\n{out}");
    if !events.is_empty() {
        let _ = writeln!(text, "\n  {}", paint.bold("last events"));
        for event in events {
            let _ = writeln!(text, "    {}", event::line(event, paint));
        }
    }
    text
}
