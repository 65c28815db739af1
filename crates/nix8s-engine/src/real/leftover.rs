//! What a nix8s that was killed leaves running here: users' programs are on record while they run, and the next one that
//! holds the lock ends those that still do.

use std::io;
use std::sync::Arc;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

use crate::port::Store;
use crate::state::layout;

/// A program that is on record; no longer, when this is dropped.
pub(super) struct OnRecord {
    store: Arc<dyn Store>,
    path: String,
}

impl OnRecord {
    /// Puts the leader of a process group on record.
    pub(super) fn new(store: &Arc<dyn Store>, leader: Pid) -> io::Result<Self> {
        let id = leader.as_raw_nonzero().get();
        let path = layout::running(id);
        store.write(&path, began(id).unwrap_or_default().as_bytes())?;
        Ok(Self { store: Arc::clone(store), path })
    }
}

impl Drop for OnRecord {
    fn drop(&mut self) {
        // What stays on record and does not run is left alone by the next one.
        let _ = self.store.remove(&self.path);
    }
}

/// Ends what an earlier nix8s left running, with everything that it started; how many there were.
///
/// Assumptions: the caller holds the lock, so that nobody runs them any more.
///
/// # Errors
/// When the record could not be read.
pub fn end(store: &dyn Store) -> io::Result<usize> {
    let mut ended = 0;
    for name in store.list(layout::RUNNING)? {
        let Ok(id) = name.parse::<i32>() else { continue };
        let recorded = store.read(&layout::running(id))?.unwrap_or_default();
        // Its number may be another's by now: when it began tells.
        let is_it = began(id).is_some_and(|began| !began.is_empty() && began.as_bytes() == recorded);
        if let Some(group) = Pid::from_raw(id).filter(|_| is_it) {
            ended += usize::from(kill_process_group(group, Signal::KILL).is_ok());
        }
        store.remove(&layout::running(id))?;
    }
    Ok(ended)
}

/// When a process began, as the kernel counts; `None`: there is none.
fn began(id: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The 22nd field; the second is its name, in brackets, with anything in it.
    stat.rsplit_once(") ")?.1.split(' ').nth(19).map(str::to_owned)
}
