//! Which crate may use what. A crate exists because it forbids a dependency; this is where that is written down.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::repository::Repository;

/// What a crate may depend on: exactly this, so that a name that is no longer needed goes too.
struct Allowed {
    package: &'static str,
    ours: &'static [&'static str],
    others: &'static [&'static str],
    /// Ours that only its tests may use.
    tests: &'static [&'static str],
}

/// Every crate, in the order in which they may know each other: core ← engine ← sim ← nix8s.
const ALLOWED: &[Allowed] = &[
    Allowed {
        package: "nix8s-core",
        ours: &[],
        others: &[
            "granit-parser",
            "ipnet",
            "jiff",
            "regex-lite",
            "serde",
            "serde_json",
            "sha2",
            "strsim",
            "thiserror",
            "zeroize",
        ],
        tests: &[],
    },
    Allowed {
        package: "nix8s-engine",
        ours: &["nix8s-core"],
        others: &[
            "async-trait",
            "base64",
            "futures-util",
            "hyper-util",
            "jiff",
            "k8s-openapi",
            "kube",
            "rustix",
            "serde",
            "serde-saphyr",
            "serde_json",
            "thiserror",
            "tokio",
            "x509-cert",
        ],
        tests: &["nix8s-lab"],
    },
    Allowed {
        package: "nix8s-sim",
        ours: &["nix8s-core", "nix8s-engine"],
        others: &["async-trait", "ipnet", "jiff", "rustix", "serde", "serde_json", "tokio"],
        tests: &[],
    },
    Allowed {
        package: "nix8s",
        ours: &["nix8s-core", "nix8s-engine", "nix8s-sim"],
        others: &[
            "age",
            "async-trait",
            "axum",
            "clap",
            "clap_complete",
            "clap_mangen",
            "flate2",
            "getrandom",
            "include_dir",
            "indicatif",
            "jiff",
            "maud",
            "mimalloc",
            "notify",
            "prometheus-client",
            "rustix",
            "sd-notify",
            "serde",
            "serde_json",
            "signal-hook",
            "ssh-key",
            "strsim",
            "tar",
            "thiserror",
            "tokio",
            "unicode-width",
        ],
        tests: &["nix8s-lab"],
    },
    // For tests and for trying things by hand: no release knows it.
    Allowed {
        package: "nix8s-lab",
        ours: &[],
        others: &["rustix", "sha2", "tempfile", "thiserror"],
        tests: &[],
    },
    Allowed { package: "xtask", ours: &[], others: &["nix", "serde_json"], tests: &[] },
];

/// What core must not be able to reach by any way: time that passes, sockets, other programs, random numbers.
const OUT_OF_REACH_OF_CORE: &[&str] =
    &["getrandom", "hyper", "kube", "mio", "rand", "reqwest", "rustix", "socket2", "tokio", "uuid"];

/// Complains about dependencies that a crate may not have, and about allowances that nobody uses.
pub fn check(repository: &Repository) -> Vec<String> {
    let mut complaints = match metadata() {
        Ok(metadata) => direct(&metadata, ALLOWED),
        Err(why) => vec![format!("cargo metadata: {why}")],
    };
    match repository.file("Cargo.lock") {
        Some(lock) => {
            let reached = closure(&lock.text, ALLOWED[0].package, ALLOWED[0].others);
            for name in OUT_OF_REACH_OF_CORE.iter().filter(|name| reached.contains(**name)) {
                complaints.push(format!("nix8s-core reaches {name} through its dependencies"));
            }
        }
        None => complaints.push("there is no Cargo.lock".to_owned()),
    }
    complaints.extend(reasons(repository));
    complaints
}

fn metadata() -> Result<Value, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--manifest-path", manifest])
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
}

/// Compares the dependencies that each package names with what it may name.
fn direct(metadata: &Value, allowed: &[Allowed]) -> Vec<String> {
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut complaints = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(row) = allowed.iter().find(|row| row.package == name) else {
            complaints.push(format!("{name} has no row in xtask/src/tidy/dependencies.rs"));
            continue;
        };
        let mut unused: BTreeSet<&str> =
            row.ours.iter().chain(row.others).chain(row.tests).copied().collect();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            // Tests may use what they like, except that no crate's tests reach up the order of crates.
            let is_for_tests = dependency["kind"].as_str() == Some("dev");
            if is_for_tests && !ours.contains(used) {
                continue;
            }
            let is_allowed = row.ours.contains(&used)
                || row.others.contains(&used)
                || is_for_tests && row.tests.contains(&used);
            if is_allowed {
                unused.remove(used);
            } else {
                complaints.push(format!("{name} depends on {used}, which it may not"));
            }
        }
        complaints.extend(
            unused.iter().map(|u| format!("{name} may depend on {u} and does not: take it off the list")),
        );
    }
    complaints
}

