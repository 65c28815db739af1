//! A store for commands that only look: it reads what is there, and forgets what is written.

use std::io;
use std::sync::Arc;

use nix8s_core::event::Event;
use nix8s_engine::port::Place;
use nix8s_engine::port::Store;

/// Reads from a store and changes nothing in it, so that looking goes the same way as carrying out.
pub struct Scratch(pub Arc<dyn Store>);

impl Store for Scratch {
    fn root(&self) -> Option<&std::path::Path> {
        self.0.root()
    }

    fn append(&self, _events: &[Event]) -> io::Result<()> {
        Ok(())
    }

    fn events_after(&self, place: Place) -> io::Result<(Vec<Event>, Place)> {
        self.0.events_after(place)
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.read(path)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn write(&self, _path: &str, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.0.list(path)
    }
}
