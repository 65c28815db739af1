//! The real world behind the ports: programs here and on machines, the clock, random numbers.

pub mod agent;
mod host_key;
pub mod leftover;
mod machines;
pub mod private;
mod process;
#[cfg(test)]
mod tests;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use nix8s_core::model::MachineName;
use nix8s_core::observed::ApiSeen;
use nix8s_core::plan::MetadataPatch;

use crate::port::Clock;
use crate::port::Evicted;
use crate::port::Kube;
use crate::port::KubeError;
use crate::port::Pod;
use crate::port::Ports;
use crate::port::Rng;
use crate::port::Store;
pub use host_key::NotAccepted;
pub use machines::Machines;
pub use process::Processes;
pub use way::Ways;

/// The ports to the real world; commands here begin in `folder`, and host keys are known from the state directory `state`. No
/// API server can be reached yet.
pub fn ports(folder: PathBuf, state: PathBuf, store: Arc<dyn Store>) -> Ports {
    Ports {
        exec: Arc::new(Machines::new(Processes::on_record(folder, Arc::clone(&store)), state)),
        kube: Arc::new(NoKube),
        clock: Arc::new(SystemClock),
        store,
        rng: Arc::new(SystemRng),
    }
}

/// The computer's clock.
#[derive(Debug)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The kernel's random numbers.
#[derive(Debug)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn next(&self) -> u64 {
        let mut bytes = [0; 8];
        let read = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
        assert_eq!(read, Ok(bytes.len()), "the kernel gives 8 random bytes");
        u64::from_le_bytes(bytes)
    }
}

/// No API server: where every machine is left alone there is none to ask.
#[derive(Debug)]
struct NoKube;

#[async_trait]
impl Kube for NoKube {
    async fn look(&self) -> Result<ApiSeen, KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn cordon(&self, _node: &MachineName, _owner: &str) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn uncordon(&self, _node: &MachineName) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn pods(&self, _node: &MachineName) -> Result<Vec<Pod>, KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn evict(&self, _pod: &Pod) -> Result<Evicted, KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn delete_node(&self, _node: &MachineName, _uid: &str) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn set_metadata(&self, _node: &MachineName, _patch: &MetadataPatch) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn remove_etcd_member(&self, _node: &MachineName) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }

    async fn install_platform(&self, _platform: &str, _version: &str) -> Result<(), KubeError> {
        Err(KubeError::Unreachable)
    }
}
