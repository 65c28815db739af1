//! Which file is put on a machine: this program, or the one for the machine's architecture that was installed with it.
//!
//! NixOS has no loader where programs of other distributions look for it, so what is put there has to be linked statically. A nix8s
//! that is not, or that runs on another architecture than its machines, brings those beside it:
//! `../libexec/nix8s/nix8s-ARCHITECTURE-linux`, where the architecture is what `uname -m` says.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::digest;

/// This program, as machines get it.
#[derive(Debug)]
pub struct Programs {
    /// What machines call it: another name when anything about it is another.
    pub name: String,
    by: BTreeMap<String, Program>,
    folder: PathBuf,
}

/// One for an architecture.
#[derive(Debug)]
pub struct Program {
    /// Where it is here.
    pub path: PathBuf,
    /// Its SHA-256.
    pub digest: String,
}

impl Programs {
    /// Those of a program that runs on the architecture `ARCH`; `path` is read, and `installed` is where it lies.
    pub fn find(path: PathBuf, installed: &Path) -> io::Result<Self> {
        let folder = beside(installed);
        let mut files = BTreeMap::from([(ARCH.to_owned(), path)]);
        files.extend(found(&folder)?);
        let read = |(architecture, path): (String, PathBuf)| {
            let digest = digest::sha256(&std::fs::read(&path)?);
            Ok((architecture, Program { path, digest }))
        };
        let by = files.into_iter().map(read).collect::<io::Result<BTreeMap<_, _>>>()?;
        let all: String = by.values().map(|program| program.digest.as_str()).collect();
        let digest = digest::sha256(all.as_bytes());
        Ok(Self { name: format!("nix8s-{}-{}", env!("CARGO_PKG_VERSION"), &digest[..16]), by, folder })
    }

    /// The one for what `uname -m` said.
    ///
    /// # Errors
    /// With a sentence, when there is none.
    pub fn of(&self, architecture: &str) -> Result<&Program, String> {
        self.by.get(architecture).ok_or_else(|| {
            let file = self.folder.join(format!("nix8s-{architecture}-linux"));
            format!("this nix8s has no program for {architecture}: {} is not there", file.display())
        })
    }
}

/// Whether machines of this computer's architecture can run what they are given.
pub fn fits_machines() -> bool {
    let has_one = |exe: PathBuf| found(&beside(&exe)).is_ok_and(|found| found.contains_key(ARCH));
    cfg!(target_feature = "crt-static") || std::env::current_exe().is_ok_and(has_one)
}

/// The folder for others of a program that is installed as `bin/nix8s`.
fn beside(installed: &Path) -> PathBuf {
    let prefix = installed.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    prefix.join("libexec/nix8s")
}

fn found(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let of = name.and_then(|name| name.strip_prefix("nix8s-")?.strip_suffix("-linux"));
        if let Some(architecture) = of {
            found.insert(architecture.to_owned(), path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_gets_the_program_of_its_architecture_and_this_one_where_there_is_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let own = write("bin/nix8s", "own");
        let find = || Programs::find(own.clone(), &own).unwrap();
        let alone = find();
        assert_eq!(alone.of(ARCH).unwrap().path, own);
        let why = alone.of("riscv64").unwrap_err();
        assert!(why.ends_with("libexec/nix8s/nix8s-riscv64-linux is not there"), "{why}");
        let other = write("libexec/nix8s/nix8s-riscv64-linux", "other");
        let with_other = find();
        assert_eq!(with_other.of("riscv64").unwrap().path, other);
        assert_eq!(with_other.of(ARCH).unwrap().path, own);
        assert_ne!(with_other.name, alone.name);
        let linked = write(&format!("libexec/nix8s/nix8s-{ARCH}-linux"), "linked statically");
        assert_eq!(find().of(ARCH).unwrap().path, linked);
        write("libexec/nix8s/README", "something else");
        assert_eq!(find().by.len(), 2);
    }
}
