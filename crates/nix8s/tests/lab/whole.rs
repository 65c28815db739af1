//! The whole way on real hosts: from installers to a Ready cluster, and on.

use std::process::Command;
use std::process::Output;
use std::process::Stdio;

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

/// etcd is the lab's own and not the machine's, so the control plane's gates, which want its vote, are not waited for.
#[test]
fn machines_are_installed_and_become_a_cluster() {
    let Some(lab) = Lab::start_or_skip(&["prod-cp1", "prod-w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    project(&lab, r#"{ "k3s": "agent" }"#);
    // Whoever has no age identity yet gets one with a project of their own.
    said(&nix8s(&lab, &["init", "../other"]), 0);
    let plan = said(&nix8s(&lab, &["plan"]), 0);
    assert!(plan.contains("install:prod-w1"), "{plan}");

    let mut apply = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    apply.args(["apply", "--yes"]).current_dir(lab.home().join("flake"));
    let mut apply = lab.operator(&apply).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ready = r#"[.items[].status.conditions[] | select(.type == "Ready") | .status] == ["True", "True"]"#;
    kubernetes.wait_until("/api/v1/nodes", ready);
    apply.kill().unwrap();
    apply.wait().unwrap();

    // What it did is on record, and goes on from there.
    let status = said(&nix8s(&lab, &["status", "-o", "json"]), 0);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["clusters"][0]["machines"]["prod-cp1"]["stage"], "joined", "{status}");
    let events = said(&nix8s(&lab, &["events"]), 0);
    for what in ["prod-cp1: install NixOS", "prod-w1: install NixOS", "prod-cp1: initialise the cluster"] {
        assert!(events.contains(what), "{what}: {events}");
    }
    let plan = said(&nix8s(&lab, &["plan"]), 0);
    assert!(!plan.contains("install:") && !plan.contains("init:"), "{plan}");
    for host in lab.hosts() {
        assert!(host.read("/var/lib/nix8s/membership.json").is_some());
        assert!(host.read("/etc/NIXOS").is_some());
    }
}