/// Every package that these dependencies of a package lead to, by the lock file, in which two versions of a package have a name
/// each: ` "digest 0.11.3",`.
fn closure<'a>(lock: &'a str, package: &str, roots: &[&str]) -> BTreeSet<&'a str> {
    let mut graph: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for entry in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
            line.and_then(|value| value.strip_suffix('"')).unwrap_or_default()
        };
        let line = |line: &'a str| line.strip_prefix(" \"")?.strip_suffix("\",");
        let uses: Vec<&str> = entry.lines().filter_map(line).collect();
        let name = value("name");
        graph.insert(format!("{name} {}", value("version")), uses.clone());
        // By its name alone only where there is one version of it.
        graph.insert(name.to_owned(), uses);
    }
    let name = |dependency: &'a str| dependency.split(' ').next().unwrap_or_default();
    let own = graph.get(package).into_iter().flatten();
    let mut next: Vec<&str> = own.copied().filter(|dependency| roots.contains(&name(dependency))).collect();
    let (mut seen, mut reached) = (BTreeSet::new(), BTreeSet::new());
    while let Some(dependency) = next.pop() {
        if seen.insert(dependency) {
            reached.insert(name(dependency));
            next.extend(graph.get(dependency).into_iter().flatten());
        }
    }
    reached
}

/// Third-party dependencies of the workspace say why they are there.
fn reasons(repository: &Repository) -> Vec<String> {
    /// Known to everyone who writes Rust.
    const OBVIOUS: &[&str] = &["proptest", "serde", "serde_json", "thiserror", "tokio", "futures-util"];
    let Some(manifest) = repository.file("Cargo.toml") else {
        return vec!["there is no Cargo.toml".to_owned()];
    };
    let table = manifest.text.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let rows =
        table.lines().filter_map(|line| line.split_once(" = ").map(|(name, rest)| (name.trim(), rest)));
    rows.filter(|(name, rest)| !rest.contains('#') && !rest.contains("path = ") && !OBVIOUS.contains(name))
        .map(|(name, _)| format!("Cargo.toml: {name} does not say why it is here"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::with;
    use super::*;

    const ONLY: &[Allowed] = &[Allowed { package: "a", ours: &["b"], others: &["serde"], tests: &[] }];

    fn complaints(dependencies: &Value) -> Vec<String> {
        let packages = json!([{ "name": "a", "dependencies": dependencies }]);
        direct(&json!({ "packages": packages }), ONLY)
    }

    #[test]
    fn a_dependency_that_is_not_allowed_is_found() {
        let fine = json!([{ "name": "b", "kind": null }, { "name": "serde", "kind": null }]);
        assert_eq!(complaints(&fine), Vec::<String>::new());
        let kube = json!([{ "name": "b", "kind": null }, { "name": "serde", "kind": null }, { "name": "kube", "kind": null }]);
        assert_eq!(complaints(&kube), ["a depends on kube, which it may not"]);
    }

    #[test]
    fn what_only_tests_may_use_is_for_tests() {
        let row = |package, tests| Allowed { package, ours: &[], others: &[], tests };
        let allowed = [row("a", &["lab"]), row("lab", &[])];
        let with = |kind: Value| {
            let a = json!({ "name": "a", "dependencies": [{ "name": "lab", "kind": kind }] });
            direct(&json!({ "packages": [a, { "name": "lab", "dependencies": [] }] }), &allowed)
        };
        assert_eq!(with(json!("dev")), Vec::<String>::new());
        assert_eq!(with(Value::Null)[0], "a depends on lab, which it may not");
    }

    #[test]
    fn an_allowance_that_nobody_uses_is_found() {
        let less = json!([{ "name": "b", "kind": null }]);
        assert_eq!(complaints(&less), ["a may depend on serde and does not: take it off the list"]);
    }

    #[test]
    fn what_is_reached_through_others_is_found() {
        let lock = r#"
[[package]]
name = "core"
version = "0.1.0"
dependencies = [
 "b",
 "c 1.0.0",
 "mio",
]

[[package]]
name = "c"
version = "1.0.0"
dependencies = [
 "tokio",
]

[[package]]
name = "c"
version = "2.0.0"
dependencies = [
 "hyper",
]
"#;
        // What only its tests use does not count, nor what another version of a package uses.
        assert_eq!(closure(lock, "core", &["b", "c"]), BTreeSet::from(["b", "c", "tokio"]));
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest =
            "[workspace.dependencies]\nclap = \"4\" # the command line\nmio = \"1\"\n\n[profile.dev]\n";
        assert_eq!(
            reasons(&with(&[("Cargo.toml", manifest)])),
            ["Cargo.toml: mio does not say why it is here"]
        );
    }
}
