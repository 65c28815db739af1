//! The past as of some place in the event log, so that starting reads little. A cache: missing, stale or damaged, it is
//! made again from the events.

use std::io;

use nix8s_core::past::Past;
use serde::Deserialize;
use serde::Serialize;

use super::layout;
use crate::port::Place;
use crate::port::Store;

/// The version of the snapshot's content. Raised whenever [`Past`] changes, or what it makes of an event: an older
/// snapshot is then not read, and made again.
const VERSION: u32 = 2;

/// A snapshot is made again when this many events came after it: reading so many takes a few milliseconds.
const EVENTS_AFTER_MAX: u64 = 1000;

#[derive(Serialize, Deserialize)]
struct Snapshot<P> {
    schema: u32,
    nix8s: String,
    place: Place,
    past: P,
}

/// The past, where its events end, and where its snapshot stands.
pub struct Read {
    /// The past.
    pub past: Past,
    /// Where the log ends.
    pub end: Place,
    /// Events that the snapshot holds.
    pub snapshot: u64,
}

/// Reads the past: from the snapshot and the events after it, or from all events.
///
/// # Errors
/// When the event log cannot be read or is damaged.
pub fn read(store: &dyn Store) -> io::Result<Read> {
    if let Some((mut past, place)) = load(store)
        && let Ok((events, end)) = store.events_after(place)
    {
        for event in &events {
            past.apply(event);
        }
        return Ok(Read { past, end, snapshot: place.seq });
    }
    let (events, end) = store.events_after(Place::default())?;
    Ok(Read { past: Past::from_events(&events), end, snapshot: 0 })
}

fn load(store: &dyn Store) -> Option<(Past, Place)> {
    let bytes = store.read(layout::SNAPSHOT).ok()??;
    let snapshot: Snapshot<Past> = serde_json::from_slice(&bytes).ok()?;
    let current = snapshot.schema == VERSION && snapshot.nix8s == env!("CARGO_PKG_VERSION");
    current.then_some((snapshot.past, snapshot.place))
}

/// Writes a snapshot if many events came after the last; returns where it stands.
///
/// # Errors
/// When it could not be written.
pub fn refresh(store: &dyn Store, past: &Past, snapshot: u64) -> io::Result<u64> {
    let Some(end) = store.end() else { return Ok(snapshot) };
    if end.seq - snapshot < EVENTS_AFTER_MAX {
        return Ok(snapshot);
    }
    keep(store, past)?;
    Ok(end.seq)
}

/// Writes a snapshot of the past as of the log's end.
///
/// # Errors
/// When it could not be written.
pub fn keep(store: &dyn Store, past: &Past) -> io::Result<()> {
    let place = store.end().unwrap_or_default();
    let nix8s = env!("CARGO_PKG_VERSION").to_owned();
    let content = Snapshot { schema: VERSION, nix8s, place, past };
    let bytes = serde_json::to_vec(&content).map_err(io::Error::other)?;
    store.write(layout::SNAPSHOT, &bytes)
}
