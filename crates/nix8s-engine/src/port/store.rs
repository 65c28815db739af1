//! The state directory: the event log and the files beside it.

use std::io;

use nix8s_core::event::Event;

/// The state directory of one cluster, locked by whoever holds this.
///
/// Paths are relative, with `/`, made of plain names.
pub trait Store: Send + Sync {
    /// Appends events. They are durable when this returns.
    fn append(&self, events: &[Event]) -> io::Result<()>;

    /// Every whole event; a torn last line is dropped (and truncated away by the next append).
    fn events(&self) -> io::Result<Vec<Event>>;

    /// A file's bytes, or `None` when there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file whole or not at all: temporary file, fsync, rename, fsync of the folder.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file or an empty folder; it is no error if there is none.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Names in a folder, sorted; none if there is no such folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
}
