//! nix: evaluates, builds and copies systems. Options: `nix eval`, `nix build`, `nix copy` of Nix 2.18 and newer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::NotUnderstood;
use super::Output;
use super::json;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::ClusterName;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::StorePath;
use crate::model::Sudo;
use crate::model::Version;
use crate::observed::System;

/// Every system of a cluster in one evaluation, as JSON; `version` is the Kubernetes version to evaluate with,
/// which may be a step on the way to the configured one.
pub fn evaluate(flake: &str, cluster: &ClusterName, version: &Version) -> Command {
    let attribute = format!("{flake}#nix8sSystems.{cluster}.\"{version}\"");
    let eval = ["--json", &attribute];
    Command::here(["nix", "eval"].into_iter().chain(FLAKES).chain(eval), Duration::from_secs(1800))
}

/// Reads what [`evaluate`] printed.
///
/// # Errors
/// When it is not a map from machine to system.
pub fn evaluated(stdout: &str) -> Result<BTreeMap<MachineName, System>, NotUnderstood> {
    json("nix eval", stdout)
}

/// Options for a Nix that has not been told to know flakes.
const FLAKES: [&str; 2] = ["--extra-experimental-features", "nix-command flakes"];

/// The document of a flake, as JSON. `dir` is absolute. What is not locked yet is looked up and not written down:
/// reading changes nothing.
pub fn document(dir: &str) -> Command {
    let attribute = format!("{dir}#nix8s");
    let options = ["eval", "--json", "--no-write-lock-file", &attribute];
    Command::here(["nix"].into_iter().chain(FLAKES).chain(options), Duration::from_secs(1800))
}

/// Why Nix gave no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The flake evaluates and has no such output.
    NoOutput,
    /// Git does not know the file, so that Nix does not see it.
    NotTracked,
    /// A function stands where data is meant.
    Function,
    /// Something else, of which nix's own words tell.
    Other,
}

/// Reads why [`document`] failed.
pub fn refusal(output: &Output) -> Refusal {
    /// What each is known by.
    const SAYS: &[(&str, Refusal)] = &[
        ("does not provide attribute", Refusal::NoOutput),
        ("is not tracked by Git", Refusal::NotTracked),
        ("-source/flake.nix': No such file or directory", Refusal::NotTracked),
        ("cannot convert a function", Refusal::Function),
    ];
    let said = SAYS.iter().find(|(says, _)| output.stderr.contains(says));
    said.map_or(Refusal::Other, |(_, refusal)| *refusal)
}

/// Whether what an evaluation printed is JSON; what it means is not asked.
///
/// # Errors
/// When it is not.
pub fn is_json(stdout: &str) -> Result<(), NotUnderstood> {
    json::<serde::de::IgnoredAny>("nix eval", stdout).map(|_| ())
}

