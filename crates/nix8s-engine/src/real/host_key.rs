//! Host keys that machines show, and that a person accepts.

use std::io;
use std::path::Path;

use nix8s_core::model::MachineName;
use nix8s_core::model::Ssh;
use nix8s_core::tool::Connection;
use nix8s_core::tool::ssh::known_hosts;

use super::machines::Machines;
use super::machines::Target;
use super::private::Private;
use crate::port::Exec;
use crate::port::ExecError;
use crate::state::file;

impl Machines {
    /// The host key that a machine shows.
    pub(super) async fn shown(&self, target: &Target<'_>) -> Option<String> {
        let file = Private::new().ok()?;
        let argv = self.line(target, Connection::New).ok()?;
        let found = self.keys(argv, known_hosts::KINDS[0], &file.path().join("keys")).await;
        found.map(|(fingerprint, _)| fingerprint)
    }

    /// A machine's host key of one kind: its fingerprint, and its lines for `known_hosts`.
    async fn keys(&self, argv: Vec<String>, kind: &str, file: &Path) -> Option<(String, String)> {
        let at = file.display().to_string();
        // It logs nobody in, and fails therefore.
        let _ = self.here.run(&known_hosts::ask(argv, kind, &at)).await;
        let lines = std::fs::read_to_string(file).ok()?;
        let told = self.here.run(&known_hosts::fingerprints(&at)).await.ok()?;
        Some((known_hosts::shown(&told)?, lines))
    }

    /// Takes down the host key of a machine, if it is the one that a person means.
    ///
    /// # Errors
    /// With what is in the way, or with the fingerprint that the machine shows if that is another.
    pub async fn accept(&self, name: &MachineName, ssh: &Ssh, fingerprint: &str) -> Result<(), NotAccepted> {
        let host = ssh.host.as_deref().ok_or(NotAccepted::Exec(ExecError::NoAddress))?;
        if ssh.host_key.is_some() {
            return Err(NotAccepted::Configured);
        }
        let target = Target { name, ssh, host };
        let mut shows = None;
        for kind in known_hosts::KINDS {
            let file = Private::new()?;
            let argv = self.line(&target, Connection::New)?;
            let Some((found, lines)) = self.keys(argv, kind, &file.path().join("keys")).await else {
                continue;
            };
            if found == fingerprint {
                return self.take_down(&target, &lines).await;
            }
            shows.get_or_insert(found);
        }
        Err(shows.map_or(NotAccepted::Silent, |fingerprint| NotAccepted::Other { fingerprint }))
    }

    async fn take_down(&self, target: &Target<'_>, lines: &str) -> Result<(), NotAccepted> {
        let path = self.ways.known_hosts()?;
        let _held = path.parent().map(file::hold).transpose()?;
        if path.exists() {
            let pattern = known_hosts::pattern(target.ssh, target.host);
            let forget = known_hosts::forget(&pattern, &path.display().to_string());
            self.here.run(&forget).await.map_err(NotAccepted::Exec)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&path)?;
        io::Write::write_all(&mut file, lines.as_bytes())?;
        Ok(file.sync_all()?)
    }
}

/// Why a host key was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// The machine was not asked.
    #[error("{0}")]
    Exec(ExecError),
    /// It did not show any.
    #[error("the machine shows no host key: it does not answer")]
    Silent,
    /// It shows another.
    #[error("the machine shows {fingerprint}")]
    Other {
        /// Which.
        fingerprint: String,
    },
    /// The configuration says which one it has.
    #[error("its key stands in `ssh.hostKey`, which is the only one that counts: change it there")]
    Configured,
    /// Files.
    #[error("{0}")]
    Io(#[from] io::Error),
}
