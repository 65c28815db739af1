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
use crate::model::Cluster;
use crate::model::ClusterName;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::StorePath;
use crate::model::Sudo;
use crate::model::Version;
use crate::observed::System;

/// An evaluation of systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluates {
    /// The flake.
    pub flake: String,
    /// Its output, a map by machine.
    pub output: String,
    /// The machines in it.
    pub machines: Vec<MachineName>,
}

/// Every system of a cluster in one evaluation, as JSON; `version` is the Kubernetes version to evaluate with,
/// which may be a step on the way to the configured one.
pub fn evaluate(flake: &str, cluster: &Cluster, version: &Version) -> Command {
    let output = format!("nix8sSystems.{}.\"{version}\"", cluster.name);
    let machines = cluster.machines.keys().cloned().collect();
    let evaluates = Evaluates { flake: flake.to_owned(), output, machines };
    Command { evaluates: Some(evaluates.clone()), ..evaluates.command(&[]) }
}

impl Evaluates {
    /// The same for some of its machines, in an evaluator of its own.
    pub fn of(&self, machines: &[MachineName]) -> Command {
        let names = machines.iter().map(|name| format!("{} ", quoted(name.as_str()))).collect::<String>();
        self.command(&[
            "--option",
            "eval-cache",
            "false",
            "--apply",
            &format!("all: {{ inherit (all) {names}; }}"),
        ])
    }

    fn command(&self, more: &[&str]) -> Command {
        let attribute = format!("{}#{}", self.flake, self.output);
        let argv = ["nix", "eval"]
            .into_iter()
            .chain(FLAKES)
            .chain(["--json", &attribute])
            .chain(more.iter().copied());
        Command::here(argv, Duration::from_secs(1800))
    }
}

/// What a flake is: its source and what it has locked.
pub fn metadata(flake: &str) -> Command {
    let words = ["--json", "--no-write-lock-file", flake];
    Command::here(
        ["nix", "flake", "metadata"].into_iter().chain(FLAKES).chain(words),
        Duration::from_secs(600),
    )
}

/// What [`metadata`] printed as a text that is the same as long as everything that is evaluated is; `None` when a part of it has
/// no hash.
pub fn fingerprint(stdout: &str) -> Option<String> {
    let all: serde_json::Value = serde_json::from_str(stdout).ok()?;
    let source = all["locked"]["narHash"].as_str()?;
    let nodes = all["locks"]["nodes"].as_object()?;
    let unlocked =
        |node: &serde_json::Value| !node["locked"].is_null() && node["locked"]["narHash"].as_str().is_none();
    let is_locked = !nodes.values().any(unlocked);
    is_locked.then(|| crate::digest::sha256(format!("{source}\n{}", all["locks"]).as_bytes()))
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

/// Looks up what the inputs of a flake are today, where its lock does not say, and writes that into its `flake.lock`.
pub fn lock(flake: &str) -> Command {
    Command::here(["nix", "flake", "lock"].into_iter().chain(FLAKES).chain([flake]), Duration::from_secs(600))
}

/// The same for all inputs, whatever the lock says.
pub fn update(flake: &str) -> Command {
    let words = ["--flake", flake];
    Command::here(["nix", "flake", "update"].into_iter().chain(FLAKES).chain(words), Duration::from_secs(600))
}

/// A folder as Nix takes it, whole and whatever Git says of it: a URL (RFC 3986), so that what means something in one is escaped.
pub fn folder(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let escaped = path
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    format!("path:{}", escaped.collect::<String>())
}

/// What a lock holds of an input (`flake.lock`, version 7): the revision and the day of its last change.
pub fn locked(lock: &str, input: &str) -> Option<(String, jiff::Timestamp)> {
    let all: serde_json::Value = serde_json::from_str(lock).ok()?;
    let locked = &all["nodes"][input]["locked"];
    let revision = locked["rev"].as_str().or_else(|| locked["narHash"].as_str())?.to_owned();
    Some((revision, jiff::Timestamp::from_second(locked["lastModified"].as_i64()?).ok()?))
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

/// The error in what Nix said, on one line: what stands behind its last `error:`. The rest is where it came from.
pub fn error(stderr: &str) -> String {
    let text = stderr.rsplit_once("error:").map_or(stderr, |(_, error)| error);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
    fn of_a_trace_the_error_is_shown() {
        let said = "warning: x\nerror:\n       … while evaluating 'a'\n\n       error:\n       Failed assertions:\n       - no root\n";
        assert_eq!(error(said), "Failed assertions: - no root");
        assert_eq!(error("cannot run\n"), "cannot run");
    }

    #[test]
    fn a_flake_is_known_by_its_source_and_its_lock() {
        let of = |source: &str, input: &str| {
            fingerprint(&format!(
                r#"{{"locked":{{"narHash":"{source}"}},"locks":{{"nodes":{{"root":{{}},"nixpkgs":{{"locked":{{{input}}}}}}}}}}}"#
            ))
        };
        let one = of("a", r#""narHash":"b""#).unwrap();
        assert_eq!(of("a", r#""narHash":"b""#).as_ref(), Some(&one));
        assert_ne!(of("c", r#""narHash":"b""#).unwrap(), one);
        assert_ne!(of("a", r#""narHash":"d""#).unwrap(), one);
        assert_eq!(of("a", r#""rev":"b""#), None);
    }

    #[test]
    fn folders_are_urls() {
        assert_eq!(folder("/a b/#c"), "path:/a%20b/%23c");
    }

    #[test]
    fn what_a_lock_holds_is_read() {
        let lock = r#"{"nodes":{"nixpkgs":{"locked":{"rev":"abc","lastModified":86400}}},"root":"root","version":7}"#;
        assert_eq!(locked(lock, "nixpkgs").unwrap().1.to_string(), "1970-01-02T00:00:00Z");
        assert_eq!(locked(lock, "disko"), None);
        assert_eq!(locked("{}", "disko"), None);
    }

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
