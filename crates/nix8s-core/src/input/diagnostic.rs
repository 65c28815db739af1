//! Problems in the input: all of them at once, each with a code and a place.

use serde::Serialize;

/// A problem in the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it cannot work, or may be meant.
    pub severity: Severity,
    /// Its code, `N8S-0123`: the same for the same kind of problem, for ever.
    pub code: &'static str,
    /// Where it stands; `None` when the document came without places (a flake).
    pub place: Option<Place>,
    /// The key, for example `clusters.prod.members.cp1.ip`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot work.
    Error,
    /// It may be meant.
    Warning,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as the user named it; `<stdin>` for standard input.
    pub file: String,
    /// Counts from 1.
    pub line: u32,
    /// Counts from 1, in characters.
    pub column: u32,
}