/// What to evaluate for an import.
#[derive(Debug, Clone, Copy)]
pub enum Earlier<'a> {
    /// A file with an expression.
    File(&'a str),
    /// An output of a flake, for example `.#clusterConfig`.
    Flake(&'a str),
    /// A folder with one file or folder for each machine.
    Folder(&'a str),
}

/// Reads a document of an earlier design as JSON, without copying any path into the store.
pub fn read_earlier(what: Earlier<'_>) -> Command {
    let mut argv = vec!["nix", FLAKES[0], FLAKES[1], "eval", "--json"];
    let folder;
    match what {
        Earlier::File(file) => argv.extend(["--file", file]),
        Earlier::Flake(reference) => argv.push(reference),
        Earlier::Folder(path) => {
            folder = format!("({}) {}", crate::import::MACHINES, quoted(path));
            argv.extend(["--impure", "--expr", &folder]);
        }
    }
    argv.extend(["--apply", crate::import::PLAIN]);
    Command::here(argv, Duration::from_secs(600))
}

/// A text as Nix writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for (at, c) in text.char_indices() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // `${` begins an expression inside of a text.
            '$' if text[at + 1..].starts_with('{') => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Builds a machine's system and prints its path.
pub fn build(flake: &str, cluster: &ClusterName, machine: &MachineName, version: &Version) -> Command {
    let attribute = format!("{flake}#nix8sBuilds.{cluster}.\"{version}\".{machine}");
    let build = ["--no-link", "--print-out-paths", &attribute];
    Command::here(["nix", "build"].into_iter().chain(FLAKES).chain(build), Duration::from_secs(4 * 3600))
}

/// Builds a part of a machine's configuration (`config.system.build.PART`) and prints its path.
pub fn build_part(
    flake: &str,
    cluster: &ClusterName,
    machine: &MachineName,
    version: &Version,
    part: &str,
) -> Command {
    let attribute =
        format!("{flake}#nix8sConfigurations.{cluster}.\"{version}\".{machine}.config.system.build.{part}");
    let build = ["--no-link", "--print-out-paths", &attribute];
    Command::here(["nix", "build"].into_iter().chain(FLAKES).chain(build), Duration::from_secs(4 * 3600))
}

/// Reads what [`build`] printed.
///
/// # Errors
/// When it is not one store path.
pub fn built(stdout: &str) -> Result<StorePath, NotUnderstood> {
    let path = stdout.trim();
    if path.starts_with("/nix/store/") && !path.contains(char::is_whitespace) {
        Ok(StorePath::new(path))
    } else {
        Err(NotUnderstood { program: "nix build", why: "expected one store path".to_owned() })
    }
}

/// Copies a closure to a machine, over SSH with the host keys and the key that the configuration says (X-12). What was built
/// here has no signature; whoever may become root there needs none. Where sudo asks for a password, it is the user that Nix has to
/// trust: the password would stand in the way of what is copied.
pub fn copy(machine: &Machine, path: &StorePath) -> Command {
    let ssh = &machine.ssh;
    let host = ssh.host.as_deref().unwrap_or(machine.name.as_str());
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let program = match ssh.sudo {
        Sudo::None | Sudo::Password => "",
        Sudo::Passwordless => "?remote-program=sudo%20-n%20nix-daemon",
    };
    let store = format!("ssh-ng://{}@{bracketed}{program}", ssh.user);
    let mut options: Vec<String> =
        super::ssh::options(ssh).iter().map(|option| format!("-o {option}")).collect();
    if ssh.port != 22 {
        options.push(format!("-p {}", ssh.port));
    }
    options.extend(ssh.key_file.iter().map(|key| format!("-i {key}")));
    let environment = format!("NIX_SSHOPTS={}", options.join(" "));
    let copy = ["--no-check-sigs", "--substitute-on-destination", "--to", &store, path.as_str()];
    let argv = ["env", &environment, "nix", "copy"].into_iter().chain(FLAKES).chain(copy);
    Command::here(argv, Duration::from_secs(3600)).reaching(machine)
}

/// Messages that nix is known for.
pub const KNOWN: &[Known] = &[
    passing("No space left on device", "free some space: nix-collect-garbage -d"),
    passing("Could not resolve host", "see whether names can be resolved and caches reached from here"),
    lasting(
        "hash mismatch in fixed-output derivation",
        "mend the hash in the configuration, then `nix8s node retry`",
    ),
    lasting(
        "lacks a signature by a trusted key",
        "name `ssh.user` in the machine's nix.settings.trusted-users, then `nix8s node retry`",
    ),
    lasting("error: syntax error", "mend the configuration, then `nix8s node retry`"),
    lasting(
        "is required, but I am a",
        "a builder for that system is needed (nix.buildMachines), then `nix8s node retry`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_16_texts_cannot_leave_their_quotes_in_nix() {
        assert_eq!(quoted("a\"; b"), r#""a\"; b""#);
        assert_eq!(quoted(r"a\"), r#""a\\""#);
        assert_eq!(quoted("${builtins.abort x} $$ $"), r#""\${builtins.abort x} $$ $""#);
        assert_eq!(quoted("$${x}"), r#""$\${x}""#);
    }

    #[test]
    fn a_flakes_document_is_read_and_nothing_is_written() {
        let command = document("/srv/my clusters");
        let expected = [
            "nix",
            "--extra-experimental-features",
            "nix-command flakes",
            "eval",
            "--json",
            "--no-write-lock-file",
            "/srv/my clusters#nix8s",
        ];
        assert_eq!(command.argv, expected);
    }

    /// What Nix 2.26 says, and for files outside of Git what older ones said.
    #[test]
    fn why_there_is_no_document_is_read_from_what_nix_says() {
        let cases = [
            (
                "error: flake 'path:/srv/x' does not provide attribute 'packages.x86_64-linux.nix8s', \
                 'legacyPackages.x86_64-linux.nix8s' or 'nix8s'",
                Refusal::NoOutput,
            ),
            (
                "error: Path 'flake.nix' in the repository \"/srv/x\" is not tracked by Git.",
                Refusal::NotTracked,
            ),
            (
                "error: getting status of '/nix/store/0a-source/flake.nix': No such file or directory",
                Refusal::NotTracked,
            ),
            ("error: cannot convert a function to JSON", Refusal::Function),
            ("error: attribute 'disk' missing", Refusal::Other),
        ];
        for (stderr, expected) in cases {
            let output = Output { status: 1, stdout: String::new(), stderr: stderr.to_owned() };
            assert_eq!(refusal(&output), expected, "{stderr}");
        }
        assert!(is_json("{}").is_ok() && is_json("<html>").is_err());
    }

    #[test]
    fn earlier_documents_are_read_through_the_function_that_copies_nothing() {
        let command = read_earlier(Earlier::File("/x/cluster.nix"));
        assert_eq!(
            command.argv[..7].join(" "),
            "nix --extra-experimental-features nix-command flakes eval --json --file /x/cluster.nix"
        );
        assert_eq!(command.argv.last().map(String::as_str), Some(crate::import::PLAIN));
        let folder = read_earlier(Earlier::Folder("/x/${y}"));
        assert!(folder.argv.iter().any(|argument| argument.ends_with(r#" "/x/\${y}""#)), "{:?}", folder.argv);
    }
}
