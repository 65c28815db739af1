//! `nix8s events`.

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::event::Event;
use nix8s_core::model::ClusterName;
use nix8s_engine::port::Store;
use serde::Serialize;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::remembered;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::event;

const EXAMPLES: &str = "\
Examples:
  nix8s events --simulate                        everything that is remembered
  nix8s events prod --simulate --node w1         what happened to one machine
  nix8s events --simulate --last 20 -o json      the newest, for programs";

/// Show what happened, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Only what happened to this machine
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(complete::machines))]
    node: Option<String>,
    /// Only the newest N
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

/// An event with its cluster, for programs.
#[derive(Serialize)]
struct Line<'a> {
    cluster: &'a ClusterName,
    #[serde(flatten)]
    event: &'a Event,
}

/// Shows what happened.
pub fn run(cx: &Cx<'_>, args: &EventsArgs) -> Result<Exit, CliError> {
    let EventsArgs { cluster, node, last } = args;
    let clusters = remembered::clusters(cx, cluster.as_deref())?;
    let mut all: Vec<(&ClusterName, Event)> = Vec::new();
    for cluster in &clusters {
        let events = cluster.state.events().map_err(|error| world::unreadable(&cluster.state, error))?;
        for text in cluster.state.take_warnings() {
            cx.out.say(&format!("{} {text}", cx.out.paint_err.yellow("warning:")));
        }
        all.extend(events.into_iter().map(|event| (&cluster.name, event)));
    }
    if all.is_empty() && cx.out.format == Format::Text {
        remembered::nothing(cx);
    }
    if let Some(node) = node {
        only(&mut all, node)?;
    }
    // Each cluster's log is in order already: a stable sort keeps what happened at the same moment as it was.
    all.sort_by_key(|(_, event)| event.at);
    let skipped = last.map_or(0, |last| all.len().saturating_sub(last));
    let several = clusters.len() > 1;
    let mut text = String::new();
    for (cluster, event) in &all[skipped..] {
        match cx.out.format {
            Format::Json => {
                let line = serde_json::to_string(&Line { cluster, event }).expect("events are plain data");
                text.push_str(&line);
            }
            Format::Text => {
                let prefix = if several { format!("{} ", cx.out.paint.dim(cluster)) } else { String::new() };
                text.push_str(&format!("{prefix}{}", event::line(event, cx.out.paint)));
            }
        }
        text.push('\n');
    }
    cx.out.data(&text);
    Ok(Exit::Done)
}

/// Keeps what happened to one machine, named by itself or by its member.
fn only(all: &mut Vec<(&ClusterName, Event)>, node: &str) -> Result<(), CliError> {
    let is_it = |cluster: &ClusterName, event: &Event| {
        event::machine(&event.what).is_some_and(|machine| {
            machine.as_str() == node
                || machine.as_str().strip_prefix(cluster.as_str()) == Some(&format!("-{node}"))
        })
    };
    if !all.iter().any(|(cluster, event)| is_it(cluster, event)) {
        let names: std::collections::BTreeSet<String> = all
            .iter()
            .filter_map(|(_, event)| event::machine(&event.what))
            .map(ToString::to_string)
            .collect();
        return Err(project::unknown("machine with events", node, names.into_iter().collect()));
    }
    all.retain(|(cluster, event)| is_it(cluster, event));
    Ok(())
}
