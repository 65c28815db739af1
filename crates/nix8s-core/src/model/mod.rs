//! What the configuration means: the resolved and validated description that everything else reads.

pub mod anywhere;
pub mod cluster;
pub mod machine;
pub mod name;
pub mod script;
pub mod secret;
pub mod settings;
pub mod size;
pub mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

pub use anywhere::*;
pub use cluster::*;
pub use machine::*;
pub use name::*;
pub use script::*;
pub use secret::*;
pub use settings::*;
pub use version::*;

/// Everything that one configuration describes.
#[derive(Debug, Clone, Serialize)]
pub struct Fleet {
    /// Independent clusters: each has its own plan, lock and state directory.
    pub clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    /// How the reconcile loop runs.
    pub reconciler: ReconcilerSettings,
    /// What may happen without a person.
    pub policy: Policy,
    /// The nixpkgs release that a YAML project builds with, for example `nixos-26.05`.
    pub nixpkgs: Option<String>,
}
