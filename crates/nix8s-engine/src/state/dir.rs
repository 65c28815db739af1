//! A cluster's state directory on disk.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;

use nix8s_core::event::Event;
use nix8s_core::model::ClusterName;

use super::file;
use super::layout;
use super::lock::Holder;
use super::lock::Lock;
use super::lock::LockError;
use super::log;
use crate::port::Place;
use crate::port::Store;

/// Whose state a directory keeps. Commands for the one refuse the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real machines.
    Real,
    /// Simulated ones.
    Simulated,
}

/// What survives what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What was reported done survives a loss of power.
    Fsync,
    /// What was reported done survives the death of the process (SIGKILL), and not a loss of power: for the simulated
    /// world, whose machines do not survive that either.
    PageCache,
}

/// What a directory is opened for.
#[derive(Debug)]
pub enum Access {
    /// Planning and carrying out: takes the lock.
    Plan(Holder),
    /// Reading, and leaving DELETE and UNDELETE markers: takes none.
    Read,
}

/// Why a state directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It keeps the other kind of state.
    #[error("{dir} keeps the state of {found}, and this command is for {wanted}")]
    OtherKind {
        /// Which directory.
        dir: PathBuf,
        /// What it keeps.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Somebody else plans.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It could not be read or made.
    #[error("could not open the state directory {dir}")]
    Io {
        /// Which directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Real => "real machines",
            Self::Simulated => "simulated machines",
        }
    }

    /// The folder's name for a cluster: simulated state shows what it is by its name too.
    pub fn folder(self, cluster: &ClusterName) -> String {
        match self {
            Self::Real => cluster.to_string(),
            Self::Simulated => format!("{cluster}.sim"),
        }
    }

    fn durability(self) -> Durability {
        match self {
            Self::Real => Durability::Fsync,
            Self::Simulated => Durability::PageCache,
        }
    }
}

/// A cluster's state directory, open.
#[derive(Debug)]
pub struct StateDir {
    root: PathBuf,
    durability: Durability,
    lock: Option<Lock>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    file: Option<File>,
    /// Where the whole events end; known once they were read.
    end: Option<Place>,
    warnings: Vec<String>,
}

