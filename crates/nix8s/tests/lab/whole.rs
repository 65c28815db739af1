//! The whole way on real hosts: from installers to a Ready cluster, and on.

use std::process::Command;
use std::process::Output;

use nix8s_lab::Lab;

/// One control plane and one worker, whose systems are those of the flake beside it.
fn project(lab: &Lab, worker: &str) {
    lab.flake(&format!(
        r#"{{ "prod": {{ "versions": ["v1.34.2+k3s1"], "machines": {{ "prod-cp1": {{ "k3s": "server" }}, "prod-w1": {worker} }} }} }}"#
    ));
    let address = |name: &str| lab.host(name).address().to_owned();
    let yaml = format!(
        "nodes:\n  metal:\n    install: {{ disk: /dev/sda }}\nclusters:\n  prod:\n    version: v1.34.2+k3s1\n    distribution: k3s\n    \
         provisioner: nixos-anywhere\n    members:\n      cp1: {{ node: metal, role: control-plane, ip: {} }}\n      \
         w1: {{ node: metal, role: worker, ip: {} }}\nprovisioning:\n  nixos-anywhere: {{}}\n",
        address("prod-cp1"),
        address("prod-w1"),
    );
    std::fs::write(lab.home().join("flake/nix8s.yaml"), yaml).unwrap();
}

fn nix8s(lab: &Lab, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    lab.operator(&command).output().unwrap()
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{all}");
    all
}

#[test]
fn machines_become_a_cluster_and_a_second_apply_has_nothing_to_do() {
    let Some(lab) = Lab::start_or_skip(&["prod-cp1", "prod-w1"]) else { return };
    let Some(_kubernetes) = lab.kubernetes_or_skip() else { return };
    project(&lab, r#"{ "k3s": "agent" }"#);
    println!("{}", said(&nix8s(&lab, &["init", "../other"]), 0));
    println!("{}", said(&nix8s(&lab, &["validate"]), 0));
    println!("{}", said(&nix8s(&lab, &["plan"]), 0));
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", "150", env!("CARGO_BIN_EXE_nix8s"), "apply", "--yes", "--timeout", "2m", "-v"])
        .current_dir(lab.home().join("flake"));
    let code = lab.operator(&command).status().unwrap();
    println!("code {code:?}");
    println!("{:?}", lab.operator(Command::new("sh").args(["-c", "ps -ef; find .local/state -type f | head -50; cat .local/state/nix8s/prod/events.jsonl | tail -20"])).status());
    println!("{}", said(&nix8s(&lab, &["apply", "--yes", "--timeout", "2m"]), 0));
}
