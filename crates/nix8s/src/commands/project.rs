//! The configuration that a command works on, and which of its clusters.

use std::io;
use std::sync::Arc;

use nix8s_core::input::Diagnostic;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_engine::source;
use nix8s_engine::source::Search;
use nix8s_engine::source::SourceError;

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::report::diagnostic;

/// Finds and reads the texts of the configuration.
pub fn sources(cx: &Cx<'_>) -> Result<Vec<Source>, CliError> {
    let from = std::env::current_dir().map_err(|error| {
        CliError::new(Exit::Failed, "could not tell the current directory").because(error)
    })?;
    let search = Search { config: cx.global.config.as_deref(), from: &from };
    source::read(&search, &mut io::stdin().lock()).map_err(|error| {
        let hint = match &error {
            SourceError::NotFound { .. } | SourceError::EmptyFolder { .. } => {
                Some("Write a nix8s.yaml, or name one with --config.")
            }
            SourceError::Flake { .. }
            | SourceError::Several { .. }
            | SourceError::Name { .. }
            | SourceError::TooLarge { .. }
            | SourceError::Read { .. } => None,
        };
        let wrong = CliError::new(Exit::Configuration, "could not read the configuration").because(error);
        hint.into_iter().fold(wrong, CliError::hint)
    })
}

/// The folder of the configuration: where users' scripts run.
pub fn folder(cx: &Cx<'_>) -> io::Result<std::path::PathBuf> {
    let here = std::env::current_dir()?;
    let search = Search { config: cx.global.config.as_deref(), from: &here };
    Ok(source::root(&search).unwrap_or(here))
}

/// The configuration, if there is no error in it. Its problems go to stderr; warnings are only counted.
pub fn fleet(cx: &Cx<'_>) -> Result<Fleet, CliError> {
    let sources = sources(cx)?;
    let loaded = nix8s_core::input::load(&sources);
    accept(cx, loaded.fleet, loaded.diagnostics, &sources)
}

/// A loaded value, or all of the problems that prevent it.
pub fn accept<T>(
    cx: &Cx<'_>,
    value: Option<T>,
    problems: Vec<Diagnostic>,
    sources: &[Source],
) -> Result<T, CliError> {
    let Some(value) = value else {
        let errors: Vec<_> = problems.into_iter().filter(|p| p.severity == Severity::Error).collect();
        cx.out.say(diagnostic::render(&errors, sources, cx.out.detail, cx.out.paint_err).trim_end());
        let counts = diagnostic::counts(&errors).unwrap_or_else(|| "problems".to_owned());
        let wrong = CliError::new(Exit::Configuration, format!("the configuration has {counts}"));
        return Err(CliError { problems: errors, ..wrong });
    };
    if let Some(counts) = diagnostic::counts(&problems)
        && cx.out.detail != Detail::Quiet
    {
        let head = cx.out.paint_err.yellow("warning:");
        cx.out.say(&format!("{head} the configuration has {counts}; `nix8s validate` shows them."));
    }
    Ok(value)
}

/// The clusters that a reading command looks at: the named one, or all.
pub fn reading(fleet: &Fleet, name: Option<&str>) -> Result<Vec<Arc<Cluster>>, CliError> {
    match name {
        None => Ok(fleet.clusters.values().cloned().collect()),
        Some(name) => named(fleet, name).map(|cluster| vec![cluster]),
    }
}

/// The cluster that a changing command works on: the named one, or the only one.
pub fn changing(fleet: &Fleet, name: Option<&str>) -> Result<Arc<Cluster>, CliError> {
    match (name, fleet.clusters.len()) {
        (Some(name), _) => named(fleet, name),
        (None, 1) => Ok(Arc::clone(fleet.clusters.values().next().expect("there is exactly one"))),
        (None, number) => {
            let names = some_of(fleet.clusters.keys().map(ToString::to_string));
            let message = format!("the configuration has {number} clusters: name the one to change");
            Err(CliError::new(Exit::Usage, message).hint(format!("There are {names}.")))
        }
    }
}

fn named(fleet: &Fleet, name: &str) -> Result<Arc<Cluster>, CliError> {
    if let Some((_, cluster)) = fleet.clusters.iter().find(|(key, _)| key.as_str() == name) {
        return Ok(Arc::clone(cluster));
    }
    let keys = || fleet.clusters.keys().map(ToString::to_string);
    Err(unknown("cluster", name, keys().collect()))
}

/// The error for a name that does not exist, with the nearest that does.
pub fn unknown(noun: &str, name: &str, known: Vec<String>) -> CliError {
    unknown_among(noun, name, known, &[])
}

/// The same for things that have other names too, which may have been meant and are not listed.
pub fn unknown_among(noun: &str, name: &str, known: Vec<String>, others: &[String]) -> CliError {
    let error = CliError::new(Exit::Usage, format!("there is no {noun} {name:?}"));
    let all: Vec<String> = known.iter().chain(others).cloned().collect();
    match nearest(name, &all) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None if known.is_empty() => error,
        None => error.hint(format!("There are {}.", some_of(known.into_iter()))),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    /// Names that have less in common than this do not look like a slip of the finger.
    const ALIKE_MIN: f64 = 0.75;
    let far = |known: &str| strsim::damerau_levenshtein(name, known);
    let alike = known.iter().filter(|known| strsim::jaro_winkler(name, known) >= ALIKE_MIN);
    alike.min_by_key(|known| far(known)).map(String::as_str)
}

fn some_of(names: impl ExactSizeIterator<Item = String>) -> String {
    /// Names in a sentence before the rest is only counted.
    const NAMES_MAX: usize = 10;
    let rest = names.len().saturating_sub(NAMES_MAX);
    let mut names: Vec<String> = names.take(NAMES_MAX).collect();
    if rest > 0 {
        names.push(format!("{rest} more"));
    }
    crate::report::words::sentence_list(&names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = vec!["prod".to_owned(), "staging".to_owned()];
        assert_eq!(unknown("cluster", "pord", known.clone()).hints, ["Did you mean prod?"]);
        assert_eq!(unknown("cluster", "x", known).hints, ["There are prod and staging."]);
        assert!(unknown("cluster", "x", Vec::new()).hints.is_empty());
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (0..13).map(|n| format!("c{n}")).collect();
        assert!(some_of(names.into_iter()).ends_with("c9 and 3 more"));
    }
}
