//! sops 3.9 and later: encrypts the values of a YAML file and leaves its keys in clear (facts: section 12).
//!
//! Plain text goes in by stdin and comes out by stdout: never by a file, an argument or the environment.

use super::Command;
use super::Output;
use super::SHORT;
use crate::secret::Redacted;

/// What sops is told of where things are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// A file with age identities; none: what sops finds by itself, other kinds of keys too.
    pub identity: Option<String>,
    /// `.sops.yaml`; none: it looks in the folder and those above.
    pub config: Option<String>,
}

impl Places {
    /// By `env`, which sets variables for sops alone: there is no argument for the identity. Nothing here is secret.
    fn begin(&self) -> Vec<String> {
        let mut argv = vec!["env".to_owned(), "SOPS_DISABLE_VERSION_CHECK=true".to_owned()];
        argv.extend(self.identity.iter().map(|path| format!("SOPS_AGE_KEY_FILE={path}")));
        argv.extend(self.config.iter().map(|path| format!("SOPS_CONFIG={path}")));
        argv.push("sops".to_owned());
        argv
    }
}

/// Prints a file decrypted.
pub fn decrypt(places: &Places, file: &str) -> Command {
    let mut argv = places.begin();
    argv.extend(["decrypt", "--input-type", "yaml", "--output-type", "yaml", file].map(str::to_owned));
    Command::here(argv, SHORT)
}

/// Prints a text encrypted, as the content of a file of this name. Recipients that are given count more than rules of
/// `.sops.yaml`.
pub fn encrypt(places: &Places, file: &str, recipients: &[String], plain: Redacted) -> Command {
    let mut argv = places.begin();
    argv.push("encrypt".to_owned());
    if !recipients.is_empty() {
        argv.extend(["--age".to_owned(), recipients.join(",")]);
    }
    argv.extend(
        ["--input-type", "yaml", "--output-type", "yaml", "--filename-override", file].map(str::to_owned),
    );
    Command::here(argv, SHORT).reading(plain)
}

/// Whether a text is a YAML file that sops encrypted: it has a top-level `sops`.
pub fn is_encrypted(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("sops:") || line.starts_with("\"sops\":"))
}

/// Why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is no sops.
    NotInstalled,
    /// No identity here decrypts it.
    NoIdentity,
    /// It was changed without sops.
    Changed,
    /// Nobody says to whom it is encrypted.
    NoRecipients,
    /// Something else.
    Other,
}

/// What an exit status means (facts: 12.3); 127 is that of `env`.
pub fn why(output: &Output) -> Why {
    match output.status {
        127 => Why::NotInstalled,
        128 => Why::NoIdentity,
        51 | 52 => Why::Changed,
        61 => Why::NoRecipients,
        1 if output.stderr.contains("no matching creation rules") => Why::NoRecipients,
        _ => Why::Other,
    }
}

impl Why {
    /// What to try.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::NotInstalled => {
                Some("Install sops, or say `secrets.provider: age`, which needs no program.")
            }
            Self::NoIdentity => Some(
                "Is your identity among its recipients? Somebody who can read it adds you: `sops updatekeys FILE`.",
            ),
            Self::Changed => {
                Some("It was changed without sops: take the last good one from your version control.")
            }
            Self::NoRecipients => {
                Some("Name recipients in `secrets.recipients`, or give `.sops.yaml` a rule for this file.")
            }
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn command_lines_are_those_of_sops() {
        let places =
            Places { identity: Some("/c/keys.txt".to_owned()), config: Some("/p/.sops.yaml".to_owned()) };
        assert_snapshot!(decrypt(&places, "secrets/a.yaml").argv.join(" "), @"env SOPS_DISABLE_VERSION_CHECK=true SOPS_AGE_KEY_FILE=/c/keys.txt SOPS_CONFIG=/p/.sops.yaml sops decrypt --input-type yaml --output-type yaml secrets/a.yaml");
        let recipients = ["age1a".to_owned(), "age1b".to_owned()];
        let command = encrypt(&Places::default(), "secrets/a.yaml", &recipients, "hunter2".into());
        assert_snapshot!(command.argv.join(" "), @"env SOPS_DISABLE_VERSION_CHECK=true sops encrypt --age age1a,age1b --input-type yaml --output-type yaml --filename-override secrets/a.yaml");
        assert_eq!(command.stdin.unwrap().expose(), "hunter2");
    }

    #[test]
    fn an_exit_status_says_what_to_try() {
        let output = |status| Output { status, stdout: String::new(), stderr: String::new() };
        let all = [127, 128, 51, 61, 1].map(|status| why(&output(status)));
        assert_eq!(all, [Why::NotInstalled, Why::NoIdentity, Why::Changed, Why::NoRecipients, Why::Other]);
    }

    #[test]
    fn a_file_of_sops_is_known_by_its_metadata() {
        assert!(is_encrypted("token: ENC[..]\nsops:\n    mac: x\n"));
        assert!(!is_encrypted("token: x\n  sops: x\n"));
    }
}
