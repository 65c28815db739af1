//! How OpenSSH gets to the machines of one cluster: which host keys count, and where connections are shared.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::model::MachineName;
use nix8s_core::model::Ssh;
use nix8s_core::tool::Connection;
use nix8s_core::tool::ssh;
use nix8s_core::tool::ssh::Asks;
use nix8s_core::tool::ssh::Kept;
use nix8s_core::tool::ssh::known_hosts;

/// How the machines of one cluster are reached.
#[derive(Debug, Clone)]
pub struct Ways {
    state: PathBuf,
}

impl Ways {
    /// With the host keys that a state directory knows.
    pub fn new(state: PathBuf) -> Self {
        Self { state }
    }

    /// `ssh` and its arguments up to the machine, which is at `host`.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn line(
        &self,
        name: &MachineName,
        ssh: &Ssh,
        host: &str,
        asks: Asks,
        connection: Connection,
    ) -> io::Result<Vec<String>> {
        let known_hosts = match &ssh.host_key {
            None => self.known_hosts()?,
            Some(key) => self.configured(name, ssh, host, key)?,
        };
        let kept = Kept {
            known_hosts: known_hosts.display().to_string(),
            is_all: ssh.host_key.is_some(),
            sockets: sockets().map(|path| path.display().to_string()),
        };
        Ok(ssh::connect(ssh, host, &kept, asks, connection))
    }

    /// The host keys that count for a machine, as the lines of a file: the configured one, or those that nix8s and its user
    /// know.
    pub fn host_keys(&self, ssh: &Ssh, host: &str) -> io::Result<String> {
        if let Some(key) = &ssh.host_key {
            return Ok(format!("{} {}\n", known_hosts::pattern(ssh, host), key.trim()));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".ssh");
        let users = ["known_hosts", "known_hosts2"].map(|name| home.join(name));
        let mut lines = String::new();
        for path in [self.known_hosts()?].into_iter().chain(users).chain(["/etc/ssh/ssh_known_hosts".into()])
        {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    lines.push_str(&text);
                    lines.push('\n');
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lines)
    }

    /// The file with the host keys that were generated or accepted.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn known_hosts(&self) -> io::Result<PathBuf> {
        private(&self.state)?;
        Ok(self.state.join("known_hosts"))
    }

    /// The key that the configuration names is the only one that counts: in a file of its own.
    fn configured(&self, name: &MachineName, ssh: &Ssh, host: &str, key: &str) -> io::Result<PathBuf> {
        let folder = self.state.join("host-keys");
        private(&folder)?;
        let path = folder.join(name.as_str());
        let line = format!("{} {}\n", known_hosts::pattern(ssh, host), key.trim());
        // Another command may be reading it, and it says the same for as long as the configuration does.
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&line) {
            let new = folder.join(format!(".{name}.{}.tmp", std::process::id()));
            std::fs::write(&new, line)?;
            std::fs::rename(&new, &path)?;
        }
        Ok(path)
    }
}

fn private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A folder for shared connections that nobody else can write to; none: connections are not shared.
fn sockets() -> Option<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = match runtime {
        Some(runtime) => runtime.join("nix8s"),
        None => std::env::temp_dir().join(format!("nix8s-{uid}")),
    };
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(_) => return None,
    }
    let found = std::fs::symlink_metadata(&folder).ok()?;
    let is_ours = found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0;
    is_ours.then_some(folder)
}
