//! No secret is in a system, in an image, or in anything that they are made of.
//!
//! The evaluation has a store of its own: what is in it afterwards is every derivation that the systems need, and every file that was
//! copied. The texts of units, files and scripts are searched besides, because a nixpkgs whose packages are never built need not refer
//! to them.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use super::command;
use super::evaluated;

const SECRET: &str = "hunter2-7c1f0e5b9a";

/// Files that hold it. Their paths may be in a system, and their contents not.
const FILES: [&str; 3] = ["key-of-disks", "key-of-deployer", "password-of-alice"];

const MACHINES: [&str; 8] = [
    "haproxy-first",
    "keepalived-first",
    "keepalived-first-installer",
    "keepalived-first-iso",
    "keepalived-first-minimal",
    "keepalived-worker",
    "kubeadm-first",
    "kubeadm-worker",
];

const EXPRESSION: &str = r#"
  import (root + "/nix/tests/secrets.nix") {
    inherit lib ours;
    inherit (said) secret machines;
    kubernetes = lib.versions.majorMinor nixpkgs.legacyPackages.x86_64-linux.kubernetes.version;
    files = /. + said.files;
  }
"#;

/// Where the secret is; `None` where nothing can be evaluated.
fn leaks(machines: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    for file in FILES {
        std::fs::write(folder.path().join(file), SECRET).expect("it can be written");
    }
    let said = json!({ "secret": SECRET, "files": folder.path(), "machines": machines });
    let (mut nix, _said) = command(&said, EXPRESSION)?;
    let root = tempfile::tempdir().expect("a folder");
    nix.args(["--store", &format!("local?root={}", root.path().display())]);
    let all = evaluated(nix);

    let mut found = Vec::new();
    for (machine, of) in all.as_object().expect("a map") {
        let texts = of["texts"].as_array().expect("a list");
        assert!(texts.len() > 100, "{machine}: {}", texts.len());
        let texts = texts.iter().filter_map(Value::as_str).filter(|text| text.contains(SECRET));
        found.extend(texts.map(|text| format!("{machine}: {text}")));
    }
    let mut derivations = 0;
    for entry in std::fs::read_dir(root.path().join("nix/store")).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        // Folders are those of the flakes.
        if path.is_file() {
            derivations += usize::from(is_derivation(&path));
            let bytes = std::fs::read(&path).expect("it can be read");
            if String::from_utf8_lossy(&bytes).contains(SECRET) {
                found.push(name.clone());
            }
        }
        if FILES.iter().any(|file| name.ends_with(file)) {
            found.push(name);
        }
    }
    assert!(derivations > 100, "{derivations}");
    Some(found)
}

fn is_derivation(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "drv")
}

#[test]
fn no_secret_is_in_a_system_or_an_image() {
    let Some(found) = leaks(&MACHINES) else { return };
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_secret_that_somebody_plants_is_found() {
    let Some(found) = leaks(&["planted-first"]) else { return };
    assert!(found.iter().any(|place| place.starts_with("planted-first: ")), "{found:#?}");
    assert!(found.iter().any(|place| place.ends_with(".drv")), "{found:#?}");
}
