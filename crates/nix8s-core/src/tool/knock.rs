//! `nix8s doctor --knock`: what the resolver and the network of this computer say, asked by a program of our own so that it can
//! be asked of a simulated network too.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;
use serde::Serialize;

use super::Command;
use super::NotUnderstood;
use super::SHORT;
use super::json;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knocks {
    /// Names.
    pub names: BTreeSet<String>,
    /// Addresses and ports, as `host:port` or `[IPv6]:port`.
    pub ports: BTreeSet<String>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knocked {
    /// The addresses of each name; none: it has none.
    pub names: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Whether somebody listens.
    pub ports: BTreeMap<String, Door>,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// Somebody listens.
    Open,
    /// The computer is there, and nobody listens.
    Refused,
    /// No answer.
    Silent,
}

/// Asks.
pub fn ask(knocks: &Knocks) -> Command {
    let text = serde_json::to_string(knocks).expect("two lists of texts");
    Command::here(["nix8s", "-o", "json", "doctor", "--knock"], SHORT).reading(text)
}

/// Reads what [`ask`] printed.
///
/// # Errors
/// When it is not that.
pub fn answered(stdout: &str) -> Result<Knocked, NotUnderstood> {
    json("nix8s doctor --knock", stdout)
}
