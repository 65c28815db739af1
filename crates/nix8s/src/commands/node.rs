//! `nix8s node`.

pub mod again;
mod change;
mod show;

use clap_complete::engine::ArgValueCandidates;
use nix8s_engine::state::overview::MachineOverview;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::remembered;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::json as document;
use crate::report::names::natural;
use crate::report::status;
use crate::report::table;
use crate::report::table::Cell;

const EXAMPLES: &str = "\
Examples:
  nix8s node list
  nix8s node delete w3
  nix8s node reinstall w3";

/// Look at one machine, let it leave, or do something with it again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct NodeArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(ListArgs),
    Show(show::ShowArgs),
    Delete(change::DeleteArgs),
    Undelete(change::UndeleteArgs),
    Rebuild(again::RebuildArgs),
    Reinstall(again::ReinstallArgs),
    Retry(again::RetryArgs),
}

const LIST_EXAMPLES: &str = "\
Examples:
  nix8s node list --simulate
  nix8s node list prod --simulate -o json";

/// List every machine that is configured or remembered
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
struct ListArgs {
    /// Only this cluster
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
}

/// Runs a verb on machines.
pub fn run(cx: &Cx<'_>, args: &NodeArgs) -> Result<Exit, CliError> {
    let NodeArgs { verb } = args;
    match verb {
        Verb::List(args) => list(cx, args),
        Verb::Show(args) => show::run(cx, args),
        Verb::Delete(args) => change::delete(cx, args),
        Verb::Undelete(args) => change::undelete(cx, args),
        Verb::Rebuild(args) => again::rebuild(cx, args),
        Verb::Reinstall(args) => again::reinstall(cx, args),
        Verb::Retry(args) => again::retry(cx, args),
    }
}

fn list(cx: &Cx<'_>, args: &ListArgs) -> Result<Exit, CliError> {
    let ListArgs { cluster } = args;
    let mut overviews = Vec::new();
    for cluster in remembered::clusters(cx, cluster.as_deref())? {
        overviews.extend(cluster.overview()?);
    }
    if cx.out.format == Format::Json {
        let machines: Vec<_> = overviews
            .iter()
            .flat_map(|overview| {
                overview.machines.iter().map(move |(name, machine)| (&overview.cluster, name, machine))
            })
            .map(|(cluster, name, machine)| {
                let MachineOverview { role, stage, since, version, system, boots, wanted, errors, held } =
                    machine;
                json!({
                    "cluster": cluster, "machine": name, "role": role, "stage": stage, "since": since,
                    "version": version, "system": system, "boots": boots, "wanted": wanted, "errors": errors, "held": held,
                })
            })
            .collect();
        cx.out.json(&json!({ "version": document::VERSION, "machines": machines }));
        return Ok(Exit::Done);
    }
    if overviews.is_empty() {
        remembered::nothing(cx);
        return Ok(Exit::Done);
    }
    let mut rows = Vec::new();
    for overview in &overviews {
        let mut machines: Vec<_> = overview.machines.iter().collect();
        machines.sort_by(|(a, _), (b, _)| natural(a.as_str(), b.as_str()));
        rows.extend(machines.into_iter().map(|(name, machine)| {
            vec![
                Cell::new(name.as_str()),
                Cell::new(overview.cluster.as_str()),
                Cell::new(machine.role.map_or("leaves".to_owned(), |role| role.to_string())),
                Cell::new(machine.stage.as_str()),
                Cell::new(status::since(machine, overview.at)),
                Cell::new(machine.version.as_ref().map(ToString::to_string).unwrap_or_default()),
            ]
        }));
    }
    let lines =
        table::render(&["MACHINE", "CLUSTER", "ROLE", "STAGE", "SINCE", "VERSION"], &rows, "", cx.out.paint);
    cx.out.data(&format!("{}\n", lines.join("\n")));
    Ok(Exit::Done)
}
