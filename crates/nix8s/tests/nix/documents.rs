//! A document means the same to Rust and to Nix: what a flake gives is read by nix8s, and both know the same defaults.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::process::Stdio;

use nix8s_core::input::At;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::resolved_document;
use nix8s_core::input::written_document;
use serde_json::Value;
use serde_json::json;

use super::ROOT;
use super::evaluate;

/// What the output `nix8s` of each flake is.
const OUTPUTS: &str = r#"
  let
    flake = folder: inputs: ((import (root + "/templates/${folder}/flake.nix")).outputs inputs).nix8s;
    nix8s = {
      lib = ours;
      flakeModules = import (root + "/nix") { nix8sLib = ours; package = _: null; };
    };
  in
  lib.mapAttrs (name: _: (ours.fromDocument (import (root + "/nix/tests/examples/${name}")) { }).nix8s)
    (builtins.readDir (root + "/nix/tests/examples"))
  // {
    "templates/flake" = flake "flake" { inherit nixpkgs flake-parts nix8s; self = { }; };
    "templates/nico" = (ours.fromClusterNix { dir = root + "/templates/nico"; version = "1.32"; }).nix8s;
  }
"#;

/// What each document means, without the document itself.
const MEANINGS: &str = r#"
  let
    meaning = document:
      let inherit (ours.systems { inherit document; }) fleet; in
      {
        inherit (fleet) nixpkgs users;
        # Without what says nothing about systems.
        clusters = lib.mapAttrs (_: cluster: removeAttrs cluster [ "gates" "upgrade" ]) fleet.clusters;
      };
  in
  lib.mapAttrs (_: lib.mapAttrs (_: meaning)) said
"#;

fn source(name: &str, at: At, bytes: Vec<u8>) -> Vec<Source> {
    vec![Source { name: name.to_owned(), at, bytes }]
}

#[test]
fn what_flakes_give_is_read() {
    let Some(outputs) = evaluate(&json!({}), OUTPUTS) else { return };
    let outputs = outputs.as_object().expect("a map");
    assert!(outputs.len() >= 5, "{outputs:?}");
    for (flake, document) in outputs {
        let mut nix8s = Command::new(env!("CARGO_BIN_EXE_nix8s"));
        nix8s.args(["--config", "-", "validate"]).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut nix8s = nix8s.stderr(Stdio::piped()).spawn().expect("it can be started");
        let mut stdin = nix8s.stdin.take().expect("it has one");
        stdin.write_all(document.to_string().as_bytes()).expect("it reads");
        drop(stdin);
        let output = nix8s.wait_with_output().expect("it ends");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{flake}: {said}");
    }
}

#[test]
fn both_know_the_same_defaults() {
    let mut all = BTreeMap::new();
    let mut add = |name: String, sources: &[Source]| {
        let (written, mut problems) = written_document(sources);
        problems.retain(|problem| problem.severity == Severity::Error);
        let Some(written) = written else { panic!("{name}: {problems:?}") };
        let Some(resolved) = resolved_document(sources).0 else { panic!("{name}") };
        all.insert(name, json!({ "written": written.document, "resolved": without_redacted(resolved) }));
    };
    for entry in std::fs::read_dir(format!("{ROOT}/examples")).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        add(name.clone(), &source(&name, At::Document, std::fs::read(&path).expect("it can be read")));
    }
    let Some(outputs) = evaluate(&json!({}), OUTPUTS) else { return };
    for (flake, document) in outputs.as_object().expect("a map") {
        add(flake.clone(), &source(flake, At::Flake, document.to_string().into_bytes()));
    }
    // Documents that say little, and those of older designs, by way of Rust's reading and by Nix's alone.
    for (name, document) in little() {
        add(name.to_owned(), &source(name, At::Document, document.to_string().into_bytes()));
    }
    let Some(meanings) = evaluate(&serde_json::to_value(&all).expect("it is JSON"), MEANINGS) else { return };
    let mut differs = Vec::new();
    for (name, of) in meanings.as_object().expect("a map") {
        difference(name, &of["written"], &of["resolved"], &mut differs);
    }
    assert!(differs.is_empty(), "as it is written, and with what Rust adds:\n{}", differs.join("\n"));
}

fn little() -> Vec<(&'static str, Value)> {
    let cluster = |more: Value| {
        let mut cluster = json!({ "members": {
            "b": { "role": "control-plane", "ip": "10.0.0.12" },
            "a": { "role": "control-plane", "ip": "10.0.0.11" },
            "w": { "role": "worker", "ip": "10.0.0.21", "ssh": { "host": "w.example.com" } },
        } });
        cluster.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let nodes = json!({ "above": { "network": { "mac": "02:00:00:00:00:02" } }, "shared": { "extends": "above" } });
        json!({ "clusters": { "c": cluster }, "nodes": nodes, "provisioning": { "manual": {} } })
    };
    vec![
        ("nothing", cluster(json!({}))),
        ("a vip", cluster(json!({ "ha": { "vip": "10.0.0.5" } }))),
        ("HAProxy", cluster(json!({ "ha": { "vip": "10.0.0.5", "mode": "haproxy" } }))),
        ("kubeadm with a vip", cluster(json!({ "distribution": "kubeadm", "ha": { "vip": "10.0.0.5" } }))),
        ("a first server", cluster(json!({ "ha": { "firstServer": "b" } }))),
        (
            "one MAC address on several machines",
            cluster(json!({ "members": {
                "a": { "role": "control-plane", "ip": "10.0.0.11", "node": { "network": { "mac": "02:00:00:00:00:01" } } },
                "b": { "role": "worker", "ip": "10.0.0.12", "node": "shared" },
                "c": { "role": "worker", "ip": "10.0.0.13", "node": "shared", "network": { "mac": "02:00:00:00:00:03" } },
                "d": { "role": "worker", "ip": "10.0.0.14", "node": "shared" },
            } })),
        ),
        ("a network", cluster(json!({ "network": { "serviceCidr": "10.96.0.0/12" } }))),
        ("k0s", cluster(json!({ "distribution": "k0s", "version": "1.34" }))),
        ("Cozystack", cluster(json!({ "cozystack": { "host": "example.com" }, "version": "v1.34.2+k3s1" }))),
    ]
}

/// Secrets are no part of what Nix gets.
fn without_redacted(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| value.as_str() != Some(nix8s_core::secret::MARK))
            .map(|(key, value)| (key, without_redacted(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_redacted).collect(),
        other => other,
    }
}

/// Where two values differ.
fn difference(path: &str, one: &Value, other: &Value, into: &mut Vec<String>) {
    if let (Value::Object(a), Value::Object(b)) = (one, other) {
        let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
        for key in keys {
            let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
            difference(&format!("{path}.{key}"), a, b, into);
        }
    } else if one != other {
        into.push(format!("{path}: {one} and {other}"));
    }
}
