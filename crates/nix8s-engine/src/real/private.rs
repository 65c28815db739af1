//! A folder that only we can read, for files that a program needs while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File as Open;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::tool::File;
use nix8s_core::tool::folder_mode;
use rustix::fs::FlockOperation;
use rustix::fs::flock;

/// A folder in the runtime directory, of mode 0700, which is removed when this is dropped.
#[derive(Debug)]
pub struct Private {
    folder: PathBuf,
    root: PathBuf,
    /// Locked for as long as it is ours: who finds it free may remove it.
    _held: Open,
}

impl Private {
    /// A folder that was not there before: nobody else can have put anything into it.
    ///
    /// # Errors
    /// When the runtime directory cannot be written.
    pub fn new() -> io::Result<Self> {
        let above = above();
        for at in 0_u32.. {
            let folder = above.join(format!("{NAME}{}-{at}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                // Between these two somebody may have found it free.
                Ok(()) => match held(&folder) {
                    Some(held) => return Ok(Self { root: folder.join("f"), folder, _held: held }),
                    None => continue,
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// One with files below its [`Private::root`]. They and their folders have the permissions that a program which
    /// copies them to a machine is to keep; nobody gets past the folder above.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn holding(files: &BTreeMap<String, File>) -> io::Result<Self> {
        let private = Self::new()?;
        make(&private.root, folder_mode(""))?;
        for (name, file) in files {
            for (at, _) in name.match_indices('/') {
                let folder = private.root.join(&name[..at]);
                if !folder.is_dir() {
                    make(&folder, folder_mode(&name[..at]))?;
                }
            }
            write(&private.root.join(name), file)?;
        }
        Ok(private)
    }

    /// The folder itself: for sockets, and for files whose mode is 0600.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What the files are below.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What stays is readable by nobody else.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What their names begin with; the id of their process and a number follow.
const NAME: &str = "nix8s-";

/// The runtime directory.
fn above() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    runtime.map_or_else(std::env::temp_dir, PathBuf::from)
}

/// Locks a folder that nobody else has locked, and that is still there.
fn held(folder: &Path) -> Option<Open> {
    let open = Open::open(folder).ok()?;
    flock(&open, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (ours, there) = (open.metadata().ok()?, fs::symlink_metadata(folder).ok()?);
    (ours.ino() == there.ino() && ours.dev() == there.dev()).then_some(open)
}

/// Removes the folders of our user's processes that were killed before they could do it, with the secrets in them.
pub fn sweep() {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // What cannot be read or removed is as private as it was.
    for entry in fs::read_dir(above()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let numbers = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split_once('-'));
        let is_one = numbers.is_some_and(|(process, at)| is_number(process) && is_number(at));
        let uid = rustix::process::getuid().as_raw();
        if !is_one || !entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == uid) {
            continue;
        }
        // Whoever runs still holds its own, also in another container with the same folder.
        if let Some(_held) = held(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// With exactly this mode, whatever the umask.
fn make(folder: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    set(folder, mode)
}

/// Writes a file that was not there, with exactly its mode.
///
/// # Errors
/// When it is there, or cannot be written.
pub fn write(path: &Path, file: &File) -> io::Result<()> {
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    to.write_all(file.text.expose().as_bytes())?;
    set(path, file.mode)
}

fn set(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_a_process_that_was_killed_left_is_removed_and_nothing_else() {
        let left = above().join(format!("{NAME}{}-4000000000", std::process::id()));
        let shared = above().join(format!("{NAME}{}", std::process::id()));
        for folder in [&left, &shared] {
            DirBuilder::new().mode(0o700).create(folder).unwrap();
            fs::write(folder.join("key"), "secret").unwrap();
        }
        let mine = Private::new().unwrap();
        let held = held(&left).unwrap();
        sweep();
        assert!(left.exists() && mine.path().exists());
        drop(held);
        sweep();
        assert!(!left.exists() && shared.exists() && mine.path().exists());
        fs::remove_dir_all(shared).unwrap();
    }

    /// nixos-anywhere copies folders with their modes: `/` of a machine that only root may enter is no machine.
    #[test]
    fn files_have_the_modes_that_a_machine_is_to_have_and_are_ours_alone_here() {
        let files = BTreeMap::from([
            ("etc/ssh/key".to_owned(), File::private("secret")),
            ("etc/ssh/key.pub".to_owned(), File::public("public")),
            ("var/lib/nix8s/secrets/token".to_owned(), File::private("secret")),
        ]);
        let private = Private::holding(&files).unwrap();
        assert_eq!(mode(private.path()), 0o700);
        let modes = [
            "",
            "etc/ssh",
            "etc/ssh/key",
            "etc/ssh/key.pub",
            "var/lib",
            "var/lib/nix8s",
            "var/lib/nix8s/secrets",
        ]
        .map(|name| mode(&private.root().join(name)));
        assert_eq!(modes, [0o755, 0o755, 0o600, 0o644, 0o755, 0o755, 0o700]);
        let folder = private.path().to_owned();
        drop(private);
        assert!(!folder.exists());
    }
}