impl StateDir {
    /// Opens the directory of `cluster` below `base`, and makes it if `access` is for planning.
    ///
    /// # Errors
    /// When it keeps the other kind of state, somebody else plans, or it cannot be read or made.
    pub fn open(base: &Path, cluster: &ClusterName, kind: Kind, access: Access) -> Result<Self, OpenError> {
        let root = base.join(kind.folder(cluster));
        let failed = |source| OpenError::Io { dir: root.clone(), source };
        let found = match read_if_there(&root.join(layout::KIND)).map_err(failed)? {
            None => None,
            Some(text) if text == b"real\n" => Some(Kind::Real),
            Some(text) if text == b"simulated\n" => Some(Kind::Simulated),
            Some(_) => {
                return Err(failed(io::Error::other("its file `kind` says neither real nor simulated")));
            }
        };
        // A simulated world can be told by its own file even if `kind` was lost.
        let found = found.or_else(|| root.join("world.jsonl").exists().then_some(Kind::Simulated));
        if let Some(found) = found.filter(|found| *found != kind) {
            return Err(OpenError::OtherKind { dir: root, found: found.word(), wanted: kind.word() });
        }
        let durability = kind.durability();
        let lock = match access {
            Access::Read => None,
            Access::Plan(holder) => {
                file::make_folder(&root).map_err(failed)?;
                let lock = super::lock::take(&root.join(layout::LOCK), &holder)?;
                if let Some(killed) = &lock.killed {
                    file::remove_torn(&root, killed.pid).map_err(failed)?;
                }
                if found.is_none() {
                    let word: &[u8] = if kind == Kind::Real { b"real\n" } else { b"simulated\n" };
                    file::replace(&[(root.join(layout::KIND), word)], durability).map_err(failed)?;
                }
                Some(lock)
            }
        };
        Ok(Self { root, durability, lock, log: Mutex::default() })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it was opened for planning.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Only the planner writes; others leave markers.
    fn may_write(&self, path: &str) -> io::Result<()> {
        let is_marker = path.ends_with("/DELETE") || path.ends_with("/UNDELETE");
        let is_call = path == layout::WAKE || path == layout::WAKE_ASKED;
        let is_ask = path.strip_prefix(layout::ASKED).is_some_and(|rest| rest.starts_with('/'));
        if self.lock.is_some() || is_marker || is_call || is_ask {
            return Ok(());
        }
        let message = format!("{path} is written by whoever holds the lock");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }

    fn damage(&self, damage: &log::Damage) -> io::Error {
        let path = self.root.join(layout::LOG);
        let keep = damage.line - 1;
        let message = format!(
            "{} is damaged in {damage}; restore it from a backup, or keep what is before the damage \
             (`head -n {keep}` of it) and let observing find out the rest",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Store for StateDir {
    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn append(&self, events: &[Event]) -> io::Result<()> {
        self.may_write(layout::LOG)?;
        if self.log().end.is_none() {
            self.events_after(Place::default())?;
        }
        let mut log = self.log();
        let end = log.end.expect("reading the log sets it");
        if log.file.is_none() {
            let path = self.root.join(layout::LOG);
            let is_new = !path.exists();
            let file = file::private().truncate(false).open(&path)?;
            // What stands after the last whole event was never reported as done.
            file.set_len(end.offset)?;
            if is_new && self.durability == Durability::Fsync {
                File::open(&self.root)?.sync_all()?;
            }
            log.file = Some(file);
        }
        let file = log.file.as_mut().expect("opened above");
        let bytes = log::encode(events);
        let written = file
            .seek(SeekFrom::Start(end.offset))
            .and_then(|_| file.write_all(&bytes))
            .and_then(|()| if self.durability == Durability::Fsync { file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // The next append opens the file again and cuts off what may have been written.
            log.file = None;
            return Err(error);
        }
        log.end = Some(Place { offset: end.offset + bytes.len() as u64, seq: end.seq + events.len() as u64 });
        Ok(())
    }

    fn events_after(&self, place: Place) -> io::Result<(Vec<Event>, Place)> {
        let mut bytes = Vec::new();
        let short = || io::Error::new(io::ErrorKind::InvalidData, "the event log ends before this place");
        match File::open(self.root.join(layout::LOG)) {
            Ok(mut file) => {
                if place.offset > 0 {
                    // The byte before a place ends a line, if it is a place in this log at all.
                    file.seek(SeekFrom::Start(place.offset - 1))?;
                    let mut before = [0];
                    file.read_exact(&mut before).map_err(|_| short())?;
                    if before != *b"\n" {
                        return Err(short());
                    }
                }
                file.read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && place == Place::default() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(short()),
            Err(error) => return Err(error),
        }
        let decoded = log::decode(&bytes, place).map_err(|damage| self.damage(&damage))?;
        let mut log = self.log();
        log.end = Some(decoded.end);
        if decoded.torn > 0 {
            let (torn, seq) = (decoded.torn, decoded.end.seq);
            log.warnings.push(format!(
                "the event log's last line was torn ({torn} bytes after event {seq}) and is dropped"
            ));
        }
        Ok((decoded.events, decoded.end))
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        read_if_there(&file::below(&self.root, path)?)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        file::below(&self.root, path)?.try_exists()
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.may_write(path)?;
        file::replace(&[(file::below(&self.root, path)?, bytes)], self.durability)
    }

    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let mut below = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            self.may_write(path)?;
            below.push((file::below(&self.root, path)?, bytes.as_slice()));
        }
        file::replace(&below, self.durability)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.may_write(path)?;
        let path = file::below(&self.root, path)?;
        let removed = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(file::below(&self.root, path)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // Names that are not UTF-8, and temporary files, are nothing of ours.
            if let Ok(name) = entry?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn end(&self) -> Option<Place> {
        self.log().end
    }

    fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.log().warnings)
    }
}
