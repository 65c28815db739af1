//! A folder that only we can read, for files that a program needs while it runs.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::tool::File;
use nix8s_core::tool::folder_mode;

/// A folder in the runtime directory, of mode 0700, which is removed when this is dropped.
#[derive(Debug)]
pub struct Private {
    folder: PathBuf,
    root: PathBuf,
}

impl Private {
    /// A folder that was not there before: nobody else can have put anything into it.
    ///
    /// # Errors
    /// When the runtime directory cannot be written.
    pub fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
        let above = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
        for at in 0_u32.. {
            let folder = above.join(format!("nix8s-{}-{at}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self { root: folder.join("f"), folder }),
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
        let _ = std::fs::remove_dir_all(&self.folder);
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
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
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
