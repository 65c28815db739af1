//! Keeps a cluster as it is configured: the loop of `nix8s run`, which never ends by itself.
//!
//! What an `apply` would end with is a rest here. A run is put on record when there is something to do, and ends when
//! everything is as configured: so the log of a cluster that needs nothing does not grow.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use nix8s_core::permit::Risk;
use nix8s_core::plan::Wait;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::Ending;
use super::Given;
use super::PATIENCE;
use super::Report;
use super::Run;
use super::Settings;
use super::patience::next_look;
use crate::journal::Journal;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::stop::Stop;
use crate::users;
use crate::users::Told;
use crate::wake::Wake;
use crate::world::World;

/// Why a loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was asked to stop.
    Stopped,
    /// The configuration changed: it is to be begun again.
    Reconfigured,
}

/// Looks and carries out for ever what the permit of `world` allows: there is nobody to ask.
///
/// # Errors
/// When the state directory cannot be read or written. What was under way is dropped; the next run resumes.
pub async fn keep(world: &World, wake: &Wake, stop: &mut Stop, hear: &mut dyn Observer) -> io::Result<Kept> {
    let (tell, told) = mpsc::channel(users::MESSAGES);
    let (sender, settled) = watch::channel(BTreeSet::new());
    let supervised = users::supervise(world, settled, wake.touches(), tell);
    let kept = async {
        let mut hear = Told { hear, told, settled: Some(sender) };
        // Users' reconcilers end with the loop: it drops what tells them of it.
        round(world, wake, stop, &mut hear).await
    };
    let (kept, ()) = tokio::join!(kept, supervised);
    kept
}

async fn round(world: &World, wake: &Wake, stop: &mut Stop, hear: &mut dyn Observer) -> io::Result<Kept> {
    let clock = &world.ports.clock;
    let mut journal = Journal::open(world.ports.store.clone(), clock.clone(), world.run.clone())?;
    // What policy forbids is not planned, so there is nothing left to ask.
    let settings = Settings { command: COMMAND.to_owned(), covered: Some(Risk::Erases), patience: PATIENCE };
    let mut run = Run::new(world, &settings, clock.now());
    run.wake = Some(wake.clone());
    loop {
        if wake.is_reload() {
            run.close(&mut journal, &Ending::Interrupted, hear)?;
            return Ok(Kept::Reconfigured);
        }
        run.deadline = clock.now() + world.cluster.reconciler.timeout;
        let Some(ending) = run.cycle(&mut journal, &mut Given(Risk::Erases), stop, hear).await? else {
            continue;
        };
        match &ending {
            Ending::Interrupted => {
                run.close(&mut journal, &ending, hear)?;
                hear.hear(&Progress::Ended { ending });
                return Ok(Kept::Stopped);
            }
            Ending::Converged | Ending::Bug { .. } => {
                run.close(&mut journal, &ending, hear)?;
                run.report = Report::nothing();
            }
            // Still under way: what it has affected counts on (rule 17).
            Ending::NeedsPermit { .. }
            | Ending::WaitsOutside { .. }
            | Ending::TimedOut { .. }
            | Ending::Refused { .. } => {}
        }
        if run.rest(ending, stop, hear).await.is_some() {
            run.close(&mut journal, &Ending::Interrupted, hear)?;
            hear.hear(&Progress::Ended { ending: Ending::Interrupted });
            return Ok(Kept::Stopped);
        }
    }
}

/// What the record calls it.
pub const COMMAND: &str = "run";

impl Run<'_> {
    /// Rests until something may have changed.
    async fn rest(&mut self, ending: Ending, stop: &mut Stop, hear: &mut dyn Observer) -> Option<Ending> {
        let now = self.world.ports.clock.now();
        let waits: &[Wait] = self.plan.as_deref().map_or(&[], |plan| &plan.waits);
        let until = next_look(waits, now, self.world.cluster.reconciler.interval);
        hear.hear(&Progress::Rested { ending, until });
        self.pause(Duration::try_from(until.duration_since(now)).unwrap_or_default(), stop).await
    }
}
