//! What a document may say: tables of keys and what stands under them, from which documents are checked.

pub mod about;
pub mod bootstrap;
pub mod cluster;
pub mod json_schema;
pub mod node;
pub mod platform;
pub mod provisioning;
pub mod script;
pub mod settle;
pub mod walk;

use super::form;
use super::form::Form;

/// What may stand somewhere.
#[derive(Debug)]
pub enum Kind {
    /// Anything: handed on as it is.
    Any,
    /// Any map: handed on as it is.
    AnyMap,
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Int(i64, i64),
    /// A number within these bounds.
    Number(f64, f64),
    /// A text of a form.
    Text(&'static Form),
    /// One of these words; the second list holds older spellings of the same.
    Words(&'static [&'static str], &'static [&'static str]),
    /// A list.
    List(&'static Self),
    /// A map with keys that nix8s knows.
    Table(&'static [&'static [Key]]),
    /// A map with keys that the user chooses.
    Named(&'static Form, &'static Self),
    /// One or the other, told apart by whether it is a map, a list or neither.
    Either(&'static [Self]),
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What stands under it.
    pub kind: Kind,
    /// Whether it is honoured now.
    pub note: Note,
}

/// What else is known about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It is part of the fleet.
    Now,
    /// It is checked now and carried out by a later version of nix8s, which is said so in the plan.
    Later(&'static str),
    /// An older spelling of another key.
    Older(&'static str),
    /// Never shown.
    Secret,
}

/// A key that is honoured.
pub const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, note: Note::Now }
}

/// A key that is checked now and carried out later.
pub const fn later(name: &'static str, kind: Kind, what: &'static str) -> Key {
    Key { name, kind, note: Note::Later(what) }
}

/// A key that is an older spelling.
pub const fn older(name: &'static str, kind: Kind, now: &'static str) -> Key {
    Key { name, kind, note: Note::Older(now) }
}

/// A key whose value is never shown.
pub const fn secret(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, note: Note::Secret }
}

/// Lists of texts of a form.
pub const TEXTS: Kind = Kind::List(&Kind::Text(&form::TEXT));
/// A map of texts for annotations and the like.
pub const WORDS: Kind = Kind::List(&Kind::Text(&form::WORD));

/// The whole document.
pub const DOCUMENT: Kind = Kind::Table(&[&[
    key("nodes", Kind::Named(&form::LABEL, &node::NODE)),
    key("clusters", Kind::Named(&form::LABEL, &cluster::CLUSTER)),
    key("provisioning", provisioning::PROVISIONING),
    key("reconciler", RECONCILER),
    key("policy", POLICY),
    key("bootstrap", bootstrap::BOOTSTRAP),
    key("users", Kind::Named(&form::USER, &USER)),
    key("nixpkgs", Kind::Text(&form::RELEASE)),
]]);

/// Steps of a lane at once: more than machines in any lane makes no sense.
const LANE: Kind = Kind::Int(1, 1000);

const RECONCILER: Kind = Kind::Table(&[&[
    key("interval", Kind::Text(&form::DURATION)),
    key("timeout", Kind::Text(&form::DURATION)),
    key(
        "concurrency",
        Kind::Table(&[&[
            key("observe", LANE),
            key("build", LANE),
            key("copy", LANE),
            key("install", LANE),
            key("join", LANE),
        ]]),
    ),
]]);

const POLICY: Kind = Kind::Table(&[&[
    key("interrupt", Kind::Flag),
    key("remove", Kind::Flag),
    key("erase", Kind::Flag),
    key("maxAffected", Kind::Int(1, 1_000_000)),
]]);

const USER: Kind = Kind::Table(&[&[
    key("authorizedKeys", Kind::List(&Kind::Text(&form::PUBLIC_KEY))),
    key("sudo", Kind::Words(&["none", "passwordless", "password"], &["true", "false"])),
    key("hashedPasswordFile", Kind::Text(&form::FILE)),
    key("groups", Kind::List(&Kind::Text(&form::USER))),
]]);

/// Looking into a table without walking a document.
impl Kind {
    /// The place of a key in the order of the reference; keys that the table does not have come last.
    pub fn place_of(&self, key: &str) -> usize {
        match self {
            Self::Table(tables) => {
                let mut keys = tables.iter().flat_map(|table| table.iter());
                keys.position(|known| known.name == key).unwrap_or(usize::MAX)
            }
            Self::Either(kinds) => kinds.iter().map(|kind| kind.place_of(key)).min().unwrap_or(usize::MAX),
            Self::Any
            | Self::AnyMap
            | Self::Flag
            | Self::Int(..)
            | Self::Number(..)
            | Self::Text(_)
            | Self::Words(..)
            | Self::List(_)
            | Self::Named(..) => usize::MAX,
        }
    }

    /// What stands under a key of a map.
    pub fn below(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Table(tables) => {
                let mut keys = tables.iter().flat_map(|table| table.iter());
                keys.find(|known| known.name == key).map(|known| &known.kind)
            }
            Self::Named(_, below) => Some(below),
            Self::Either(kinds) => kinds.iter().find_map(|kind| kind.below(key)),
            Self::Any
            | Self::AnyMap
            | Self::Flag
            | Self::Int(..)
            | Self::Number(..)
            | Self::Text(_)
            | Self::Words(..)
            | Self::List(_) => None,
        }
    }

    /// What stands in a list.
    pub fn item(&self) -> Option<&Self> {
        match self {
            Self::List(item) => Some(item),
            Self::Either(kinds) => kinds.iter().find_map(Self::item),
            Self::Any
            | Self::AnyMap
            | Self::Flag
            | Self::Int(..)
            | Self::Number(..)
            | Self::Text(_)
            | Self::Words(..)
            | Self::Table(_)
            | Self::Named(..) => None,
        }
    }
}
