//! Systems: what `nix eval` answers for a configuration, and which of them are no good.

use std::collections::BTreeMap;
use std::sync::Arc;

use nix8s_core::model::Distribution;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::System;
use serde::Deserialize;
use serde::Serialize;

use super::Key;
use super::World;
use crate::random::Random;
use crate::random::hash;
use crate::random::mix;

/// A system, and what is baked into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// As `nix eval` prints it.
    pub system: System,
    /// The role whose unit it has.
    pub role: Role,
    /// The distribution in it.
    pub distribution: Distribution,
}

/// How a system is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Poison {
    /// A unit fails.
    FailsUnit,
    /// The kubelet never becomes Ready.
    NeverReady,
    /// Nobody gets in any more.
    CutsNetwork,
}

/// The newest patch level of each minor release that this world's nixpkgs has.
const PATCHES: &[(u32, u32)] =
    &[(29, 15), (30, 14), (31, 14), (32, 11), (33, 7), (34, 3), (35, 1), (36, 2), (37, 0), (38, 0)];

/// The version of the package that a wanted version means, in the distribution's spelling.
pub fn packaged(distribution: Distribution, wanted: &Version) -> Option<Version> {
    let patch = match wanted.patch {
        Some(patch) => patch,
        None => PATCHES.iter().find(|(minor, _)| *minor == wanted.minor)?.1,
    };
    PATCHES.iter().find(|(minor, _)| *minor == wanted.minor)?;
    let build = match distribution {
        Distribution::K3s => Some(wanted.build.clone().unwrap_or_else(|| "k3s1".to_owned())),
        Distribution::Kubeadm => None,
        Distribution::K0s => Some(wanted.build.clone().unwrap_or_else(|| "k0s.0".to_owned())),
    };
    Some(Version { major: wanted.major, minor: wanted.minor, patch: Some(patch), build })
}

/// Minor releases that there are, for the error message.
pub fn known_minors() -> String {
    PATCHES.iter().map(|(minor, _)| format!("1.{minor}")).collect::<Vec<_>>().join(", ")
}

/// 64 hash characters in Nix' alphabet would be too long for people; Nix' own are 32.
fn store_path(text: &str, name: &MachineName) -> StorePath {
    const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let (mut low, mut high) = (hash(text), mix(hash(text) ^ 1));
    let mut out = String::with_capacity(96);
    out.push_str("/nix/store/");
    for at in 0..32 {
        let bits = if at % 2 == 0 { &mut low } else { &mut high };
        out.push(char::from(ALPHABET[(*bits & 31) as usize]));
        *bits >>= 4;
    }
    out.push_str("-nixos-system-");
    out.push_str(name.as_str());
    out.push_str("-26.05");
    StorePath::new(&out)
}

/// The system of a machine at a version.
pub fn evaluate(distribution: Distribution, machine: &Machine, version: &Version) -> Option<Kind> {
    let version = match machine.role {
        Role::None => None,
        Role::ControlPlane | Role::Worker => Some(packaged(distribution, version)?),
    };
    let mut parts = (*machine.parts).clone();
    if let Some(version) = &version {
        parts.kubernetes = format!("{:016x}", hash(&format!("{} {version}", parts.kubernetes)));
    }
    let text = format!(
        "{} {} {} {} {} {} {} {distribution} {}",
        machine.name,
        parts.kernel,
        parts.initrd,
        parts.kubernetes,
        parts.disks,
        parts.network,
        parts.rest,
        machine.role
    );
    let path = store_path(&text, &machine.name);
    Some(Kind { system: System { path, parts, version }, role: machine.role, distribution })
}

impl World {
    /// What `nix eval` prints for a version, or its error.
    pub fn nix_eval(&mut self, version: &Version) -> Result<Arc<str>, String> {
        let key = version.to_string();
        if let Some(known) = self.evaluated.get(&key) {
            return Ok(Arc::clone(known));
        }
        let fleet = Arc::clone(&self.fleet);
        let mut all: BTreeMap<&MachineName, System> = BTreeMap::new();
        for machine in fleet.machines.values() {
            let Some(kind) = evaluate(fleet.distribution, machine, version) else {
                return Err(format!(
                    "error: nixpkgs has no {} of Kubernetes {version}; it has {}",
                    fleet.distribution,
                    known_minors()
                ));
            };
            all.insert(&machine.name, kind.system.clone());
            self.know_system(kind);
        }
        let text: Arc<str> = serde_json::to_string(&all).expect("plain data").into();
        self.evaluated.insert(key, Arc::clone(&text));
        Ok(text)
    }

    /// Remembers what a path is, and decides whether it is any good.
    pub fn know_system(&mut self, kind: Kind) {
        let path = kind.system.path.clone();
        if self.systems.contains_key(&path) {
            return;
        }
        if self.common.poison_permille > 0 && kind.role != Role::None {
            let mut random = Random::new(self.seed, path.as_str());
            if random.chance(self.common.poison_permille) {
                let how = match random.between(0, 2) {
                    0 => Poison::FailsUnit,
                    1 => Poison::NeverReady,
                    _ => Poison::CutsNetwork,
                };
                self.common_mut().poison.insert(path.clone(), how);
            }
        }
        self.note_changed(Key::System(path.clone()));
        self.systems.insert(path, kind);
    }

    /// How a system is no good, if it is.
    pub fn poison_of(&self, path: &StorePath) -> Option<Poison> {
        self.common.poison.get(path).copied()
    }

    /// The system of a machine of the configuration at a version.
    pub fn system_of(&self, name: &MachineName, version: &Version) -> Option<Kind> {
        evaluate(self.fleet.distribution, self.fleet.machines.get(name)?, version)
    }
}
