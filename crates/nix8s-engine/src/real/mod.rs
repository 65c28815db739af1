//! The real world behind the ports: programs here and on machines, the API server, the clock, random numbers.

pub mod agent;
mod evaluate;
mod host_key;
mod kube;
pub mod leftover;
mod login;
mod machines;
pub mod private;
mod process;
pub mod programs;
#[cfg(test)]
mod tests;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::port::Clock;
use crate::port::Ports;
use crate::port::Rng;
use crate::port::Store;
pub use host_key::NotAccepted;
pub use kube::Api;
pub use kube::check as check_kubeconfig;
pub use login::Given;
pub use machines::Machines;
pub use process::Processes;
pub use way::Ways;

/// The ports to the real world; commands here begin in `folder` (nix8s itself with `told` in its environment), and host keys are known from the state directory `state`. The
/// API server is asked with the kubeconfig that is kept in `store`; `given` is what it logs in with besides.
pub fn ports(
    folder: PathBuf,
    state: PathBuf,
    store: Arc<dyn Store>,
    told: Vec<(&'static str, String)>,
    given: Given,
) -> Ports {
    let machines = Machines::new(Processes::on_record(folder, Arc::clone(&store)), state);
    Ports {
        exec: Arc::new(machines.telling(told).logging_in(given)),
        kube: Arc::new(Api::new(store.clone())),
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
