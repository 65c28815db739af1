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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::dir::Access;
    use super::super::dir::Kind;
    use super::super::lock::Holder;
    use super::*;

    fn open(base: &Path, access: Access) -> StateDir {
        StateDir::open(base, &"prod".parse().unwrap(), Kind::Real, access).unwrap()
    }

    #[test]
    fn the_log_goes_last_and_nothing_without_the_lock() {
        let base = tempfile::tempdir().unwrap();
        let state = open(base.path(), Access::Plan(Holder::this("reset", Timestamp::UNIX_EPOCH)));
        for (name, text) in
            [("events.jsonl", "e"), ("overview.json", "o"), ("zebra", "z"), ("known_hosts", "k")]
        {
            fs::write(state.root().join(name), text).unwrap();
        }
        fs::create_dir_all(state.root().join("nodes/w1")).unwrap();
        let goes = ["nodes", "overview.json", "zebra", "events.jsonl"];
        assert_eq!(remembered(&state).unwrap(), goes);
        let aside = base.path().join("aside");
        let unlocked = put_aside(&open(base.path(), Access::Read), &aside).unwrap_err();
        assert_eq!(unlocked.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(put_aside(&state, base.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(remembered(&state).unwrap(), goes, "nothing was moved");

        assert_eq!(put_aside(&state, &aside).unwrap(), goes);
        assert_eq!(fs::read_to_string(aside.join("events.jsonl")).unwrap(), "e");
        assert!(aside.join("nodes/w1").is_dir());
        assert!(remembered(&state).unwrap().is_empty());
        let stays: std::collections::BTreeSet<String> = fs::read_dir(state.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(stays.into_iter().collect::<Vec<_>>(), ["kind", "known_hosts", "lock"]);
    }
}
