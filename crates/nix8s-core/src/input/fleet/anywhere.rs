//! `provisioning.nixos-anywhere` as the model has it.

use super::super::get;
use super::super::tree::Tree;
use crate::model::Anywhere;
use crate::model::BuildOn;
use crate::model::InstallPhase;

/// The words of `phases`.
pub const PHASES: &[(&str, InstallPhase)] = &[
    ("kexec", InstallPhase::Kexec),
    ("disko", InstallPhase::Disko),
    ("install", InstallPhase::Install),
    ("reboot", InstallPhase::Reboot),
];

/// The words of `build`.
const BUILDS: &[(&str, BuildOn)] =
    &[("auto", BuildOn::Auto), ("local", BuildOn::Local), ("remote", BuildOn::Remote)];

/// Reads how nixos-anywhere installs the machines of a cluster.
pub fn read(document: &Tree, cluster: &Tree) -> Anywhere {
    let at = |key: &'static str| ["provisioning", "nixos-anywhere", key];
    let build = get::word(document, &at("build"), BUILDS).or_else(|| get::word(cluster, &["build"], BUILDS));
    let kexec = document.at(&at("kexec"));
    let is_off = kexec.and_then(Tree::truth) == Some(false);
    let named = get::texts(document, &at("phases"));
    let runs = |word: &str, phase: InstallPhase| match named.as_slice() {
        [] => !(is_off && phase == InstallPhase::Kexec),
        some => some.iter().any(|name| name == word),
    };
    Anywhere {
        image: kexec.filter(|tree| tree.truth().is_none()).and_then(Tree::text).map(Into::into),
        phases: PHASES.iter().filter(|(word, phase)| runs(word, *phase)).map(|(_, phase)| *phase).collect(),
        build: build.unwrap_or_default(),
        copy_host_keys: get::flag(document, &at("copyHostKeys")).unwrap_or(false),
        extra_flags: get::texts(document, &at("extraFlags")),
    }
}
