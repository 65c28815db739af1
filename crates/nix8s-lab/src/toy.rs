//! What is installed in the lab? Systems that look like NixOS from outside, and a flake that has them.

use std::fs;
use std::path::Path;

use crate::error::LabError;
use crate::error::file;

/// What does not change from one lab to another.
const FILES: &[(&str, &str)] = &[
    ("flake.nix", include_str!("toy/flake.nix")),
    ("system.nix", include_str!("toy/system.nix")),
    ("build.sh", include_str!("toy/build.sh")),
    ("activate.sh", include_str!("toy/activate.sh")),
    ("init.sh", include_str!("toy/init.sh")),
    ("switch-to-configuration.sh", include_str!("toy/switch-to-configuration.sh")),
    ("k3s.path", include_str!("toy/k3s.path")),
    ("k3s.service", include_str!("toy/k3s.service")),
    ("nix8s-switch.service", include_str!("toy/nix8s-switch.service")),
    ("k3s.sh", include_str!("toy/k3s.sh")),
];

/// Writes the flake.
pub fn write(folder: &Path, clusters: &str) -> Result<(), LabError> {
    let programs = folder.join("programs");
    file(|| format!("make {}", programs.display()), fs::create_dir_all(&programs))?;
    let system = format!("{}-linux", std::env::consts::ARCH);
    let fleet = format!("{{ \"system\": \"{system}\", \"clusters\": {clusters} }}\n");
    for (name, text) in FILES.iter().copied().chain([("fleet.json", fleet.as_str())]) {
        let path = folder.join(name);
        file(|| format!("write {}", path.display()), fs::write(&path, text))?;
    }
    Ok(())
}
