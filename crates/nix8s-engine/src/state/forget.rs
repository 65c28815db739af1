//! Forgets a cluster: what is remembered of it is put aside, whole, so that it can be put back.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

use super::dir::StateDir;
use super::file;
use super::layout;

/// What is not about the cluster's life and stays: whose state this is, the lock, which host keys count (without them machines
/// could not be asked who they are), programs that still run here, and simulated machines.
const STAYS: [&str; 6] =
    [layout::KIND, layout::LOCK, layout::KNOWN_HOSTS, "host-keys", layout::RUNNING, "world.jsonl"];

/// What would be put aside, by name; the event log last. Everything else can be made from it: whoever is killed in between has
/// forgotten nothing.
///
/// # Errors
/// When the directory cannot be read.
pub fn remembered(state: &StateDir) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(state.root()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if !STAYS.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name == layout::LOG, name.clone()));
    Ok(names)
}

/// Puts it into a folder on the same file system, which must not exist yet. The lock must be held.
///
/// # Errors
/// When something could not be moved; what was moved by then is in the folder.
pub fn put_aside(state: &StateDir, folder: &Path) -> io::Result<Vec<String>> {
    if !state.is_locked() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the lock is not held"));
    }
    let names = remembered(state)?;
    if folder.exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", folder.display()),
        ));
    }
    file::make_folder(folder)?;
    let root = state.root();
    for name in &names {
        if name == layout::LOG {
            // What the log is needed for must not come back after a loss of power without it.
            File::open(folder)?.sync_all()?;
            File::open(root)?.sync_all()?;
        }
        fs::rename(root.join(name), folder.join(name))?;
    }
    File::open(folder)?.sync_all()?;
    File::open(root)?.sync_all()?;
    Ok(names)
}
