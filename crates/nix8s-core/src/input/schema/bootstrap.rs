//! `bootstrap`: phases, activation scripts and users' own reconcilers.

use super::super::form;
use super::Kind;
use super::key;
use super::script::COMMAND;
use super::script::SCRIPT;

const SCRIPTS: Kind = Kind::Named(&form::PLAIN, &Kind::Table(&[SCRIPT]));

/// `bootstrap`.
pub const BOOTSTRAP: Kind = Kind::Table(&[&[
    key(
        "phases",
        Kind::Named(
            &form::PLAIN,
            &Kind::Table(&[&[
                key("order", Kind::Int(0, 100_000)),
                key("condition", COMMAND),
                key("activationScripts", SCRIPTS),
            ]]),
        ),
    ),
    key("activationScripts", SCRIPTS),
    key(
        "reconcilers",
        Kind::Named(
            &form::PLAIN,
            &Kind::Table(&[&[
                key("enable", Kind::Flag),
                key("after", Kind::List(&Kind::Text(&form::PLAIN))),
                key("run", super::TEXTS),
                key("interval", Kind::Text(&form::DURATION)),
                key("watchPaths", Kind::List(&Kind::Text(&form::FILE))),
            ]]),
        ),
    ),
]]);
