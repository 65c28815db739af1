//! The flake of a project that has none: what users of YAML never see. It holds the document, our own Nix files and the
//! modules that the document names, so that systems are made by the nix8s that plans them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::tool::nix;

/// The release of NixOS where the document names none.
pub const RELEASE: &str = "nixos-26.05";

/// Where in the flake the files of the project are that the document names.
pub const PROJECT: &str = "project";

/// The name of the lock in a project; in the flake it is `flake.lock`.
pub const LOCK: &str = "nix8s.lock";

/// What a `flake.nix` beside YAML has in it that gives the systems itself: somebody has written it for that, and not for a
/// shell or a CI.
pub const GIVES_SYSTEMS: [&str; 2] = ["nix8sSystems", "fromDocument"];

/// Files of a flake besides our own Nix files, by their path in it. `document` is what systems are made from.
pub fn files(document: &Json) -> BTreeMap<String, String> {
    let release = document["nixpkgs"].as_str().unwrap_or(RELEASE);
    let text = serde_json::to_string_pretty(document).expect("it was JSON");
    let nixpkgs = nix::quoted(&format!("github:NixOS/nixpkgs/{release}"));
    let flake = format!(
        "# Written by nix8s from your configuration. What is changed here is lost.
{{
  inputs.nixpkgs.url = {nixpkgs};
  inputs.disko.url = \"github:nix-community/disko\";
  inputs.disko.inputs.nixpkgs.follows = \"nixpkgs\";

  outputs = {{ self, nixpkgs, disko }}:
    (import ./nix/lib {{ inherit nixpkgs disko; }}).fromDocument
      (builtins.fromJSON (builtins.readFile ./document.json))
      {{ root = ./{PROJECT}; }};
}}
"
    );
    [("flake.nix".to_owned(), flake), ("document.json".to_owned(), text)].into_iter().collect()
}

/// What has to be in [`PROJECT`]: the topmost file or folder of every module that the document names, because modules import
/// what stands beside them.
///
/// # Errors
/// A path that leaves the project: a system is made of the project alone.
pub fn named(document: &Json) -> Result<BTreeSet<String>, String> {
    let mut all = BTreeSet::new();
    let members = document["clusters"].as_object().into_iter().flatten();
    let members = members.flat_map(|(_, cluster)| cluster["members"].as_object().into_iter().flatten());
    for (_, member) in members {
        for module in member["nixosModules"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            let inside = module.split('/').filter(|part| *part != ".").collect::<Vec<_>>();
            match inside.first() {
                Some(first) if !first.is_empty() && !inside.contains(&"..") => {
                    all.insert((*first).to_owned());
                }
                _ => return Err(module.to_owned()),
            }
        }
    }
    Ok(all)
}

/// Gives every machine the `system.stateVersion` of the release that it was installed with, which NixOS asks to be kept for as long as
/// the machine lives: services read from it which format their data has. `kept` is what is remembered, by machine; for one
/// that is not installed yet it is today's release. What the document says itself is left alone.
pub fn keep_state_versions(
    document: &mut Json,
    kept: &mut BTreeMap<String, String>,
    is_installed: impl Fn(&str) -> bool,
) {
    let release = document["nixpkgs"].as_str().unwrap_or(RELEASE).strip_prefix("nixos-").unwrap_or_default();
    let is_number = release.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !release.is_empty();
    let today = is_number.then(|| release.to_owned());
    let clusters = document["clusters"].as_object_mut().into_iter().flatten();
    for (_, member) in
        clusters.flat_map(|(_, cluster)| cluster["members"].as_object_mut().into_iter().flatten())
    {
        let Some(name) = member["name"].as_str().map(str::to_owned) else { continue };
        if !member["stateVersion"].is_null() {
            continue;
        }
        if !is_installed(&name)
            && let Some(today) = &today
        {
            kept.insert(name.clone(), today.clone());
        }
        if let (Some(version), Some(settings)) = (kept.get(&name), member.as_object_mut()) {
            settings.insert("stateVersion".to_owned(), version.as_str().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(modules: &Json) -> Json {
        json!({ "clusters": { "c": { "members": { "m": { "nixosModules": modules } } } } })
    }

    #[test]
    fn the_release_is_the_documents_or_ours() {
        let flake = |document: Json| files(&document)["flake.nix"].clone();
        assert!(flake(json!({})).contains("\"github:NixOS/nixpkgs/nixos-26.05\""));
        assert!(flake(json!({ "nixpkgs": "nixos-25.11" })).contains("\"github:NixOS/nixpkgs/nixos-25.11\""));
    }

    #[test]
    fn folders_of_modules_come_along_whole() {
        let modules = json!(["./modules/gpu.nix", "modules/rack.nix", "./one.nix"]);
        let all: Vec<String> = named(&of(&modules)).unwrap().into_iter().collect();
        assert_eq!(all, ["modules", "one.nix"]);
        for outside in ["../x.nix", "/etc/x.nix", "./a/../../x.nix"] {
            assert_eq!(named(&of(&json!([outside]))), Err(outside.to_owned()));
        }
    }

    #[test]
    fn the_release_of_the_installation_stays_with_a_machine() {
        let document = |release: &str| {
            let members = json!({ "a": { "name": "c-a" }, "b": { "name": "c-b" }, "d": { "name": "c-d", "stateVersion": "23.11" } });
            json!({ "nixpkgs": release, "clusters": { "c": { "members": members } } })
        };
        let mut kept = BTreeMap::new();
        let mut versions = |release: &str, installed: &[&str]| {
            let mut document = document(release);
            keep_state_versions(&mut document, &mut kept, |name| installed.contains(&name));
            let members = &document["clusters"]["c"]["members"];
            ["a", "b", "d"].map(|name| members[name]["stateVersion"].as_str().map(str::to_owned))
        };
        let some = |versions: [&str; 3]| versions.map(|version| Some(version.to_owned()));
        assert_eq!(versions("nixos-25.11", &[]), some(["25.11", "25.11", "23.11"]));
        // What is not installed when the release moves is installed with the new one.
        assert_eq!(versions("nixos-26.05", &["c-a"]), some(["25.11", "26.05", "23.11"]));
        assert_eq!(versions("nixos-26.11", &["c-a", "c-b"]), some(["25.11", "26.05", "23.11"]));
        // A release without a number is none.
        assert_eq!(versions("nixos-unstable", &["c-a"]), some(["25.11", "26.05", "23.11"]));
    }
}
