//! Where does the root come from that every host begins with? Made once by debootstrap, and kept.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use sha2::Digest;
use sha2::Sha256;

use crate::error::LabError;
use crate::error::file;
use crate::missing;

/// Makes it.
const SCRIPT: &str = include_str!("script/base.sh");

/// Where Debian comes from unless `$NIX8S_LAB_MIRROR` says otherwise.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The folder that what is dear to make is kept in: `$NIX8S_LAB_CACHE`, or below `$XDG_CACHE_HOME`.
pub fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(|| "/root".into()).join(".cache");
    set("NIX8S_LAB_CACHE").unwrap_or_else(|| set("XDG_CACHE_HOME").unwrap_or_else(home).join("nix8s-lab"))
}

/// The root, made now if nobody has made it before; another program that needs it meanwhile waits.
pub fn root() -> Result<PathBuf, LabError> {
    kept("base", &[SCRIPT], |target| {
        if !missing::is_there("debootstrap") {
            return Err(LabError::Missing("there is no debootstrap (Debian: debootstrap)".to_owned()));
        }
        eprintln!("Making the root of the lab's hosts in {}: a minute or two, once.", target.display());
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT, "base"]).arg(target);
        made("make a Debian root with debootstrap", command)
    })
}

/// Something in the cache under a name and a digest of what makes it.
pub fn kept(
    name: &str,
    made_of: &[&str],
    make: impl FnOnce(&Path) -> Result<(), LabError>,
) -> Result<PathBuf, LabError> {
    let mut digest = Sha256::new();
    for text in made_of {
        digest.update(text);
    }
    let digest: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache();
    let target = cache.join(format!("{name}-{digest}"));
    if target.exists() {
        return Ok(target);
    }
    file(|| format!("make the folder {}", cache.display()), fs::create_dir_all(&cache))?;
    let lock = cache.join(format!("{name}.lock"));
    let held = file(|| format!("open {}", lock.display()), File::create(&lock))?;
    file(|| format!("wait for {}", lock.display()), held.lock())?;
    if !target.exists() {
        make(&target)?;
    }
    Ok(target)
}

/// What a script ends with when the fault is not its own: no network, for example. Its last line says why.
const NOT_HERE: i32 = 75;

/// Runs what makes something for the cache; what it prints is of interest only if it fails.
pub fn made(what: &str, mut command: Command) -> Result<(), LabError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mirror = std::env::var("NIX8S_LAB_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    let output = command
        .env("NIX8S_LAB_MIRROR", mirror)
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| LabError::Program { program, cause })?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    if output.status.code() == Some(NOT_HERE) {
        return Err(LabError::Missing(format!("could not {what}: {}", lines.last().unwrap_or(&""))));
    }
    let said = lines[lines.len().saturating_sub(20)..].join("\n");
    Err(LabError::Failed { what: what.to_owned(), said })
}
