//! The state directory, seen by the simulated world: writes can fail and the process can die around them.

use std::io;
use std::sync::Arc;

use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_engine::port::Place;
use nix8s_engine::port::Store;

use crate::fault::CallFault;
use crate::shared::Shared;

/// Any store, with faults.
pub struct SimStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) shared: Arc<Shared>,
}

impl SimStore {
    fn around(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.shared.moment_now() {
            return Err(io::Error::other("the process is dead"));
        }
        let fault = self.shared.state_fault();
        if fault == Some(CallFault::Fails) {
            return Err(io::Error::other("no space left on device (simulated)"));
        }
        write()?;
        if self.shared.moment_now() {
            return Err(io::Error::other("the process is dead"));
        }
        if fault == Some(CallFault::LostAfter) {
            return Err(io::Error::other("fsync failed (simulated)"));
        }
        Ok(())
    }
}

impl Store for SimStore {
    fn root(&self) -> Option<&std::path::Path> {
        self.inner.root()
    }

    fn append(&self, events: &[Event]) -> io::Result<()> {
        let before = self.inner.end();
        let appended = self.around(|| self.inner.append(events));
        // A write that was reported to have failed may have been made all the same: then the next run reads it.
        if appended.is_err() && self.inner.end() == before {
            return appended;
        }
        for event in events {
            if let What::Started { effect } = &event.what {
                self.shared.with(|w| w.check_intent(effect));
            }
            if let What::Failed { effect, .. } = &event.what
                && let Some(machine) = effect.machine()
            {
                // Whatever went wrong with it, nix8s may have given it up until somebody says otherwise.
                self.shared.with(|w| {
                    let now = w.now;
                    w.check.trouble.insert(machine.clone(), now);
                });
            }
            if let What::Failed { effect, failure } = &event.what
                && let (Some(machine), Some(system)) = (effect.machine(), &failure.bad_system)
            {
                self.shared.with(|w| w.gates_failed(machine, system));
            }
        }
        appended
    }

    fn events_after(&self, place: Place) -> io::Result<(Vec<Event>, Place)> {
        self.inner.events_after(place)
    }

    fn end(&self) -> Option<Place> {
        self.inner.end()
    }

    fn take_warnings(&self) -> Vec<String> {
        self.inner.take_warnings()
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.inner.exists(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.around(|| self.inner.write(path, bytes))
    }

    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        self.around(|| self.inner.write_all(files))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.around(|| self.inner.remove(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }
}
