//! The operator's place in a lab: a configuration, and the binary run there.

use std::process::Command;

use nix8s_lab::Lab;

/// The binary.
pub const NIX8S: &str = env!("CARGO_BIN_EXE_nix8s");

/// What a program came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command as the operator.
pub fn operator(lab: &Lab, command: &mut Command) -> Ran {
    let output = lab.operator(command).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Runs nix8s as the operator.
pub fn nix8s(lab: &Lab, args: &[&str]) -> Ran {
    let mut command = Command::new(NIX8S);
    operator(lab, command.args(args).env("XDG_RUNTIME_DIR", lab.home()).env("NO_COLOR", "1"))
}

/// Runs a shell script as the operator, which must not fail, and returns what it printed.
#[track_caller]
pub fn done(lab: &Lab, script: &str) -> String {
    let ran = operator(lab, Command::new("bash").args(["-euc", script]));
    assert_eq!(ran.code, 0, "{script}\n{}{}", ran.stdout, ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// Writes a configuration with the lab's hosts as the members of `prod`: names that begin with cp are control planes.
pub fn configure(lab: &Lab) {
    let mut yaml =
        "nodes:\n  metal: { install: { disk: /dev/sda } }\nclusters:\n  prod:\n    version: '1.34'\n    \
                    provisioner: nixos-anywhere\n    members:\n"
            .to_owned();
    for host in lab.hosts() {
        let role = if host.name().starts_with("cp") { "control-plane" } else { "worker" };
        yaml.push_str(&format!(
            "      {}: {{ node: metal, role: {role}, ip: {}, ssh: {{ hostKey: '{}' }} }}\n",
            host.name(),
            host.address(),
            host.public_key()
        ));
    }
    yaml.push_str("provisioning:\n  nixos-anywhere: {}\n");
    std::fs::write(lab.home().join("nix8s.yaml"), yaml).unwrap();
}
