//! What a nix8s that was killed leaves running here: programs that take long are on record while they run, and the next one
//! that holds the lock ends those that still do, and removes the files that they were given.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

use super::private;
use super::process::GRACE;
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

/// Ends what an earlier nix8s left running, with everything that it started; how many there were. They are asked first: some
/// have files of their own to remove.
///
/// Assumptions: the caller holds the lock, so that nobody runs them any more.
///
/// # Errors
/// When the record could not be read.
pub fn end(store: &dyn Store) -> io::Result<usize> {
    let mut left = Vec::new();
    for name in store.list(layout::RUNNING)? {
        let Ok(id) = name.parse::<i32>() else { continue };
        let recorded = store.read(&layout::running(id))?.unwrap_or_default();
        // Its number may be another's by now: when it began tells.
        let is_it = began(id).is_some_and(|began| !began.is_empty() && began.as_bytes() == recorded);
        if let Some(group) = Pid::from_raw(id).filter(|_| is_it)
            && kill_process_group(group, Signal::TERM).is_ok()
        {
            left.push(group);
        }
        store.remove(&layout::running(id))?;
    }
    let late = Instant::now() + GRACE;
    while left.iter().any(|group| runs(group.as_raw_nonzero().get())) && Instant::now() < late {
        std::thread::sleep(LOOK);
    }
    for group in &left {
        // What it started may not have heard, or may be gone as well.
        let _ = kill_process_group(*group, Signal::KILL);
    }
    private::sweep();
    Ok(left.len())
}

/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_millis(20);

/// Whether a process has not ended.
fn runs(id: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// When a process began, as the kernel counts; `None`: there is none.
fn began(id: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The 22nd field; the second is its name, in brackets, with anything in it.
    stat.rsplit_once(") ")?.1.split(' ').nth(19).map(str::to_owned)
}
