//! Every example evaluates to systems, and named facts of them are as they are kept in `nix/tests/facts`.
//!
//! `SNAPSHOTS=overwrite cargo nextest run -p nix8s --test nix examples` writes those files anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::systems_document;
use serde_json::Value;

use super::ROOT;
use super::evaluate;
use super::skip;

/// What no cluster could be: every key at once, also those that exclude each other.
const NO_CLUSTERS: &[&str] = &["every-key.yaml"];

const EXPRESSION: &str = r#"
  let
    # A nixpkgs has one release of Kubernetes for kubeadm, whatever the example is about.
    has = lib.versions.majorMinor nixpkgs.legacyPackages.x86_64-linux.kubernetes.version;
    at = _: cluster: if cluster.distribution or "" == "kubeadm" then cluster // { version = has; } else cluster;
    today = document: document // { clusters = builtins.mapAttrs at document.clusters; };
    facts = import (root + "/nix/tests/facts.nix") { inherit lib; };
    # The machines' own systems, and not the images that install them.
    names = document: builtins.concatMap
      (cluster: lib.mapAttrsToList (member: said: said.name or "${cluster}-${member}") document.clusters.${cluster}.members)
      (builtins.attrNames document.clusters);
    of = document: outputs:
      let machines = lib.getAttrs (names document) outputs.nixosConfigurations; in
      {
        facts = facts machines;
        systems = builtins.mapAttrs
          (_: machine: let failed = builtins.filter (a: !a.assertion) machine.config.assertions; in
            if failed == [ ] then machine.config.system.build.toplevel.drvPath else map (a: a.message) failed)
          machines;
      };
    yaml = _: document: of document (ours.fromDocument (today document) { root = root + "/examples"; });
    nix = name: let document = import (root + "/nix/tests/examples/${name}"); in of document (ours.fromDocument document { });
    nico = ours.fromClusterNix { dir = root + "/templates/nico"; version = "1.32"; };
  in
  {
    release = lib.version;
    examples = builtins.mapAttrs yaml said
      // builtins.mapAttrs (name: _: nix name) (builtins.readDir (root + "/nix/tests/examples"))
      // { "nico" = of nico.nix8s nico; };
  }
"#;

/// What is evaluated of each example in YAML, by the file's name.
fn documents() -> BTreeMap<String, Value> {
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
        let mut whole: Option<Value> = None;
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
            match &mut whole {
                None => whole = Some(document),
                Some(whole) => {
                    whole["clusters"][cluster.as_str()] = document["clusters"][cluster.as_str()].take();
                }
            }
        }
        documents.insert(name, whole.expect("it has clusters"));
    }
    documents
}

#[test]
fn every_example_makes_systems_with_the_facts_that_are_kept() {
    let said = serde_json::to_value(documents()).expect("it is JSON");
    let Some(said) = evaluate(&said, EXPRESSION) else { return };
    // Facts are of one nixpkgs: other releases have other units and flags.
    let header = format!(
        "Of nixpkgs {}; CONTRIBUTING.md says how this is written.",
        said["release"].as_str().expect("a text")
    );
    let overwrite = std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite");
    let mut machines = 0;
    let mut differs = Vec::new();
    for (example, of) in said["examples"].as_object().expect("a map") {
        for (machine, path) in of["systems"].as_object().expect("a map") {
            let is_system = path.as_str().is_some_and(|path| path.ends_with(".drv"));
            assert!(is_system, "{example}: {machine}: {path}");
            machines += 1;
        }
        let stem = example.rsplit_once('.').map_or(example.as_str(), |(stem, _)| stem);
        let file = PathBuf::from(format!("{ROOT}/nix/tests/facts/{stem}.txt"));
        let facts = format!("{header}\n\n{}", of["facts"].as_str().expect("a text"));
        if overwrite {
            std::fs::write(&file, facts).expect("it can be written");
            continue;
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        if !kept.is_empty() && !kept.starts_with(&header) {
            skip(&format!("facts of {example}: those that are kept are of another nixpkgs"));
        } else if kept != facts {
            differs.push(format!("{}\n{}", file.display(), difference(&kept, &facts)));
        }
    }
    assert!(machines > 30, "{machines}");
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

/// Lines that only one of the two has.
fn difference(kept: &str, now: &str) -> String {
    let gone =
        kept.lines().filter(|line| !now.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
    let new =
        now.lines().filter(|line| !kept.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect::<Vec<_>>().join("\n")
}
