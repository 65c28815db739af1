//! A state directory in memory: for the simulated world's tests, with writes that can be torn or fail.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use nix8s_core::event::Event;

use super::layout::LOG;
use super::log;
use crate::port::Place;
use crate::port::Store;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Whole,
    /// Nothing is written, and an error says so.
    Fails,
    /// So many bytes of an append are written (at most all but one), and then an error: what a kill in the middle
    /// leaves. A file that is replaced whole has no such middle: it stays as it was.
    Torn(usize),
}

/// Decides what becomes of each write; called with the path.
pub type Faults = Box<dyn FnMut(&str) -> Fate + Send>;

/// A state directory in memory.
#[derive(Default)]
pub struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    log: Vec<u8>,
    end: Place,
    files: BTreeMap<String, Vec<u8>>,
    faults: Option<Faults>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that holds an event log and files already.
    ///
    /// # Errors
    /// When the log is damaged.
    pub fn holding(log: Vec<u8>, files: BTreeMap<String, Vec<u8>>) -> io::Result<Self> {
        let end = log::decode(&log, Place::default())?.end;
        Ok(Self { inner: Mutex::new(Inner { log, end, files, faults: None }) })
    }

    /// Every file beside the event log.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().files.clone()
    }

    /// Another one with the same content, whose writes are whole.
    pub fn fork(&self) -> Self {
        let inner = self.lock();
        let (log, end, files) = (inner.log.clone(), inner.end, inner.files.clone());
        Self { inner: Mutex::new(Inner { log, end, files, faults: None }) }
    }

    /// Lets `faults` decide what becomes of each write from now on; `None`: all are whole.
    pub fn set_faults(&self, faults: Option<Faults>) {
        self.lock().faults = faults;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn fate(&mut self, path: &str) -> Fate {
        self.faults.as_mut().map_or(Fate::Whole, |faults| faults(path))
    }
}

fn failed(path: &str) -> io::Error {
    io::Error::other(format!("writing {path} failed"))
}

impl Store for Memory {
    fn append(&self, events: &[Event]) -> io::Result<()> {
        let mut inner = self.lock();
        let bytes = log::encode(events);
        let whole = inner.end.offset as usize;
        inner.log.truncate(whole);
        match inner.fate(LOG) {
            Fate::Whole => {
                inner.log.extend_from_slice(&bytes);
                inner.end.offset += bytes.len() as u64;
                inner.end.seq += events.len() as u64;
                Ok(())
            }
            Fate::Fails => Err(failed(LOG)),
            Fate::Torn(length) => {
                let length = length.min(bytes.len().saturating_sub(1));
                inner.log.extend_from_slice(&bytes[..length]);
                // Whole lines before the tear count: whoever reads the log next sees them.
                let lines = bytes[..length].iter().filter(|b| **b == b'\n').count() as u64;
                let end = bytes[..length].iter().rposition(|b| *b == b'\n').map_or(0, |at| at as u64 + 1);
                inner.end.offset += end;
                inner.end.seq += lines;
                Err(failed(LOG))
            }
        }
    }

    fn events_after(&self, place: Place) -> io::Result<(Vec<Event>, Place)> {
        let inner = self.lock();
        let Some(bytes) = inner.log.get(place.offset as usize..) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the log ends before this place"));
        };
        let decoded = log::decode(bytes, place)?;
        Ok((decoded.events, decoded.end))
    }

    fn end(&self) -> Option<Place> {
        Some(self.lock().end)
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.lock().files.get(path).cloned())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.lock().files.contains_key(path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        match inner.fate(path) {
            Fate::Whole => {
                inner.files.insert(path.to_owned(), bytes.to_vec());
                Ok(())
            }
            Fate::Fails | Fate::Torn(_) => Err(failed(path)),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.lock().files.remove(path);
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let inner = self.lock();
        let prefix = format!("{path}/");
        let below = inner.files.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let names: BTreeSet<&str> =
            below.map(|(name, _)| name[prefix.len()..].split('/').next().unwrap_or_default()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}
