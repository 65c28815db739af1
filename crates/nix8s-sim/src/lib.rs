//! A world in memory behind the same ports as the real one: machines, disks, boot, networks, services, etcd, an API
//! server, pods, time, and faults; everything random comes from one seed.
//!
//! [`open`] gives the world that is kept in a state directory (`--simulate`); [`Simulation::new`] one in memory alone.
//! [`Simulation::ports`] are what `nix8s_engine` works through. Time is tokio's: without a pace the runtime must be
//! current-thread with its clock paused, and time jumps whenever nothing runs; with a pace, one real second is
//! [`clock::PACE`] virtual seconds times the pace.
//!
//! [`alter`] changes the world by hand. [`check`] watches every change from outside. [`explore`] runs a whole life of
//! a generated cluster from a seed.
//!
//! Setting `NIX8S_SIM_KILL_AT=N` lets the process kill itself (SIGKILL) at the N-th moment; every call of a port has
//! two, before and after its effect.

pub mod alter;
pub mod check;
pub mod clock;
pub mod exec;
pub mod explore;
pub mod fault;
pub mod fleet;
pub mod journal;
pub mod kube;
pub mod make;
pub mod random;
pub mod rehearse;
pub mod shared;
pub mod store;
pub mod watch;
pub mod world;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use nix8s_core::model::Cluster;
use nix8s_core::permit::Permit;
use nix8s_engine::port::Ports;
use nix8s_engine::port::Rng;
use nix8s_engine::port::Store;

use check::Violation;
use clock::SimClock;
use fault::Faults;
use journal::Journal;
use random::Random;
use shared::Death;
use shared::Shared;
use world::Ms;
use world::World;

/// How a world is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Where everything random comes from; a world that exists keeps its own.
    pub seed: u64,
    /// How much goes wrong.
    pub faults: fault::Level,
    /// Real time, faster: see [`clock::PACE`]. `None`: time jumps.
    pub pace: Option<f64>,
    /// The clock shows at least this, for example the time of the last event.
    pub not_before: Option<jiff::Timestamp>,
}

/// The time at which every new world begins: 2026-01-05 08:00 UTC, a Monday.
pub const BEGINNING: Ms = 1_767_600_000_000;

/// A simulated world and the ports to it.
#[derive(Clone)]
pub struct Simulation {
    shared: Arc<Shared>,
}

/// Opens the world in a state directory, or makes one in which every machine answers as an installer with blank disks.
/// Machines that the configuration has gained since are bought. Must be called inside the tokio runtime.
///
/// # Errors
/// When the directory cannot be read or written, or its world is damaged.
pub fn open(dir: &Path, fleet: &Arc<Cluster>, options: Options) -> io::Result<Simulation> {
    let mut world = match Journal::read(dir, fleet)? {
        Some(world) => world,
        None => make::world(fleet, options.seed, BEGINNING),
    };
    if let Some(at) = options.not_before {
        world.advance(at.as_millisecond());
    }
    make::provide(&mut world);
    world.begin_faults(options.faults, fault::HORIZON);
    // Another command draws other faults, or what failed would fail for ever.
    let faults = Faults::new(options.faults, random::mix(world.seed ^ world.fresh()));
    let journal = Journal::create(dir, &world)?;
    world.take_changed();
    let death = std::env::var("NIX8S_SIM_KILL_AT")
        .ok()
        .and_then(|n| n.parse().ok())
        .map_or(Death::Never, Death::Kill);
    let clock = SimClock::new(world.now, options.pace);
    Ok(Simulation { shared: Arc::new(Shared::new(clock, world, faults, Some(journal), death)) })
}

impl Simulation {
    /// A world in memory alone. Must be called inside the tokio runtime.
    pub fn new(mut world: World, options: Options) -> Self {
        let clock = SimClock::new(world.now, options.pace);
        world.begin_faults(options.faults, fault::HORIZON);
        let faults = Faults::new(options.faults, options.seed);
        Self { shared: Arc::new(Shared::new(clock, world, faults, None, Death::Never)) }
    }

    /// The ports to this world, with a store that its faults reach.
    pub fn ports(&self, store: Arc<dyn Store>) -> Ports {
        self.shared.set_store(Arc::clone(&store));
        let shared = || Arc::clone(&self.shared);
        Ports {
            exec: Arc::new(exec::SimExec { shared: shared() }),
            kube: Arc::new(kube::SimKube { shared: shared() }),
            clock: Arc::clone(&self.shared.clock) as Arc<dyn nix8s_engine::port::Clock>,
            store: Arc::new(store::SimStore { inner: store, shared: shared() }),
            // Another run draws other nonces and ids, as a real one would.
            rng: Arc::new(SimRng(Mutex::new(self.shared.with(|w| w.random("rng"))))),
        }
    }

    /// Works on the world, for [`alter`] and for looking.
    pub fn with<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        self.shared.with(f)
    }

    /// Tells the check what the user's leave for the next run is; without it, rules about leave are not checked.
    pub fn new_run(&self, permit: &Permit) {
        self.shared.with(|w| w.check.new_run(permit, w.now));
    }

    /// Rules that were broken so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.with(|w| w.check.violations.clone())
    }

    /// Ends the work of a command: what comes next reads the world as it is, and not everything that happened in it.
    ///
    /// # Errors
    /// When the world could not be written anew. It is whole without that.
    pub fn close(&self) -> io::Result<()> {
        self.shared.compact()
    }

    /// What the ports share: for deaths and revivals.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

struct SimRng(Mutex<Random>);

impl Rng for SimRng {
    fn next(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bits()
    }
}
