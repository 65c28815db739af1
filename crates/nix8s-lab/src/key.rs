//! SSH keys, made ahead.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::base::made;
use crate::error::LabError;
use crate::error::file;

/// Makes a key pair and returns its public half, without a comment.
pub fn make(path: &Path) -> Result<String, LabError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path);
    made("make an SSH key", command)?;
    let public = PathBuf::from(format!("{}.pub", path.display()));
    let text = file(|| format!("read {}", public.display()), fs::read_to_string(&public))?;
    Ok(text.trim().to_owned())
}
