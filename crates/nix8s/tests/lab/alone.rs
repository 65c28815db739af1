//! A single k3s server that keeps its state in a file, without etcd, is taken over and changed.

use std::process::Command;

use nix8s_lab::Lab;

use crate::place::done;

/// What it says; its exit code must be 0.
#[track_caller]
fn nix8s(lab: &Lab, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    let output = lab.operator(&command).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{args:?}: {all}");
    all
}

/// Its system in the flake, in a cluster.
fn system(lab: &Lab, cluster: &str, release: &str) {
    lab.flake(&format!(
        r#"{{ "{cluster}": {{ "versions": ["v1.34.2+k3s1"], "machines": {{ "prod-cp1": {{ "k3s": "server", "release": "{release}" }} }} }} }}"#
    ));
}

#[test]
fn a_server_without_etcd_passes_its_gates() {
    let Some(lab) = Lab::start_or_skip(&["prod-cp1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    let cp1 = lab.host("prod-cp1");
    // Somebody made it, and it has run for a while.
    system(&lab, "own", "25.11");
    let path = "./flake#nixosConfigurations.prod-cp1.config.system.build.toplevel";
    let theirs = done(&lab, &format!("nix build --no-link --print-out-paths {path}"));
    done(&lab, &format!("nix copy --no-check-sigs --to ssh-ng://prod-cp1 {theirs}"));
    cp1.sh(&format!(
        "mkdir -p /var/lib/rancher/k3s/server/db /var/lib/nix8s; echo mine > /var/lib/rancher/k3s/server/db/state.db
        echo 'write-kubeconfig-mode: \"0600\"' > /var/lib/nix8s/k3s.yaml
        nix-env -p /nix/var/nix/profiles/system --set {theirs}; {theirs}/bin/switch-to-configuration switch
        ln -sfn {theirs} /run/booted-system"
    ));
    let ready = r#"[.status.conditions[] | select(.type == "Ready" or .type == "EtcdIsVoter") | .type + .status] == ["ReadyTrue"]"#;
    kubernetes.wait_until("/api/v1/nodes/prod-cp1", ready);
    let before = kubernetes.ask("GET", "/api/v1/nodes/prod-cp1", "").unwrap();

    system(&lab, "prod", "26.05");
    let yaml = format!(
        "nodes:\n  metal: {{ install: {{ enable: false }} }}\nclusters:\n  prod:\n    version: v1.34.2+k3s1\n    distribution: k3s\n    \
         gates: {{ soak: 0s }}\n    provisioner: nixos-rebuild\n    members:\n      \
         cp1: {{ node: metal, role: control-plane, ip: {} }}\nprovisioning:\n  nixos-rebuild: {{}}\n",
        cp1.address()
    );
    std::fs::write(lab.home().join("flake/nix8s.yaml"), yaml).unwrap();
    nix8s(&lab, &["init", "../other"]);
    nix8s(&lab, &["apply", "--yes"]);
    let changed = |release: &str| {
        system(&lab, "prod", release);
        let said = nix8s(&lab, &["apply", "--yes"]);
        assert!(said.contains("done    prod-cp1: check that everything holds"), "{said}");
        assert_eq!(cp1.sh("cat /run/current-system/nixos-version"), release);
    };
    changed("26.11");
    let again = nix8s(&lab, &["apply", "--yes"]);
    assert!(again.contains("nothing was done"), "{again}");
    nix8s(&lab, &["status", "--probe"]);
    // It is the cluster that it was.
    kubernetes.wait_until("/api/v1/nodes/prod-cp1", ready);
    let uid =
        |node: &str| serde_json::from_str::<serde_json::Value>(node).unwrap()["metadata"]["uid"].clone();
    let node = kubernetes.ask("GET", "/api/v1/nodes/prod-cp1", "").unwrap();
    assert_eq!(uid(&node), uid(&before));
    assert_eq!(
        cp1.sh("cat /var/lib/rancher/k3s/server/db/state.db; ls /var/lib/rancher/k3s/server/db"),
        "mine\nstate.db"
    );
}
