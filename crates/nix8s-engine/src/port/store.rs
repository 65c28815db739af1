//! The state directory: the event log and the files beside it.

use std::io;

use nix8s_core::event::Event;

/// A place in the event log: between two events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Events before it.
    pub seq: u64,
}

/// The state directory of one cluster, locked by whoever holds this.
///
/// Paths are relative, with `/`, made of plain names.
pub trait Store: Send + Sync {
    /// Where the directory is, if it is on disk: what scripts are told.
    fn root(&self) -> Option<&std::path::Path> {
        None
    }

    /// Appends events. They are durable when this returns.
    fn append(&self, events: &[Event]) -> io::Result<()>;

    /// Every whole event; a torn last line is dropped (and truncated away by the next append).
    fn events(&self) -> io::Result<Vec<Event>> {
        Ok(self.events_after(Place::default())?.0)
    }

    /// Events after a place in the log that an earlier reading ended at, and where this reading ended.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the log is damaged, or does not reach as far as the place.
    fn events_after(&self, place: Place) -> io::Result<(Vec<Event>, Place)>;

    /// Where the log ends, if that is known without reading it; only then is a snapshot of the past kept.
    fn end(&self) -> Option<Place> {
        None
    }

    /// What a person should know about the directory since this was last asked: a torn last line, for example.
    fn take_warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// A file's bytes, or `None` when there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Whether there is such a file.
    fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.read(path)?.is_some())
    }

    /// Writes a file whole or not at all: temporary file, fsync, rename, fsync of the folder.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes several files, each whole or not at all; all are durable when this returns.
    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    /// Removes a file or an empty folder; it is no error if there is none.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Names in a folder, sorted; none if there is no such folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
}
