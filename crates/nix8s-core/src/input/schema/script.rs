//! Scripts: one shape for hooks, activation scripts and global scripts.

use super::super::form;
use super::Key;
use super::Kind;
use super::TEXTS;
use super::key;
use super::older;

/// A command: its arguments, or a text for bash.
pub const COMMAND: Kind = Kind::Either(&[TEXTS, Kind::Text(&form::PROSE)]);

/// The moments at which a hook may run.
pub const MOMENTS: &[&str] = &[
    "pre-provision",
    "post-provision",
    "pre-join",
    "post-join",
    "pre-drain",
    "post-drain",
    "pre-update",
    "post-update",
    "post-delete",
    "on-error",
    "phase",
];

/// A script.
pub const SCRIPT: &[Key] = &[
    key("name", Kind::Text(&form::PLAIN)),
    key("when", Kind::Words(MOMENTS, &[])),
    key("phase", Kind::Text(&form::PLAIN)),
    key("scope", Kind::Words(&["cluster", "node"], &[])),
    key("nodes", Kind::List(&Kind::Text(&form::TEXT))),
    key("where", Kind::Words(&["local", "node"], &[])),
    key("run", TEXTS),
    key("text", Kind::Text(&form::PROSE)),
    key("deps", Kind::List(&Kind::Text(&form::PLAIN))),
    key("condition", COMMAND),
    key("timeout", Kind::Text(&form::DURATION)),
    key("onFailure", Kind::Words(&["stop", "continue"], &[])),
    key("repeat", Kind::Words(&["each-apply"], &[])),
    older("supportsDryRun", Kind::Flag, "nothing: a dry run runs no scripts"),
];

/// `scripts`.
pub const SCRIPTS: Kind = Kind::List(&Kind::Table(&[SCRIPT]));
