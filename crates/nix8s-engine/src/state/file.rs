//! Files that are replaced whole or not at all, below one root and nowhere else.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use super::dir::Durability;

/// More files than this are made durable by one sync of their file system instead of one fsync each.
const FSYNCS_MAX: usize = 16;

/// The absolute path of a relative one that is made of plain names.
pub fn below(root: &Path, path: &str) -> io::Result<PathBuf> {
    let plain = |name: &str| {
        !name.is_empty()
            && name.len() <= 255
            && !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    if path.split('/').all(plain) {
        Ok(root.join(path))
    } else {
        let message = format!("{path:?} is no path in a state directory");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

/// Makes a folder that only its owner reads, and those above it.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Keeps others that hold a folder waiting until the value is dropped, or the process ends: for files that are read,
/// changed and replaced.
pub fn hold(folder: &Path) -> io::Result<File> {
    make_folder(folder)?;
    let held = File::open(folder)?;
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(held)
}

/// Replaces files: all temporary files, then durable, then renamed, then the folders durable. However many files there
/// are, one is open at a time.
pub fn replace(files: &[(PathBuf, &[u8])], durability: Durability) -> io::Result<()> {
    let sync = match durability {
        Durability::PageCache => Sync::None,
        Durability::Fsync if files.len() > FSYNCS_MAX && cfg!(target_os = "linux") => Sync::Together,
        Durability::Fsync => Sync::Each,
    };
    let mut written: Vec<(PathBuf, &Path)> = Vec::with_capacity(files.len());
    let mut folders: Vec<&Path> = Vec::new();
    for (path, bytes) in files {
        let folder = path.parent().unwrap_or(Path::new("."));
        if folders.last() != Some(&folder) {
            make_folder(folder)?;
            folders.push(folder);
        }
        let temporary = temporary(path);
        let mut file = private().truncate(true).open(&temporary)?;
        file.write_all(bytes)?;
        if sync == Sync::Each {
            file.sync_all()?;
        }
        written.push((temporary, path));
    }
    let Some(first) = folders.first() else { return Ok(()) };
    if sync == Sync::Together {
        sync_file_system(&File::open(first)?)?;
    }
    for (temporary, path) in &written {
        fs::rename(temporary, path)?;
    }
    match sync {
        Sync::None => Ok(()),
        Sync::Together => sync_file_system(&File::open(first)?),
        Sync::Each => folders.iter().try_for_each(|folder| File::open(folder)?.sync_all()),
    }
}

/// How files become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// By themselves, later.
    None,
    /// One by one.
    Each,
    /// With everything else on their file system.
    Together,
}

/// Opens for writing, made if it is not there, readable by its owner alone.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

/// Beside the file, with this process's id: two processes that write the same marker do not mix their bytes.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Removes the temporary files of a process below a folder: it was killed before it renamed them.
pub fn remove_torn(folder: &Path, process: u32) -> io::Result<()> {
    let end = format!(".{process}.tmp");
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_torn(&entry.path(), process)?;
        } else if entry.file_name().to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(&end))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(file: &File) -> io::Result<()> {
    file.sync_all()
}
