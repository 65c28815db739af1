//! The configuration that a command works on, and which of its clusters.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use nix8s_core::input::Diagnostic;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_core::tool::nix::Refusal;
use nix8s_engine::port::ExecError;
use nix8s_engine::source;
use nix8s_engine::source::Found;
use nix8s_engine::source::Search;
use nix8s_engine::source::SourceError;
use nix8s_engine::source::evaluate::EvaluateError;

use crate::commands::Cx;
use crate::commands::here;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::report::diagnostic;

/// Finds and reads the sources of the configuration.
pub fn sources(cx: &Cx<'_>) -> Result<Vec<Source>, CliError> {
    let found = found(cx)?;
    if let (Some(flake), Detail::Verbose) = (&found.passed_over, cx.out.detail) {
        let flake = flake.display();
        cx.out.say(&format!("{flake} is not read: the YAML beside it wins. `--config {flake}` reads it."));
    }
    here::wait(source::read(found, &here::programs()))?.map_err(unreadable)
}

/// The files of the configuration, of which a flake's is one; nothing is evaluated.
pub fn files(cx: &Cx<'_>) -> Result<Vec<PathBuf>, CliError> {
    let found = found(cx)?;
    let texts = found.texts.into_iter().map(|text| text.name);
    Ok(found.flake.map(|flake| flake.name).into_iter().chain(texts).map(PathBuf::from).collect())
}

fn found(cx: &Cx<'_>) -> Result<Found, CliError> {
    let from = std::env::current_dir().map_err(|error| {
        CliError::new(Exit::Failed, "could not tell the current directory").because(error)
    })?;
    let search = Search { config: cx.global.config.as_deref(), from: &from };
    source::find(&search, &mut io::stdin().lock()).map_err(unreadable)
}

fn unreadable(error: SourceError) -> CliError {
    let (exit, said, hints) = match &error {
        SourceError::NotFound { .. } | SourceError::EmptyFolder { .. } => {
            let hint = "Begin with `nix8s init`, or name a configuration with --config.";
            (Exit::Configuration, Vec::new(), vec![hint.to_owned()])
        }
        SourceError::Flake { source, .. } => (evaluation(source), words(source), unevaluated(source)),
        SourceError::Several { .. }
        | SourceError::Name { .. }
        | SourceError::TooLarge { .. }
        | SourceError::Read { .. } => (Exit::Configuration, Vec::new(), Vec::new()),
    };
    let wrong = CliError::new(exit, "could not read the configuration").because(error).said(said);
    hints.into_iter().fold(wrong, CliError::hint)
}

/// How a command ends whose evaluation failed.
pub fn evaluation(error: &EvaluateError) -> Exit {
    match error {
        EvaluateError::Exec(ExecError::Missing { .. }) => Exit::Program,
        EvaluateError::Exec(_) | EvaluateError::TooLong { .. } => Exit::Failed,
        EvaluateError::Refused { .. }
        | EvaluateError::NotJson(_)
        | EvaluateError::TooLarge
        | EvaluateError::Name => Exit::Configuration,
    }
}

/// What nix said when it refused.
pub fn words(error: &EvaluateError) -> Vec<String> {
    match error {
        EvaluateError::Refused { words, .. } => words.clone(),
        EvaluateError::Exec(_)
        | EvaluateError::TooLong { .. }
        | EvaluateError::NotJson(_)
        | EvaluateError::TooLarge
        | EvaluateError::Name => Vec::new(),
    }
}

/// What to do about an evaluation that failed.
pub fn unevaluated(error: &EvaluateError) -> Vec<String> {
    let hint = match error {
        EvaluateError::Exec(ExecError::Missing { .. }) => {
            "Install Nix, 2.18 or newer: https://nixos.org/download, or your system's package `nix`."
        }
        EvaluateError::Refused { why: Refusal::NoOutput, .. } => {
            "The flake needs an output `nix8s`, the configuration; `nix8s init --format flake DIR` shows one."
        }
        EvaluateError::Refused { why: Refusal::NotTracked, .. } => {
            "In a Git repository Nix sees only files that Git knows: `git add` them; a commit is not needed."
        }
        EvaluateError::Refused { why: Refusal::Function, .. } => {
            "The output is data, as JSON would hold it: functions and modules stay inside of the flake."
        }
        EvaluateError::NotJson(_) => "Is the `nix` on your PATH the package manager?",
        EvaluateError::Exec(_)
        | EvaluateError::TooLong { .. }
        | EvaluateError::Refused { why: Refusal::Other, .. }
        | EvaluateError::TooLarge
        | EvaluateError::Name => return Vec::new(),
    };
    vec![hint.to_owned()]
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
