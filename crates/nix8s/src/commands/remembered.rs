//! What is remembered of clusters in the state directory: what reading commands look at, without the configuration.

use std::io;
use std::sync::Arc;

use nix8s_core::model::ClusterName;
use nix8s_core::model::MachineName;
use nix8s_engine::state::dir::Kind;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::overview;
use nix8s_engine::state::overview::Overview;

use crate::commands::Cx;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;

/// A cluster with state.
pub struct Remembered {
    /// Which.
    pub name: ClusterName,
    /// Its state, open for reading.
    pub state: Arc<StateDir>,
}

impl Remembered {
    /// What it looked like when it was last looked at.
    pub fn overview(&self) -> Result<Option<Overview>, CliError> {
        overview::read(&*self.state).map_err(|error| world::unreadable(&self.state, error))
    }
}

/// The named cluster, or every cluster that has state.
pub fn clusters(cx: &Cx<'_>, name: Option<&str>) -> Result<Vec<Remembered>, CliError> {
    let names = names(cx)?;
    let chosen: Vec<ClusterName> = match name {
        None => names,
        Some(name) => match names.iter().find(|known| known.as_str() == name) {
            Some(known) => vec![known.clone()],
            None => {
                let known = names.iter().map(ToString::to_string).collect();
                let error = project::unknown("cluster", name, known);
                return Err(error.hint("Only clusters that `apply` has worked on are remembered."));
            }
        },
    };
    chosen
        .into_iter()
        .map(|name| world::open_to_read(cx, &name).map(|state| Remembered { name, state }))
        .collect()
}

/// Clusters that have state of the kind that this command is about.
fn names(cx: &Cx<'_>) -> Result<Vec<ClusterName>, CliError> {
    let base = world::state_base(cx.global)?;
    let failed =
        |error| CliError::new(Exit::Failed, format!("could not read {}", base.display())).because(error);
    let entries = match std::fs::read_dir(&base) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let Ok(folder) = entry.map_err(failed)?.file_name().into_string() else { continue };
        let name = match (world::kind(cx.global), folder.strip_suffix(".sim")) {
            (Kind::Simulated, name) => name,
            (Kind::Real, None) => Some(folder.as_str()),
            (Kind::Real, Some(_)) => None,
        };
        names.extend(name.and_then(|name| name.parse().ok()));
    }
    names.sort();
    Ok(names)
}

/// What to say when there is nothing to show.
pub fn nothing(cx: &Cx<'_>) {
    let flag = if cx.global.simulate { " --simulate" } else { "" };
    cx.out.say(&format!("Nothing is remembered yet: `nix8s apply{flag}` begins."));
    if !cx.global.simulate {
        cx.out.say("Simulated clusters are shown with --simulate.");
    }
}

/// A machine that is remembered.
pub struct Found {
    /// Its cluster.
    pub cluster: Remembered,
    /// What the cluster looked like.
    pub overview: Overview,
    /// Its name.
    pub machine: MachineName,
}

/// The machine that a user means by its name, or by its member's if that is unique.
pub fn machine(cx: &Cx<'_>, name: &str) -> Result<Found, CliError> {
    let (mut found, mut known, mut members) = (Vec::new(), Vec::new(), Vec::new());
    for cluster in clusters(cx, None)? {
        let Some(overview) = cluster.overview()? else { continue };
        let by_member = format!("{}-{name}", cluster.name);
        let is_it = |machine: &&MachineName| machine.as_str() == name || machine.as_str() == by_member;
        known.extend(overview.machines.keys().map(ToString::to_string));
        let prefix = format!("{}-", cluster.name);
        let member = |machine: &MachineName| machine.as_str().strip_prefix(&prefix).map(str::to_owned);
        members.extend(overview.machines.keys().filter_map(member));
        if let Some(machine) = overview.machines.keys().find(is_it).cloned() {
            found.push(Found { cluster, overview, machine });
        }
    }
    match found.len() {
        0 => Err(project::unknown_among("machine", name, known, &members)),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<String> = found.iter().map(|found| found.machine.to_string()).collect();
            let message = format!("{name:?} stands for several machines");
            let hint = format!("Say which: {}.", crate::report::words::sentence_list(&names));
            Err(CliError::new(Exit::Usage, message).hint(hint))
        }
    }
}
