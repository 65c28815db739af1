//! New tokens and keys, and the public halves of keys.

use std::io;

use nix8s_core::secret::Redacted;
use ssh_key::LineEnding;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;

/// What tokens are made of: k3s is safe with these only (facts: 3.3).
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Characters of a token: 285 bits.
const TOKEN: usize = 48;

/// A new token.
pub fn token() -> io::Result<Redacted> {
    let mut out = String::with_capacity(TOKEN);
    while out.len() < TOKEN {
        let mut bytes = [0; 2 * TOKEN];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        // Of the 256 values, the last few would make some characters likelier than others.
        let usable = bytes.iter().filter(|byte| usize::from(**byte) < 256 / ALPHABET.len() * ALPHABET.len());
        let left = TOKEN - out.len();
        out.extend(usable.take(left).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])));
        bytes.fill(0);
    }
    Ok(Redacted::new(out))
}

/// A new ed25519 key in the format of OpenSSH.
pub fn private(comment: &str) -> io::Result<Redacted> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let pair = Ed25519Keypair::from_seed(&seed);
    seed.fill(0);
    let key = PrivateKey::new(pair.into(), comment).map_err(io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    Ok(Redacted::new(text.as_str()))
}

/// The public half of a key, without a comment.
pub fn public(private: &Redacted) -> Result<String, String> {
    let key = PrivateKey::from_openssh(private.expose()).map_err(|_| "it is damaged".to_owned())?;
    if key.is_encrypted() {
        return Err("it has a passphrase of its own".to_owned());
    }
    if key.algorithm() != ssh_key::Algorithm::Ed25519 {
        return Err("it is not of the kind ed25519".to_owned());
    }
    let text = key.public_key().to_openssh().map_err(|_| "it is damaged".to_owned())?;
    Ok(text.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_plain_and_never_the_same() {
        let [a, b] = [token().unwrap(), token().unwrap()];
        assert_ne!(a, b);
        assert_eq!(a.expose().len(), TOKEN);
        assert_eq!(nix8s_core::secret::document::token_problem(a.expose()), None);
        assert!(a.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_key_has_its_public_half() {
        let [a, b] = [private("host-key/w1").unwrap(), private("host-key/w1").unwrap()];
        let [public_a, public_b] = [public(&a).unwrap(), public(&b).unwrap()];
        assert!(public_a.starts_with("ssh-ed25519 AAAA") && public_a != public_b, "{public_a}");
        assert_eq!(public(&"nothing".into()), Err("it is damaged".to_owned()));
    }

    /// What ssh-keygen says of a key that we made.
    #[test]
    fn openssh_reads_our_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = private("deploy-key").unwrap();
        nix8s_engine::real::private::write(&path, &nix8s_core::tool::File::private(key.clone())).unwrap();
        match std::process::Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout);
                assert_eq!(said.trim(), format!("{} deploy-key", public(&key).unwrap()));
            }
            Err(_) => eprintln!("SKIPPED: OpenSSH's ssh-keygen is not on the PATH"),
        }
    }
}
