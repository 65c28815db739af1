//! Ports: everything that reaches the outside world goes through one of these five.

pub mod clock;
pub mod exec;
pub mod here;
pub mod kube;
pub mod rng;
pub mod store;

use std::sync::Arc;

pub use clock::Clock;
pub use exec::Exec;
pub use exec::ExecError;
pub use here::Here;
pub use kube::Evicted;
pub use kube::Kube;
pub use kube::KubeError;
pub use kube::Pod;
pub use rng::Rng;
pub use store::Place;
pub use store::Store;

/// The outside world of one cluster.
#[derive(Clone)]
pub struct Ports {
    /// Runs commands, here or over SSH.
    pub exec: Arc<dyn Exec>,
    /// The cluster's API server.
    pub kube: Arc<dyn Kube>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The state directory.
    pub store: Arc<dyn Store>,
    /// Nonces and run ids.
    pub rng: Arc<dyn Rng>,
}
