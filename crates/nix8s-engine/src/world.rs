//! One cluster and the ports to it: what observing and carrying out share.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::Either;
use futures_util::future::select;
use nix8s_core::membership::Membership;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::permit::Permit;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;

use crate::port::ExecError;
use crate::port::KubeError;
use crate::port::Ports;
use crate::state::export;

/// How long one request to the API server may take: its own limit for requests that do not watch.
pub const REQUEST: Duration = Duration::from_secs(60);

/// One cluster and the ports to it.
pub struct World {
    /// What is wanted.
    pub cluster: Arc<Cluster>,
    /// The outside world.
    pub ports: Ports,
    /// Where systems are evaluated: a flake reference.
    pub flake: String,
    /// The user's leave.
    pub permit: Permit,
    /// Which run of nix8s.
    pub run: String,
    /// Machines that have left the configuration, as they were last configured: how to reach them.
    pub former: BTreeMap<MachineName, Arc<Machine>>,
    membership: OnceLock<Membership>,
}

impl World {
    /// A cluster and the ports to it; reads how to reach machines that have left the configuration.
    ///
    /// # Errors
    /// When the state directory could not be read.
    pub fn new(cluster: Arc<Cluster>, ports: Ports, flake: String, permit: Permit) -> io::Result<Self> {
        let run = format!("{:016x}", ports.rng.next());
        let former = export::former(&*ports.store, &cluster)?;
        Ok(Self { cluster, ports, flake, permit, run, former, membership: OnceLock::new() })
    }

    /// A machine, as it is configured or, if it has left the configuration, as it was.
    pub fn machine(&self, name: &MachineName) -> Option<&Arc<Machine>> {
        self.cluster.machines.get(name).or_else(|| self.former.get(name))
    }

    /// The cluster's membership data, rendered once: it is the same for every machine.
    pub fn membership(&self) -> &Membership {
        self.membership.get_or_init(|| nix8s_core::membership::render(&self.cluster))
    }

    /// Where the state directory is, for users' own programs, wherever they begin; empty if it is not on disk.
    pub fn state_dir(&self) -> String {
        let root =
            self.ports.store.root().map(|root| std::path::absolute(root).unwrap_or_else(|_| root.into()));
        root.map(|root| root.display().to_string()).unwrap_or_default()
    }

    /// Runs one command within its timeout. Cancel-safe as far as [`crate::port::Exec::run`] is.
    ///
    /// # Errors
    /// When nobody knows whether or how it ran; [`ExecError::TimedOut`] when it did not end in time.
    pub async fn exec(&self, command: &Command) -> Result<Output, ExecError> {
        let run = pin!(self.ports.exec.run(command));
        let late = pin!(self.ports.clock.sleep(command.timeout));
        match select(run, late).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(ExecError::TimedOut),
        }
    }

    /// Asks the API server; an answer that does not come in time is none.
    ///
    /// # Errors
    /// When it did not answer, or refused.
    pub async fn kube<T>(
        &self,
        timeout: Duration,
        call: impl Future<Output = Result<T, KubeError>>,
    ) -> Result<T, KubeError> {
        let call = pin!(call);
        let late = pin!(self.ports.clock.sleep(timeout));
        match select(call, late).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(KubeError::Unreachable),
        }
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.ports.clock.sleep(duration).await;
    }
}
