//! A file that is encrypted as a whole in the format of age, armoured.

use std::io::Read;
use std::io::Write;
use std::path::Path;

use age::Decryptor;
use age::Encryptor;
use age::Identity;
use age::Recipient;
use age::armor::ArmoredReader;
use age::armor::ArmoredWriter;
use age::armor::Format;
use age::x25519;
use nix8s_core::secret::Redacted;

use crate::error::CliError;
use crate::error::Exit;

/// How such a file begins.
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Whether a text is one.
pub fn is_encrypted(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

/// The text of a file for these recipients.
pub fn encrypt(plain: &Redacted, recipients: &[String]) -> Result<String, CliError> {
    let keys: Vec<x25519::Recipient> =
        recipients.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?;
    let failed =
        |error: std::io::Error| CliError::new(Exit::Failed, "could not encrypt the secrets").because(error);
    let encryptor =
        Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient)).map_err(|error| {
            CliError::new(Exit::Configuration, "could not encrypt the secrets").because(error)
        })?;
    let mut out = Vec::new();
    let armored = ArmoredWriter::wrap_output(&mut out, Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armored).map_err(failed)?;
    writer.write_all(plain.expose().as_bytes()).map_err(failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    Ok(String::from_utf8(out).expect("armour is ASCII"))
}

/// Bytes for these recipients, as they are: not armoured.
pub fn seal(plain: &[u8], recipients: &[String]) -> Result<Vec<u8>, CliError> {
    let keys: Vec<x25519::Recipient> =
        recipients.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?;
    let encryptor = Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient));
    let encryptor = encryptor
        .map_err(|error| CliError::new(Exit::Configuration, "could not encrypt it").because(error))?;
    let mut out = Vec::new();
    let sealed = encryptor.wrap_output(&mut out).and_then(|mut writer| {
        writer.write_all(plain)?;
        writer.finish().map(drop)
    });
    sealed.map_err(|error| CliError::new(Exit::Failed, "could not encrypt it").because(error))?;
    Ok(out)
}

fn recipient(text: &str) -> Result<x25519::Recipient, CliError> {
    text.parse().map_err(|why| {
        let message = format!("the recipient {text:?} is no age recipient such as age1…: {why}");
        let hint = "SSH keys, PGP and key services are recipients with `secrets.provider: sops`.";
        CliError::new(Exit::Configuration, message).hint(hint)
    })
}

/// What a file holds.
pub fn decrypt(text: &str, identity: Option<&Path>) -> Result<Redacted, CliError> {
    let Some(path) = identity else {
        let hint = "Say where your age identity is with $SOPS_AGE_KEY_FILE, or put it into $XDG_CONFIG_HOME/nix8s/age/keys.txt.";
        return Err(CliError::new(Exit::Refused, "there is no age identity").hint(hint));
    };
    let keys = identities(path)?;
    let wrong = |error: age::DecryptError| {
        let message = match error {
            age::DecryptError::NoMatchingKeys => {
                format!("no identity in {} is among its recipients", path.display())
            }
            other => other.to_string(),
        };
        let hint = "Somebody who can read it adds your recipient to `secrets.recipients` and says `nix8s secrets generate`.";
        CliError::new(Exit::Refused, message).hint(hint)
    };
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(text.as_bytes())).map_err(wrong)?;
    let mut reader = decryptor.decrypt(keys.iter().map(|key| key as &dyn Identity)).map_err(wrong)?;
    let mut plain = String::new();
    match reader.read_to_string(&mut plain) {
        Ok(_) => Ok(Redacted::new(plain)),
        Err(error) => {
            drop(Redacted::new(plain));
            Err(CliError::new(Exit::Failed, "it is damaged").because(error))
        }
    }
}

/// The recipients of all identities in a file.
pub fn own_recipients(path: &Path) -> Result<Vec<String>, CliError> {
    Ok(identities(path)?.iter().map(|key| key.to_public().to_string()).collect())
}

fn identities(path: &Path) -> Result<Vec<x25519::Identity>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::Failed, format!("could not read the age identity {}", path.display()))
            .because(error)
    })?;
    let text = Redacted::new(text);
    let lines = text.expose().lines().map(str::trim).filter(|line| line.starts_with("AGE-SECRET-KEY-1"));
    let keys: Vec<x25519::Identity> = lines.filter_map(|line| line.parse().ok()).collect();
    if keys.is_empty() {
        let message = format!("{} has no age identity that nix8s can use", path.display());
        let hint = "It has a line that begins with AGE-SECRET-KEY-1, as `age-keygen` makes it.";
        return Err(CliError::new(Exit::Refused, message).hint(hint));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    fn keys(folder: &Path, name: &str) -> (std::path::PathBuf, String) {
        let key = x25519::Identity::generate();
        let path = folder.join(name);
        std::fs::write(&path, format!("# a comment\n{}\n", key.to_string().expose_secret())).unwrap();
        (path, key.to_public().to_string())
    }

    #[test]
    fn every_recipient_decrypts_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let [(a, to_a), (b, to_b), (c, _)] = ["a", "b", "c"].map(|name| keys(folder.path(), name));
        let text = encrypt(&"hunter2".into(), &[to_a.clone(), to_b]).unwrap();
        assert!(is_encrypted(&text) && !text.contains("hunter2"));
        for path in [a.as_path(), b.as_path()] {
            assert_eq!(decrypt(&text, Some(path)).unwrap().expose(), "hunter2");
        }
        assert!(decrypt(&text, Some(&c)).unwrap_err().message.contains("among its recipients"));
        assert_eq!(decrypt(&text, None).unwrap_err().message, "there is no age identity");
        assert_eq!(own_recipients(&a).unwrap(), [to_a]);
        let half = &text[..text.len() / 2];
        assert!(decrypt(half, Some(&a)).is_err());
    }

    #[test]
    fn a_recipient_of_another_kind_is_refused_by_name() {
        let error = encrypt(&"x".into(), &["ssh-ed25519 AAAA".to_owned()]).unwrap_err();
        assert!(error.message.contains("\"ssh-ed25519 AAAA\""), "{error:?}");
        assert!(encrypt(&"x".into(), &[]).is_err());
    }
}
