//! The NixOS side, evaluated by a real Nix: without building anything, and offline.
//!
//! `NIX8S_NIXPKGS`, `NIX8S_DISKO` and `NIX8S_FLAKE_PARTS` name folders with these flakes. Without them, or without Nix, the tests say
//! SKIPPED.

mod documents;
mod examples;
mod refusals;
mod secrets;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

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

/// What evaluates an expression in which `nixpkgs`, `lib`, `disko` and `ours` (`nix8s.lib`) are there, and `said` is what the test says;
/// and the folder that must be there while it runs. `None` where there is no Nix to ask.
fn command(said: &Value, expression: &str) -> Option<(Command, TempDir)> {
    let (Some(mut nix), Some([nixpkgs, disko, flake_parts])) = (nix(), inputs()) else { return None };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("said.json");
    std::fs::write(&file, serde_json::to_vec(said).expect("it was JSON")).expect("it can be written");
    let whole = format!(
        "let
           nixpkgs = builtins.getFlake \"path:{nixpkgs}\";
           inherit (nixpkgs) lib;
           disko.nixosModules.disko = import {disko}/module.nix;
           flake-parts = (import {flake_parts}/flake.nix).outputs {{ nixpkgs-lib = nixpkgs; self = {{ }}; }};
           root = {ROOT};
           ours = import (root + \"/nix/lib\") {{ inherit nixpkgs disko; }};
           said = builtins.fromJSON (builtins.readFile {});
         in {expression}",
        file.display()
    );
    nix.args(["eval", "--offline", "--impure", "--json", "--expr", &whole]);
    Some((nix, folder))
}

fn evaluate(said: &Value, expression: &str) -> Option<Value> {
    command(said, expression).map(|(nix, _folder)| evaluated(nix))
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

#[test]
fn the_lock_names_every_input() {
    let Ok(lock) = std::fs::read(format!("{ROOT}/flake.lock")) else {
        skip(
            "there is no flake.lock yet; `nix flake lock` makes one where github.com can be reached, and it belongs into the repository",
        );
        return;
    };
    let lock: Value = serde_json::from_slice(&lock).expect("it is JSON");
    assert_eq!(lock["version"], 7);
    for input in ["nixpkgs", "disko", "flake-parts"] {
        let node = lock["nodes"]["root"]["inputs"][input].as_str().unwrap_or_default();
        assert!(
            lock["nodes"][node]["locked"]["narHash"].is_string(),
            "flake.lock: {input} is not locked; run nix flake lock"
        );
    }
}
