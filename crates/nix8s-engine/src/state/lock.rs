//! One planner a cluster: an flock on the state directory's lock file, which says who holds it (rule 11).

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::Deserialize;
use serde::Serialize;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// On which host.
    pub host: String,
    /// What it was asked to do.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

impl Holder {
    /// This process.
    pub fn this(command: &str, since: Timestamp) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { pid: std::process::id(), host, command: command.to_owned(), since }
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else plans.
    #[error("{}", told(.0.as_ref()))]
    Held(Option<Holder>),
    /// The file could not be used.
    #[error("could not lock the state directory")]
    Io(#[source] io::Error),
}

fn told(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, host, command, since }) => {
            format!(
                "another nix8s works on this cluster: `nix8s {command}`, process {pid} on {host}, since {since}"
            )
        }
        None => "another nix8s works on this cluster".to_owned(),
    }
}

/// A held lock; the operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who held it before and did not let go of it: it was killed.
    pub killed: Option<Holder>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // That nobody is named tells the next one that there is nothing to tidy up.
        let _ = self.file.set_len(0);
    }
}

/// Who holds the lock, if somebody does: for people, and for no decision. To find out it is shared for a moment.
///
/// # Errors
/// When the file cannot be opened.
pub fn held_by(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // The holder may be writing it at this moment.
            let _ = file.read_to_string(&mut text);
            Ok(Some(LockError::Held(serde_json::from_str(&text).ok()).to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the lock, or says who holds it.
///
/// # Errors
/// When somebody else holds it, or the file cannot be opened.
pub fn take(path: &Path, holder: &Holder) -> Result<Lock, LockError> {
    let mut options = OpenOptions::new();
    let open = options.create(true).read(true).write(true).truncate(false).mode(0o600).open(path);
    let mut file = open.map_err(LockError::Io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // Only for the message: the holder may be writing it at this moment.
            let _ = file.read_to_string(&mut text);
            return Err(LockError::Held(serde_json::from_str(&text).ok()));
        }
        Err(error) => return Err(LockError::Io(error.into())),
    }
    let mut before = String::new();
    file.read_to_string(&mut before).map_err(LockError::Io)?;
    let killed = serde_json::from_str(&before).ok();
    let text = serde_json::to_vec(holder).expect("four plain fields");
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
    written.map_err(LockError::Io)?;
    Ok(Lock { file, killed })
}
