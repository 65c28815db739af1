//! What is installed in the lab? Systems that look like NixOS from outside, and a flake that has them.

use std::fmt::Write as _;
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
    ("k3s-etcd.sh", include_str!("toy/k3s-etcd.sh")),
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

/// Versions that systems of a cluster can be had at.
const VERSIONS: [&str; 2] = ["v1.33.5+k3s1", "v1.34.2+k3s1"];

/// Whether the host of this name is a control plane.
fn is_control_plane(host: &str) -> bool {
    host.starts_with("cp")
}

/// Systems for a cluster of these hosts, as the toy flake has it in JSON.
pub fn fleet(hosts: &[(&str, &str)], settings: &[(&str, &str)]) -> String {
    let machine = |(host, _): &(&str, &str)| {
        let role = if is_control_plane(host) { "server" } else { "agent" };
        let more: String =
            settings.iter().filter(|(of, _)| of == host).map(|(_, setting)| format!(", {setting}")).collect();
        format!("\"prod-{host}\": {{ \"k3s\": \"{role}\"{more} }}")
    };
    let machines: Vec<String> = hosts.iter().map(machine).collect();
    format!(
        r#"{{ "prod": {{ "versions": ["{}", "{}"], "machines": {{ {} }} }} }}"#,
        VERSIONS[0],
        VERSIONS[1],
        machines.join(", ")
    )
}

/// The configuration of a cluster of these hosts.
pub fn configuration(hosts: &[(&str, &str)]) -> String {
    let mut text = format!(
        "# Hosts of the lab. Their systems are those of flake.nix beside it; fleet.json says what is in them.\n\
         nodes:\n  metal:\n    install: {{ disk: /dev/sda }}\nprovisioning:\n  nixos-anywhere: {{}}\n\
         clusters:\n  prod:\n    version: {}\n    distribution: k3s\n    provisioner: nixos-anywhere\n    \
         gates: {{ soak: 2s }}\n    upgrade: {{ pause: 0s }}\n    members:\n",
        VERSIONS[0]
    );
    for (host, address) in hosts {
        let role = if is_control_plane(host) { "control-plane" } else { "worker" };
        let _ = writeln!(text, "      {host}: {{ node: metal, role: {role}, ip: {address} }}");
    }
    text
}
