//! Files that a command makes for people: whole, and never in place of one that is there.

use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;

use crate::error::CliError;
use crate::error::Exit;

/// Writes a file that must not exist yet.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let message = format!("{} exists already and is left as it is", path.display());
            return CliError::new(Exit::Refused, message).hint("Name another file, or move that one away.");
        }
        failed(path, error)
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("could not write {}", path.display())).because(error)
}
