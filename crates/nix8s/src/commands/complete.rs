//! What a shell is told when it asks for completions: names of the configuration and of what is remembered.
//!
//! A shell asks in the middle of a line: everything here is silent, and what cannot be read has no names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use nix8s_core::input;
use nix8s_core::model::Fleet;
use nix8s_engine::source;
use nix8s_engine::source::Search;

use crate::cli::Cli;
use crate::explain;

/// The variable by which a shell asks; the registration scripts of `completions` set it.
pub const VARIABLE: &str = "COMPLETE";

/// Answers a shell and ends the process, if it is a shell that asks.
pub fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}

/// Names of clusters.
pub fn clusters() -> Vec<CompletionCandidate> {
    let line = Line::typed();
    let configured = line
        .fleet()
        .into_iter()
        .flat_map(|fleet| fleet.clusters.keys().map(ToString::to_string).collect::<Vec<_>>());
    let remembered = line.folders().into_iter().map(|(cluster, _)| cluster);
    candidates(configured.chain(remembered))
}

/// Names of machines.
pub fn machines() -> Vec<CompletionCandidate> {
    candidates(machine_names().into_iter())
}

/// Names of phases.
pub fn phases() -> Vec<CompletionCandidate> {
    let line = Line::typed();
    let clusters = || line.fleet().into_iter().flat_map(|fleet| fleet.clusters.into_values());
    let names: BTreeSet<String> = clusters()
        .flat_map(|cluster| {
            cluster.bootstrap.phases.iter().map(|phase| phase.name.clone()).collect::<Vec<_>>()
        })
        .collect();
    candidates(names.into_iter())
}

/// What `--erase` takes.
pub fn erasable() -> Vec<CompletionCandidate> {
    let names = machine_names();
    let scopes = names.iter().flat_map(|name| [format!("{name}:foreign"), format!("{name}:all")]);
    candidates(names.iter().cloned().chain(scopes).chain(["all-new".to_owned()]))
}

/// What `explain` has pages about.
pub fn pages() -> Vec<CompletionCandidate> {
    explain::all()
        .into_iter()
        .map(|page| CompletionCandidate::new(page.id.replace(' ', "-")).help(Some(page.title.into())))
        .collect()
}

fn machine_names() -> Vec<String> {
    let line = Line::typed();
    let mut names = BTreeSet::new();
    for cluster in line.fleet().iter().flat_map(|fleet| fleet.clusters.values()) {
        names.extend(cluster.machines.keys().map(ToString::to_string));
    }
    for (_, folder) in line.folders() {
        names.extend(entries(folder.join("nodes")));
    }
    names.into_iter().collect()
}

fn candidates(names: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    names.collect::<BTreeSet<String>>().into_iter().map(CompletionCandidate::new).collect()
}

/// What stands on the line that is being typed, as far as it says where names are.
#[derive(Default)]
struct Line {
    config: Option<PathBuf>,
    state: Option<PathBuf>,
    simulate: bool,
}

impl Line {
    /// The line that the shell asks about: it comes after `--`, and may end anywhere.
    fn typed() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        let line = words.iter().position(|word| word == "--").map_or(&[][..], |at| &words[at + 1..]);
        let words: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
        Self::of(&words).or_environment()
    }

    fn of(words: &[&str]) -> Self {
        let mut line = Self::default();
        for (at, word) in words.iter().enumerate() {
            let next = || words.get(at + 1).map(PathBuf::from);
            match word.split_once('=') {
                Some(("--config", path)) => line.config = Some(path.into()),
                Some(("--state-dir", path)) => line.state = Some(path.into()),
                Some(_) => {}
                None if *word == "--config" => line.config = next(),
                None if *word == "--state-dir" => line.state = next(),
                None if *word == "--simulate" => line.simulate = true,
                None => {}
            }
        }
        line
    }

    fn or_environment(self) -> Self {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = self.state.or_else(|| from("NIX8S_STATE_DIR"));
        let state = state.or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("nix8s")));
        let state = state.or_else(|| from("HOME").map(|home| home.join(".local/state/nix8s")));
        Self { config: self.config.or_else(|| from("NIX8S_CONFIG")), state, simulate: self.simulate }
    }

    fn fleet(&self) -> Option<Fleet> {
        let from = std::env::current_dir().ok()?;
        let search = Search { config: self.config.as_deref(), from: &from };
        // `-` would wait for a document that nobody types while completing.
        let found = source::find(&search, &mut io::empty()).ok()?;
        // A flake may take a minute, and is evaluated for no key press; remembered names are there all the same.
        if found.flake.is_some() {
            return None;
        }
        input::load(&found.texts).fleet
    }

    /// Clusters that are remembered, with their folders.
    fn folders(&self) -> Vec<(String, PathBuf)> {
        let Some(base) = &self.state else { return Vec::new() };
        let named = |folder: String| {
            let path = base.join(&folder);
            match folder.strip_suffix(".sim") {
                Some(name) if self.simulate => Some((name.to_owned(), path)),
                None if !self.simulate => Some((folder, path)),
                Some(_) | None => None,
            }
        };
        entries(base.clone()).into_iter().filter_map(named).collect()
    }
}

fn entries(folder: PathBuf) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_a_line_that_is_not_finished() {
        let line = Line::of(&["nix8s", "node", "show", "--config=a.yaml", "--simulate", "--state-dir"]);
        assert_eq!((line.config, line.state, line.simulate), (Some("a.yaml".into()), None, true));
        let line = Line::of(&["nix8s", "--config", "b", "--state-dir", "c", "apply", "--erase", "w"]);
        assert_eq!((line.config, line.state), (Some("b".into()), Some("c".into())));
    }
}
