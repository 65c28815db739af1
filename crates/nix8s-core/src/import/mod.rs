//! Documents of earlier designs become ours, once, with a list of what could not be carried over.
//!
//! Each importer takes settings out of the earlier document and puts them where they stand today. What nobody took
//! is found at the end and named, so that no key can be forgotten.

pub mod cluster_config;
pub mod cluster_nix;
pub mod draft;
pub mod hive;
pub mod note;
pub mod secret;
pub mod source;
pub mod state;

use serde_json::Value;

use crate::input;
use crate::input::At;
use crate::input::Diagnostic;
use crate::input::Severity;
use draft::Draft;
pub use note::Note;
pub use note::Why;
use source::Source;

/// The Nix function that turns any value into what JSON can hold: paths become texts and are not copied into the
/// store, and what cannot be said in JSON is marked.
pub const PLAIN: &str = include_str!("plain.nix");

/// The Nix function that reads a folder with one file or folder for each machine.
pub const MACHINES: &str = include_str!("machines.nix");

/// What importing gives.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The document of today.
    pub document: Value,
    /// What was not carried over, or otherwise than it was written, by path.
    pub notes: Vec<Note>,
    /// What is wrong with the document: errors of the earlier one, which it had without knowing.
    pub problems: Vec<Diagnostic>,
}

/// A design whose documents can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// The kubeadm design's `clusterConfig`.
    ClusterConfig,
    /// The `cluster.nix` of k3s with keepalived.
    ClusterNix,
    /// A hive of NixOS machines, as colmena takes it.
    Hive,
}

impl Design {
    /// Every design, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::ClusterConfig, Self::ClusterNix, Self::Hive];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterConfig => "cluster-config",
            Self::ClusterNix => "cluster-nix",
            Self::Hive => "hive",
        }
    }
}

/// Imports the JSON form of an earlier document; `name` is what its source is called in problems.
///
/// # Errors
/// When the text is not JSON, or no map.
pub fn import(design: Design, name: &str, bytes: &[u8]) -> Result<Imported, Vec<Diagnostic>> {
    let mut source = Source::parse(name, bytes)?;
    let mut draft = Draft::default();
    match design {
        Design::ClusterConfig => cluster_config::import(&mut source, &mut draft),
        Design::ClusterNix => cluster_nix::import(&mut source, &mut draft),
        Design::Hive => hive::import(&mut source, &mut draft),
    }
    let (document, twice) = draft.finish();
    twice.into_iter().for_each(|twice| source.twice(twice));
    let text = document.to_string().into_bytes();
    let loaded = input::load(&[input::Source { name: name.to_owned(), at: At::Document, bytes: text }]);
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    // Places would be those of the draft, which nobody sees.
    let problems = loaded.diagnostics.into_iter().filter(is_error);
    let problems = problems.map(|problem| Diagnostic { place: None, ..problem }).collect();
    Ok(Imported { document, notes: source.finish(), problems })
}
