//! How programs are asked which version they are, and what they say.

use super::Command;
use super::Output;
use super::SHORT;

/// Numbers of a version, the most important first: a longer one with the same beginning is newer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Vec<u32>);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

/// Asks a program.
pub fn ask(argv: &[&str]) -> Command {
    Command::here(argv.iter().copied(), SHORT)
}

/// The first version in what a program printed, on stdout or, as ssh does, on stderr: `nix (Nix) 2.24.9`,
/// `OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.9`, `git version 2.39.5`.
pub fn read(output: &Output) -> Option<Number> {
    [&output.stdout, &output.stderr].into_iter().find_map(|text| first(text))
}

/// What stands in parentheses is about something else.
fn first(text: &str) -> Option<Number> {
    let mut depth = 0_u32;
    let text: String = text
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
        .collect();
    let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let word = text.split(|c: char| c.is_whitespace() || "_-,)".contains(c)).find(starts)?;
    let plain = word.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    plain
        .split('.')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()
        .map(Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_version_in_their_own_ways() {
        let said = |stdout: &str, stderr: &str| {
            let output = Output { status: 0, stdout: stdout.to_owned(), stderr: stderr.to_owned() };
            read(&output).map(|number| number.to_string())
        };
        for (text, version) in [
            ("nix (Nix) 2.24.9\n", "2.24.9"),
            ("nix (Lix, like Nix) 2.91.1\n", "2.91.1"),
            ("nix (Determinate Nix 3.11.1) 2.31.0\n", "2.31.0"),
            ("sops 3.9.4 (latest)\n", "3.9.4"),
            ("git version 2.39.5 (Apple Git-154)\n", "2.39.5"),
            ("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\n", "5.2.15"),
        ] {
            assert_eq!(said(text, "").as_deref(), Some(version), "{text}");
        }
        assert_eq!(said("", "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15\n").as_deref(), Some("9.2"));
        assert_eq!(said("Usage: nixos-anywhere [options]\n", ""), None);
        assert_eq!(said("99999999999999999999.1\n", ""), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let number = |parts: &[u32]| Number(parts.to_vec());
        assert!(number(&[2, 9]) < number(&[2, 18]));
        assert!(number(&[2, 18, 1]) > number(&[2, 18]));
    }
}
