//! `bootstrap`: phases, activation scripts and users' own reconcilers.

use super::super::form;
use super::Kind;
use super::key;
use super::later;
use super::script::COMMAND;
use super::script::SCRIPT;

const SCRIPTS: Kind = Kind::Named(&form::PLAIN, &Kind::Table(&[SCRIPT]));

/// `bootstrap`.
pub const BOOTSTRAP: Kind = Kind::Table(&[&[
    later(
        "phases",
        Kind::Named(
            &form::PLAIN,
            &Kind::Table(&[&[
                key("order", Kind::Int(0, 100_000)),
                key("condition", COMMAND),
                key("activationScripts", SCRIPTS),
            ]]),
        ),
        "phases of bootstrap",
    ),
    later("activationScripts", SCRIPTS, "activation scripts"),
    later(
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
        "users' own reconcilers",
    ),
]]);
