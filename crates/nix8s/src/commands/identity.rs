//! The age identity of whoever runs nix8s: made once, in their own configuration folder and never in a project.

use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use jiff::Timestamp;
use nix8s_core::secret::Redacted;

use crate::error::CliError;
use crate::error::Exit;

/// What an identity's text begins with.
const SECRET: &str = "AGE-SECRET-KEY-1";

/// An identity, as far as a project is told of it.
#[derive(Debug)]
pub struct Identity {
    /// Where it is.
    pub path: PathBuf,
    /// To whom secrets are encrypted: `age1…`.
    pub recipient: String,
    /// Whether it was made just now.
    pub is_new: bool,
}

/// The identity that is there, or a new one.
pub fn ensure() -> Result<Identity, CliError> {
    ensure_at(place()?)
}

fn ensure_at(path: PathBuf) -> Result<Identity, CliError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let recipient = recipient_in(&text).ok_or_else(|| {
                let message = format!("{} has no age identity that a recipient can be told from", path.display());
                let hint = format!("It has a line that begins with {SECRET}, as `age-keygen` makes it. Move it away to get a new one.");
                CliError::new(Exit::Refused, message).hint(hint)
            })?;
            Ok(Identity { path, recipient, is_new: false })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let failed = |error: io::Error| {
                CliError::new(Exit::Failed, format!("could not make the age identity {}", path.display()))
                    .because(error)
            };
            let (text, recipient) = written(&x25519::Identity::generate(), Timestamp::now());
            put(&path, text.expose()).map_err(failed)?;
            Ok(Identity { path, recipient, is_new: true })
        }
        Err(error) => {
            let message = format!("could not read the age identity {}", path.display());
            Err(CliError::new(Exit::Failed, message).because(error))
        }
    }
}

/// Where an identity is, if there is one: `$SOPS_AGE_KEY_FILE` or the user's configuration folder.
pub fn there() -> Option<PathBuf> {
    let given = std::env::var_os("SOPS_AGE_KEY_FILE").filter(|value| !value.is_empty()).map(PathBuf::from);
    given.or_else(|| place().ok().filter(|path| path.is_file()))
}

/// Where it is looked for. It is a folder of nix8s, because an identity for clusters is none for everything.
fn place() -> Result<PathBuf, CliError> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = from("XDG_CONFIG_HOME").or_else(|| from("HOME").map(|home| home.join(".config")));
    base.map(|base| base.join("nix8s/age/keys.txt")).ok_or_else(|| {
        let message = "there is no place for the age identity: neither $XDG_CONFIG_HOME nor $HOME is given";
        CliError::new(Exit::Failed, message)
    })
}

/// Private from its first byte on, and never in place of another.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The file as `age-keygen` writes it, and the recipient.
fn written(identity: &x25519::Identity, at: Timestamp) -> (Redacted, String) {
    let recipient = identity.to_public().to_string();
    let secret = identity.to_string();
    let text = format!("# created: {at:.0}\n# public key: {recipient}\n{}\n", secret.expose_secret());
    (text.into(), recipient)
}

/// The recipient of a file's first identity: told from the identity and not from a comment, which may be wrong.
fn recipient_in(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| line.starts_with(SECRET))?;
    Some(line.parse::<x25519::Identity>().ok()?.to_public().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What `age-keygen -y` says of 32 times 0x42.
    const KNOWN: [&str; 2] = [
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
    ];

    #[test]
    fn identities_are_those_of_age() {
        let (text, recipient) = written(&KNOWN[0].parse().unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(text.expose().lines().nth(2), Some(KNOWN[0]));
        assert_eq!(recipient, KNOWN[1]);
        assert_eq!(recipient_in(text.expose()), Some(KNOWN[1].to_owned()));
        assert_eq!(
            recipient_in(&format!("# public key: age1wrong\n{}\n", KNOWN[0])),
            Some(KNOWN[1].to_owned())
        );
        for broken in ["", "AGE-SECRET-KEY-1QQQQ", "AGE-PLUGIN-YUBIKEY-1QQQQ"] {
            assert_eq!(recipient_in(broken), None);
        }
    }

    #[test]
    fn an_identity_is_made_once_private_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nix8s/age/keys.txt");
        let first = ensure_at(path.clone()).unwrap();
        let text = std::fs::read(&path).unwrap();
        assert!(first.is_new);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let second = ensure_at(path.clone()).unwrap();
        assert_eq!((second.is_new, second.recipient), (false, first.recipient.clone()));
        assert_eq!(std::fs::read(&path).unwrap(), text);
        let other = ensure_at(dir.path().join("other/keys.txt")).unwrap();
        assert_ne!(other.recipient, first.recipient);
    }

    #[test]
    fn a_file_that_is_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.txt");
        std::fs::write(&path, "AGE-PLUGIN-YUBIKEY-1QQQQ\n").unwrap();
        let error = ensure_at(path.clone()).unwrap_err();
        assert_eq!(error.exit, Exit::Refused);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "AGE-PLUGIN-YUBIKEY-1QQQQ\n");
    }
}
