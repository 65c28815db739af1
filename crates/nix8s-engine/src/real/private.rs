//! A folder that only we can read, for as long as it is needed.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

/// A folder with mode 0700; it goes, with everything in it, when this is dropped.
#[derive(Debug)]
pub struct Private(PathBuf);

impl Private {
    /// A folder that was not there before: nobody else can have put anything into it. It is in `$XDG_RUNTIME_DIR`, which is in
    /// memory, or else where temporary files are.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
        let above = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
        for at in 0_u32.. {
            let path = above.join(format!("nix8s-{}-{at}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What stays is readable by nobody else.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
