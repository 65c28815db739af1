//! Carries a plan out many times in copies of a world, each time with other faults, and tells what it came to.
//!
//! Nothing outside memory is read or written. A run depends on its seed and on what it starts from alone, so that one
//! that is worth a look can be had again.

pub mod recorded;
pub mod run;
pub mod spread;
pub mod tally;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nix8s_core::model::Cluster;
use nix8s_core::permit::Permit;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Silent;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop::Level as StopLevel;
use nix8s_engine::stop::Stop;

use crate::fault::Level;
use crate::world::World;
use run::Run;

/// What every run starts from.
pub struct Start {
    /// What is wanted.
    pub cluster: Arc<Cluster>,
    /// What the user allows.
    pub permit: Permit,
    /// What there is; `None`: every machine is blank and answers as an installer.
    pub world: Option<World>,
    /// What is remembered.
    pub store: Memory,
    /// The world is like the one that was last recorded of real machines, and this had to be assumed for it.
    pub assumed: Option<Vec<String>>,
}

/// How to rehearse.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often.
    pub runs: u32,
    /// The seed of the first run. The next has the next.
    pub seed: u64,
    /// How much goes wrong.
    pub faults: Level,
}

impl Settings {
    /// The seed of a run, counted from 0. Seeds are mixed before anything is drawn from them, so that neighbours have
    /// nothing in common, and the first run of a seed is the same however many follow it.
    pub fn seed_of(&self, run: u32) -> u64 {
        self.seed.wrapping_add(u64::from(run))
    }
}

/// Carries everything out so many times, on all cores. `hear` is told of each run that ended, in any order; the runs
/// come back in theirs. `None`: it was stopped.
pub fn rehearse(
    start: &Start,
    settings: Settings,
    stop: &Stop,
    hear: &mut (dyn FnMut(&Run) + Send),
) -> Option<Vec<Run>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(settings.runs as usize);
    let next = AtomicU32::new(0);
    let ended = Mutex::new((Vec::new(), hear));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= settings.runs || stop.level() != StopLevel::Go {
                        return;
                    }
                    let run = once(start, settings, at, stop, &mut Silent);
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    (ended.1)(&run);
                    ended.0.push((at, run));
                }
            });
        }
    });
    if stop.level() != StopLevel::Go {
        return None;
    }
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner).0;
    ended.sort_by_key(|(at, _)| *at);
    Some(ended.into_iter().map(|(_, run)| run).collect())
}

/// Carries everything out once, with somebody who hears it all. The same run of the same settings is always the same.
pub fn once(start: &Start, settings: Settings, at: u32, stop: &Stop, story: &mut dyn Observer) -> Run {
    crate::explore::paused().block_on(run::run(
        start,
        settings.seed_of(at),
        settings.faults,
        &mut stop.clone(),
        story,
    ))
}
