//! Settings of nix8s itself: the reconcile loop and what it may do alone.

use std::time::Duration;

use serde::Serialize;

/// `reconciler`: how the loop runs.
#[derive(Debug, Clone, Serialize)]
pub struct ReconcilerSettings {
    /// Pause between looks at the world when nothing else wakes the loop. 30s.
    pub interval: Duration,
    /// How long `apply` tries to converge. 1h.
    pub timeout: Duration,
    /// How many steps of a lane run at once.
    pub concurrency: Concurrency,
}

/// `reconciler.concurrency`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Concurrency {
    /// Machines looked at at once. 64: OpenSSH's MaxStartups is per machine, this bounds our own sockets.
    pub observe: usize,
    /// Systems built at once. 2.
    pub build: usize,
    /// Systems copied at once. 4.
    pub copy: usize,
    /// Machines installed at once. 5.
    pub install: usize,
    /// Machines joining at once. 8.
    pub join: usize,
}

impl Default for ReconcilerSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(3600),
            concurrency: Concurrency { observe: 64, build: 2, copy: 4, install: 5, join: 8 },
        }
    }
}

/// `policy`: what may happen without a person, in `run` and `apply --yes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Running things may be interrupted (drain, restart, reboot). true.
    pub interrupt: bool,
    /// Members may leave. false.
    pub remove: bool,
    /// Disks that hold something may be erased. false.
    pub erase: bool,
    /// Machines that one run may interrupt or remove. None: half of the workers, or 5 if that is more.
    pub max_affected: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { interrupt: true, remove: false, erase: false, max_affected: None }
    }
}
