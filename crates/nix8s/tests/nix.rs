//! The NixOS side, evaluated by a real Nix: without building anything, and offline.
//!
//! `NIX8S_NIXPKGS`, `NIX8S_DISKO` and `NIX8S_FLAKE_PARTS` name folders with these flakes. Without them, or without Nix, the tests say
//! SKIPPED.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::systems_document;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

fn nix() -> Option<Command> {
    let program = std::env::var("NIX8S_NIX").unwrap_or_else(|_| "nix".to_owned());
    let found = Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        skip("there is no nix, neither $NIX8S_NIX nor on the PATH");
        return None;
    }
    let mut nix = Command::new(program);
    nix.args(["--extra-experimental-features", "nix-command flakes"]);
    Some(nix)
}

/// The inputs of our flake: nixpkgs, disko, flake-parts.
fn inputs() -> Option<[String; 3]> {
    let named = ["NIX8S_NIXPKGS", "NIX8S_DISKO", "NIX8S_FLAKE_PARTS"].map(|name| std::env::var(name).ok());
    let [Some(nixpkgs), Some(disko), Some(flake_parts)] = named else {
        skip("NIX8S_NIXPKGS, NIX8S_DISKO and NIX8S_FLAKE_PARTS do not name folders");
        return None;
    };
    Some([nixpkgs, disko, flake_parts])
}

fn evaluated(mut nix: Command) -> Value {
    let output = nix.output().expect("nix can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("nix prints JSON")
}

#[test]
fn every_nix_file_can_be_parsed() {
    let mut left = vec![PathBuf::from(ROOT).join("nix"), PathBuf::from(ROOT).join("templates")];
    let mut files = vec![PathBuf::from(ROOT).join("flake.nix")];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|ending| ending == "nix") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 50, "{files:?}");
    let beside = std::env::var("NIX8S_NIX").map(|nix| Path::new(&nix).with_file_name("nix-instantiate"));
    let program = beside.unwrap_or_else(|_| PathBuf::from("nix-instantiate"));
    let output = Command::new(&program).arg("--parse").args(&files).output();
    let Some(output) = output.ok().filter(|output| output.status.code() != Some(127)) else {
        skip("there is no nix-instantiate beside $NIX8S_NIX or on the PATH");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_can_be_said_of_configurations_holds() {
    let (Some(mut nix), Some([nixpkgs, disko, flake_parts])) = (nix(), inputs()) else { return };
    nix.args(["eval", "--offline", "--no-write-lock-file", "--json"]);
    nix.args(["--override-input", "nixpkgs", &format!("path:{nixpkgs}")]);
    nix.args(["--override-input", "disko", &format!("path:{disko}")]);
    nix.args(["--override-input", "flake-parts", &format!("path:{flake_parts}")]);
    nix.arg(format!("path:{}#tests", Path::new(ROOT).canonicalize().expect("it is there").display()));
    let said = evaluated(nix);
    assert_eq!(said["failures"], serde_json::json!({}));
    assert!(said["count"].as_u64() > Some(200), "{said}");
}

/// What no cluster could be: every key at once, also those that exclude each other.
const NO_CLUSTERS: &[&str] = &["every-key.yaml"];

#[test]
fn every_example_makes_systems() {
    let (Some(_), Some([nixpkgs, disko, _])) = (nix(), inputs()) else { return };
    let mut documents = BTreeMap::new();
    for entry in std::fs::read_dir(format!("{ROOT}/examples")).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        if NO_CLUSTERS.contains(&name.as_str()) {
            continue;
        }
        let bytes = std::fs::read(&path).expect("it can be read");
        let source = Source { name: name.clone(), at: At::Document, bytes };
        let loaded = nix8s_core::input::load(std::slice::from_ref(&source));
        for cluster in loaded.fleet.expect("examples are valid").clusters.keys() {
            let document = systems_document(std::slice::from_ref(&source), cluster.as_str());
            let mut document = document.expect("examples are valid");
            let members = document["clusters"][cluster.as_str()]["members"].as_object_mut();
            let members = members.expect("it has some");
            // Of some machines the example does not say what their disks are, and they are refused for it.
            members.retain(|_, m| m["install"]["disks"]["main"].is_string() || m["disko"].is_object());
            for (_, member) in members {
                // Files that a user has, and the example not.
                member.as_object_mut().expect("a map").remove("nixosModules");
            }
            documents.insert(format!("{name}: {cluster}"), document);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("documents.json");
    std::fs::write(&file, serde_json::to_vec(&documents).expect("it was JSON")).expect("it can be written");
    let expression = format!(
        "let
           nixpkgs = builtins.getFlake \"path:{nixpkgs}\";
           disko.nixosModules.disko = import {disko}/module.nix;
           ours = import {ROOT}/nix/lib {{ inherit nixpkgs disko; }};
           # The machines' own systems, and not the images that install them.
           own = document: all: builtins.intersectAttrs
             (builtins.listToAttrs (builtins.concatMap
               (cluster: map (member: {{ inherit (member) name; value = null; }}) (builtins.attrValues cluster.members))
               (builtins.attrValues document.clusters)))
             all;
           # A nixpkgs has one release of Kubernetes for kubeadm, whatever the example is about.
           has = nixpkgs.lib.versions.majorMinor nixpkgs.legacyPackages.x86_64-linux.kubernetes.version;
           at = _: cluster: if cluster.distribution == \"kubeadm\" then cluster // {{ version = has; }} else cluster;
           today = document: document // {{ clusters = builtins.mapAttrs at document.clusters; }};
           of = document: builtins.mapAttrs
             (_: machine: let failed = builtins.filter (a: !a.assertion) machine.config.assertions; in
               if failed == [ ] then machine.config.system.build.toplevel.drvPath else map (a: a.message) failed)
             (own document (ours.fromDocument (today document) {{ root = {ROOT}/examples; }}).nixosConfigurations);
         in builtins.mapAttrs (_: of) (builtins.fromJSON (builtins.readFile {}))",
        file.display()
    );
    let Some(mut nix) = nix() else { return };
    nix.args(["eval", "--offline", "--impure", "--json", "--expr", &expression]);
    let said = evaluated(nix);
    let mut machines = 0;
    for (example, systems) in said.as_object().expect("a map") {
        for (machine, path) in systems.as_object().expect("a map") {
            let is_system = path.as_str().is_some_and(|path| path.ends_with(".drv"));
            assert!(is_system, "{example}: {machine}: {path}");
            machines += 1;
        }
    }
    assert!(machines > 20, "{machines}");
}
