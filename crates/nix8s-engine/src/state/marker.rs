//! Markers that people leave in the state directory: DELETE, UNDELETE, a config-hash that was removed, and what they
//! asked for while somebody else held the lock.
//!
//! They need no lock (rule 11): whoever plans next takes them in.

use std::collections::BTreeSet;
use std::io;

use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::past::Past;
use serde::Deserialize;
use serde::Serialize;

use super::export;
use super::layout;
use crate::journal::Journal;
use crate::port::Store;

#[derive(Serialize, Deserialize)]
struct Delete {
    /// A person says that the machine is gone for good.
    #[serde(default)]
    lost: bool,
}

/// How a member is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Drained and cleaned.
    InOrder,
    /// It is gone for good, a person says: nothing on it is touched (rule 1).
    Lost,
}

/// Marks a member for removal.
///
/// # Errors
/// When the marker could not be written.
pub fn delete(store: &dyn Store, machine: &MachineName, leaving: Leaving) -> io::Result<()> {
    store.remove(&layout::undelete(machine))?;
    let marker = Delete { lost: leaving == Leaving::Lost };
    let bytes = serde_json::to_vec(&marker).map_err(io::Error::other)?;
    store.write(&layout::delete(machine), &bytes)?;
    store.write(layout::WAKE, b"")
}

/// Takes a removal back, or lets a removed member come back.
///
/// # Errors
/// When the marker could not be written.
pub fn undelete(store: &dyn Store, machine: &MachineName) -> io::Result<()> {
    store.write(&layout::undelete(machine), b"{}")?;
    store.write(layout::WAKE, b"")
}

/// Leaves what a person asks for to whoever holds the lock. `name` is new for every ask, and sorts by time.
///
/// # Errors
/// When it could not be written, or is none of [`What::Retry`], [`What::Rebuild`] and [`What::Reinstall`].
pub fn ask(store: &dyn Store, name: &str, whats: &[What]) -> io::Result<()> {
    if let Some(other) = whats.iter().find(|what| !is_ask(what)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{other:?} is not for a person to ask"),
        ));
    }
    store.write(&layout::asked(name), &serde_json::to_vec(whats).map_err(io::Error::other)?)?;
    store.write(layout::WAKE_ASKED, b"")
}

fn is_ask(what: &What) -> bool {
    matches!(what, What::Retry { .. } | What::Rebuild { .. } | What::Reinstall { .. })
}

/// What was asked for, in its order, and the files that are settled by taking it in.
fn asked(store: &dyn Store) -> io::Result<(Vec<What>, Vec<String>)> {
    let (mut whats, mut paths) = (Vec::new(), Vec::new());
    for file in store.list(layout::ASKED)? {
        let Some(name) = file.strip_suffix(".json") else { continue };
        let path = layout::asked(name);
        let Some(bytes) = store.read(&path)? else { continue };
        let unreadable = |why: String| {
            let message = format!("{path} is not something to ask for ({why}): remove it, and ask again");
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let more: Vec<What> =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if let Some(other) = more.iter().find(|what| !is_ask(what)) {
            return Err(unreadable(format!("{other:?}")));
        }
        whats.extend(more);
        paths.push(path);
    }
    Ok((whats, paths))
}

/// The past as it will be once markers are taken in: for commands that only read.
///
/// # Errors
/// When a marker could not be read.
pub fn pending(store: &dyn Store, cluster: &Cluster, past: &Past) -> io::Result<Vec<What>> {
    let mut events = Vec::new();
    for name in names(cluster, past) {
        events.extend(read(store, cluster, past, name)?.map(|(what, _)| what));
    }
    events.extend(asked(store)?.0);
    Ok(events)
}

/// Takes markers in: each becomes an event, and then what is settled is removed. A kill in between repeats it.
///
/// # Errors
/// When the state directory could not be read or written.
pub fn take_in(store: &dyn Store, cluster: &Cluster, journal: &mut Journal) -> io::Result<()> {
    let mut whats = Vec::new();
    let mut settled = Vec::new();
    let mut rebuilds = Vec::new();
    for name in names(cluster, journal.past()) {
        if let Some((what, paths)) = read(store, cluster, journal.past(), name)? {
            whats.push(what);
            settled.extend(paths);
        }
        if is_gone(cluster, journal.past(), name) {
            settled.push(layout::delete(name));
        }
        // What nix8s never installed, recognised or joined has no hash yet.
        let past = journal.past().machines.get(name);
        if past.is_some_and(|past| past.provisioned.is_some() || past.joined.is_some()) {
            rebuilds.extend(export::removed_hash(store, name)?);
        }
    }
    whats
        .extend(rebuilds.iter().map(|(machine, _)| What::Rebuild { machine: machine.clone(), action: None }));
    let (asked, taken) = asked(store)?;
    whats.extend(asked);
    settled.extend(taken);
    journal.record(whats)?;
    for (machine, hash) in rebuilds {
        store.write(&layout::config_hash(&machine), hash.as_bytes())?;
    }
    settled.iter().try_for_each(|path| store.remove(path))
}

fn names<'a>(cluster: &'a Cluster, past: &'a Past) -> BTreeSet<&'a MachineName> {
    cluster.machines.keys().chain(past.machines.keys()).collect()
}

/// Left for good, and no longer configured: its marker has done its work. If it comes back it is a new machine.
fn is_gone(cluster: &Cluster, past: &Past, name: &MachineName) -> bool {
    !cluster.machines.contains_key(name)
        && past.machines.get(name).is_none_or(|past| past.joined.is_none() && !past.delete && !past.removed)
}

/// What a machine's markers say that the past does not know, with the files that are settled by it.
fn read(
    store: &dyn Store,
    cluster: &Cluster,
    past: &Past,
    name: &MachineName,
) -> io::Result<Option<(What, Vec<String>)>> {
    let machine = name.clone();
    let known = past.machines.get(name);
    if store.exists(&layout::undelete(name))? {
        let paths = vec![layout::delete(name), layout::undelete(name)];
        return Ok(Some((What::Undeleted { machine }, paths)));
    }
    if known.is_some_and(|past| past.removed) || is_gone(cluster, past, name) {
        return Ok(None);
    }
    let Some(bytes) = store.read(&layout::delete(name))? else { return Ok(None) };
    // An empty file is how the older design and people make it; what cannot be read asserts no loss.
    let lost = serde_json::from_slice::<Delete>(&bytes).is_ok_and(|marker| marker.lost);
    let is_known = known.is_some_and(|past| past.delete && past.lost == lost);
    Ok((!is_known).then(|| (What::MarkedDelete { machine, lost }, Vec::new())))
}
