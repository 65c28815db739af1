//! A state directory's content in memory, for trying out what a run would make of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::layout;
use super::memory::Memory;

/// What a copy leaves out: what belongs to the running process, what says whose the directory is, and what is large
/// and read by no run.
const LEFT_OUT: &[&str] = &[layout::LOCK, layout::KIND, layout::LOG, "runs", "world.jsonl"];

/// Copies what is remembered in the directory at `root`; a directory that is not there holds nothing. Needs no lock:
/// the log is read last, so that it is never older than the snapshot beside it.
///
/// # Errors
/// When something in it cannot be read, or its event log is damaged.
pub fn copy(root: &Path) -> io::Result<Memory> {
    let mut files = BTreeMap::new();
    read_folder(root, "", &mut files)?;
    let log = match fs::read(root.join(layout::LOG)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    Memory::holding(log, files)
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // Names that are not UTF-8, and temporary files, are nothing of ours.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || (prefix.is_empty() && LEFT_OUT.contains(&name.as_str())) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
            continue;
        }
        match fs::read(entry.path()) {
            Ok(bytes) => drop(files.insert(path, bytes)),
            // A run that goes on beside may have replaced it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Store;

    #[test]
    fn a_copy_holds_what_is_remembered_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("nodes/w1")).unwrap();
        for (path, text) in [("lock", "x"), ("nodes/w1/DELETE", "{}"), (".tmp", "x"), ("overview.json", "{}")]
        {
            fs::write(dir.path().join(path), text).unwrap();
        }
        let memory = copy(dir.path()).unwrap();
        assert_eq!(memory.list("nodes/w1").unwrap(), ["DELETE"]);
        assert_eq!(memory.read("overview.json").unwrap().as_deref(), Some(&b"{}"[..]));
        assert_eq!(memory.read("lock").unwrap(), None);
        memory.remove("nodes/w1/DELETE").unwrap();
        assert!(dir.path().join("nodes/w1/DELETE").exists());
    }

    #[test]
    fn copies_of_a_copy_go_their_own_ways() {
        let memory = Memory::new();
        memory.write("a", b"1").unwrap();
        let other = memory.fork();
        other.write("a", b"2").unwrap();
        assert_eq!(memory.read("a").unwrap().as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn a_damaged_log_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events.jsonl"), "no event\nno event\n").unwrap();
        assert!(copy(dir.path()).is_err());
        assert!(copy(&dir.path().join("nowhere")).is_ok());
    }
}
