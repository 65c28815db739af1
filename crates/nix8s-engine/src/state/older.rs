//! Reads the files of an older design's state directory, which is never written to.

use std::fs;
use std::io;
use std::path::Path;

use nix8s_core::import::state::Files;

/// Bytes of a file that are read: those with a meaning are a line or two.
const FILE_MAX: u64 = 64 << 10;
/// Folders below one another.
const DEPTH_MAX: usize = 4;
/// Files together.
const FILES_MAX: usize = 200_000;

/// Every file, by its path below `dir`. Links are not followed, and of large files only the name is taken.
///
/// # Errors
/// When there is no such folder, or something in it cannot be read.
pub fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    below(dir, "", DEPTH_MAX, &mut files)?;
    Ok(files)
}

fn below(dir: &Path, above: &str, depth: usize, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{above}{}", name.to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            below(&entry.path(), &format!("{path}/"), depth - 1, files)?;
        } else if kind.is_file() {
            let is_small = entry.metadata()?.len() <= FILE_MAX;
            let bytes = if is_small { fs::read(entry.path())? } else { Vec::new() };
            files.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        } else {
            files.insert(path, String::new());
        }
        if files.len() > FILES_MAX {
            return Err(io::Error::other("it holds more files than any state directory"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_with_their_paths_and_large_ones_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("nodes/cp1")).expect("a folder");
        fs::write(dir.path().join("nodes/cp1/config.json"), "{}").expect("a file");
        fs::write(dir.path().join("log"), vec![b'a'; 70_000]).expect("a file");
        let files = read(dir.path()).expect("it can be read");
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(files, [("log", ""), ("nodes/cp1/config.json", "{}")]);
        assert!(read(&dir.path().join("none")).is_err());
    }
}
