//! The journal of one run: appends events, and keeps the past that they add up to.

use std::io;
use std::sync::Arc;

use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::past::Past;

use crate::port::Clock;
use crate::port::Store;
use crate::state::snapshot;

/// Appends events and keeps the past.
pub struct Journal {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    run: String,
    seq: u64,
    past: Past,
    snapshot: u64,
}

impl Journal {
    /// Reads the past. `run` names the run in every event that is recorded.
    ///
    /// # Errors
    /// When the log cannot be read, or is damaged.
    pub fn open(store: Arc<dyn Store>, clock: Arc<dyn Clock>, run: String) -> io::Result<Self> {
        let snapshot::Read { past, end, snapshot } = snapshot::read(&*store)?;
        Ok(Self { store, clock, run, seq: end.seq, past, snapshot })
    }

    /// What events say about before.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Records what happened, all at this moment; durable when this returns.
    ///
    /// # Errors
    /// When it could not be written; then nothing more may be done, since nobody would know of it.
    pub fn record(&mut self, whats: impl IntoIterator<Item = What>) -> io::Result<()> {
        let at = self.clock.now();
        let first = self.seq + 1;
        let events: Vec<Event> = whats
            .into_iter()
            .zip(first..)
            .map(|(what, seq)| Event { v: EVENT_VERSION, seq, at, run: self.run.clone(), what })
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        self.store.append(&events)?;
        self.seq += events.len() as u64;
        for event in &events {
            self.past.apply(event);
        }
        Ok(())
    }

    /// Keeps a snapshot of the past if the last is old, so that the next start reads little.
    ///
    /// # Errors
    /// When it could not be written. The journal is whole without it.
    pub fn keep_snapshot(&mut self) -> io::Result<()> {
        self.snapshot = snapshot::refresh(&*self.store, &self.past, self.snapshot)?;
        Ok(())
    }
}
