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
        self.keys().iter().position(|known| known.name == key).unwrap_or(usize::MAX)
    }

    /// What may stand here: itself, or each of several kinds.
    fn alternatives(&self) -> Vec<&Self> {
        match self {
            Self::Either(kinds) => kinds.iter().flat_map(Self::alternatives).collect(),
            kind => vec![kind],
        }
    }

    /// The keys that may stand directly in it, in the order of the tables.
    pub fn keys(&self) -> Vec<&'static Key> {
        let mut keys = Vec::new();
        for kind in self.alternatives() {
            if let Self::Table(tables) = kind {
                keys.extend(tables.iter().flat_map(|table| table.iter()));
            }
        }
        keys
    }

    /// What stands in lists and under the names of maps, each with how paths spell that: `[]` and `.*`.
    pub fn insides(&self) -> Vec<(&'static str, &'static Self)> {
        let mut insides = Vec::new();
        for kind in self.alternatives() {
            if let Self::Named(_, below) = kind {
                insides.push((".*", *below));
            }
            if let Self::List(below) = kind {
                insides.push(("[]", *below));
            }
        }
        insides
    }

    /// What stands under a key of a map.
    pub fn below(&self, key: &str) -> Option<&'static Self> {
        let known = self.keys().into_iter().find(|known| known.name == key).map(|known| &known.kind);
        known.or_else(|| self.inside(".*"))
    }

    /// What stands in a list.
    pub fn item(&self) -> Option<&'static Self> {
        self.inside("[]")
    }

    fn inside(&self, mark: &str) -> Option<&'static Self> {
        self.insides().into_iter().find(|(is, _)| *is == mark).map(|(_, kind)| kind)
    }
}
