//! The event log's format: one JSON document a line, counted from 1; the last line may be torn, no other may.

use std::io;

use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;

use crate::port::Place;

/// What a log holds.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The whole events.
    pub events: Vec<Event>,
    /// Where they end.
    pub end: Place,
    /// Bytes of a torn last line: written by a run that was killed, never reported as done, and dropped.
    pub torn: u64,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Damage {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damage)
    }
}

/// Lines for events.
pub fn encode(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.len() * 256);
    for event in events {
        serde_json::to_writer(&mut bytes, event).expect("events have no maps with keys that are not strings");
        bytes.push(b'\n');
    }
    bytes
}

/// Reads what stands in the log after `from`; `bytes` begins there.
///
/// # Errors
/// When a line that is not the last is no event, or a number is missing or repeated.
pub fn decode(bytes: &[u8], from: Place) -> Result<Decoded, Damage> {
    let mut decoded = Decoded { end: from, ..Decoded::default() };
    let mut rest = bytes;
    while !rest.is_empty() {
        let line = decoded.end.seq + 1;
        let Some(length) = rest.iter().position(|b| *b == b'\n') else {
            decoded.torn = rest.len() as u64;
            break;
        };
        let (text, after) = rest.split_at(length + 1);
        match one(&text[..length], line) {
            Ok(event) => decoded.events.push(event),
            // File systems may leave zeros where an append was cut off: a last line that is no event is torn too.
            Err(_) if after.is_empty() => {
                decoded.torn = rest.len() as u64;
                break;
            }
            Err(damage) => return Err(damage),
        }
        decoded.end = Place { offset: decoded.end.offset + length as u64 + 1, seq: line };
        rest = after;
    }
    Ok(decoded)
}

fn one(text: &[u8], line: u64) -> Result<Event, Damage> {
    let event: Event = serde_json::from_slice(text).map_err(|e| Damage { line, why: e.to_string() })?;
    if event.v > EVENT_VERSION {
        let why = format!("written by a newer nix8s (event version {}, known: {EVENT_VERSION})", event.v);
        return Err(Damage { line, why });
    }
    if event.seq != line {
        return Err(Damage { line, why: format!("event {} stands where event {line} belongs", event.seq) });
    }
    Ok(event)
}
