//! Files of a machine that nix8s writes and reads.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix8s_core::observed::Mark;
use nix8s_core::observed::Secret;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::delivery::AUTHORIZED_KEYS;
use nix8s_core::secret::delivery::HOST_KEY;
use nix8s_core::tool::SECRETS;
use nix8s_core::tool::k3s;
use nix8s_core::tool::kubeadm;
use nix8s_core::tool::nixos_anywhere::IDENTITY_FILE;
use nix8s_core::tool::on_node;
use nix8s_core::tool::secrets;

use super::failed;
use super::kubernetes;
use super::machine::Machine;
use crate::error::CliError;
use crate::error::Exit;

/// Where nix8s keeps what it writes on machines.
const OURS: &str = "/var/lib/nix8s/";

/// What may be read besides: admin kubeconfigs.
const READABLE: [&str; 2] = [k3s::KUBECONFIG, kubeadm::KUBECONFIG];

/// Where an EFI system partition may be mounted (systemd's automounts, and what NixOS configurations say).
const ESPS: [&str; 3] = ["/boot", "/efi", "/boot/efi"];

/// A path below [`OURS`] that does not leave it.
fn is_ours(path: &str) -> bool {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    };
    path.strip_prefix(OURS).is_some_and(|rest| rest.split('/').all(plain))
}

/// Writes a file.
pub fn write(machine: &Machine, path: &str, bytes: &[u8]) -> Result<Exit, CliError> {
    if !is_ours(path) {
        return Err(CliError::new(Exit::Refused, format!("{path:?} is not below {OURS}")));
    }
    machine.write(path, bytes).map_err(|error| failed(format!("could not write {path}")).because(error))?;
    if path == on_node::MEMBERSHIP_FILE {
        kubernetes::come_back(machine)?;
    }
    Ok(Exit::Done)
}

/// Prints a file.
pub fn read(machine: &Machine, path: &str) -> Result<Exit, CliError> {
    if !is_ours(path) && !READABLE.contains(&path) {
        let message = format!("{path:?} is neither below {OURS} nor an admin kubeconfig");
        return Err(CliError::new(Exit::Refused, message));
    }
    let text = fs::read_to_string(machine.at(path));
    print!("{}", text.map_err(|error| failed(format!("could not read {path}")).because(error))?);
    Ok(Exit::Done)
}

/// What holds secrets on a machine: nothing else is written by whoever delivers them.
fn holds_secrets(path: &str) -> bool {
    let is_token =
        |name: &str| [Secret::Token, Secret::AgentToken].iter().any(|secret| secret.to_string() == name);
    let token = path.strip_prefix(SECRETS).and_then(|rest| rest.strip_prefix('/'));
    [HOST_KEY, AUTHORIZED_KEYS].contains(&path.strip_suffix(".pub").unwrap_or(path))
        || token.is_some_and(is_token)
}

/// Writes the files of this machine that hold secrets. A program that reads them meanwhile finds the earlier or the later one.
pub fn deliver(machine: &Machine, printed: &Redacted) -> Result<Exit, CliError> {
    let files =
        secrets::files_printed(printed).map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
    if let Some(other) = files.keys().find(|path| !holds_secrets(path)) {
        return Err(CliError::new(Exit::Refused, format!("{other:?} is no file that holds secrets")));
    }
    for (path, file) in &files {
        let mode =
            |path: &std::path::Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        let at = machine.at(path);
        // One that is as it should be keeps its time: a program that began after it has read it.
        let is_there = fs::read(&at).is_ok_and(|there| there == file.text.expose().as_bytes());
        if is_there && fs::metadata(&at).is_ok_and(|there| there.permissions().mode() & 0o7777 == file.mode) {
            continue;
        }
        let written = machine.write(path, file.text.expose().as_bytes()).and_then(|()| mode(&at, file.mode));
        written.map_err(|error| failed(format!("could not write /{path}")).because(error))?;
    }
    Ok(Exit::Done)
}

/// Writes the identity mark, and a copy on the EFI system partition, where an installer finds it.
pub fn adopt(machine: &Machine, mark: &Mark) -> Result<Exit, CliError> {
    let text = serde_json::to_string(mark).expect("plain data");
    let esps = ESPS.iter().filter(|at| machine.at(at).join("EFI").is_dir());
    for path in esps.map(|at| format!("{at}/EFI/nix8s/identity.json")).chain([IDENTITY_FILE.to_owned()]) {
        machine
            .write(&path, text.as_bytes())
            .map_err(|error| failed(format!("could not write {path}")).because(error))?;
    }
    Ok(Exit::Done)
}
