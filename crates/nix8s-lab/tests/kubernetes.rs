//! A real control plane, and hosts that join it.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::process::Command;

use nix8s_lab::Lab;

/// What the operator's shell prints, which must not fail.
#[track_caller]
fn done(lab: &Lab, script: &str) -> String {
    let output = lab.operator(Command::new("bash").args(["-euc", script])).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    assert!(output.status.success(), "{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Installs systems with k3s on both hosts: they wait for their turn.
fn install(lab: &Lab) {
    lab.flake(
        r#"{ "prod": { "versions": ["1.34.2"],
            "machines": { "cp1": { "k3s": "server" }, "w1": { "k3s": "agent" } } } }"#,
    );
    for host in ["cp1", "w1"] {
        done(
            lab,
            &format!(
                "system=$(nix build --no-link --print-out-paths ./flake#nixosConfigurations.{host}.config.system.build.toplevel)
                 nix copy --no-check-sigs --to ssh-ng://{host} $system
                 ssh {host} nix-env -p /nix/var/nix/profiles/system --set $system
                 ssh {host} $system/bin/switch-to-configuration switch"
            ),
        );
    }
}

/// Says that it is a host's turn, as nix8s does.
fn join(lab: &Lab, host: &str, role: &str) {
    done(
        lab,
        &format!(
            "echo '{role}' | ssh {host} 'umask 077; mkdir -p /var/lib/nix8s; cat > /var/lib/nix8s/.new
             mv /var/lib/nix8s/.new /var/lib/nix8s/k3s.yaml'"
        ),
    );
}

/// Whether a node's condition Ready is so.
fn ready(status: &str) -> String {
    format!(r#".status.conditions[] | select(.type == "Ready") | .status == "{status}""#)
}

#[test]
fn hosts_join_when_it_is_their_turn_and_are_lost_when_they_are_cut_off() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    install(&lab);
    let (cp1, w1) = (lab.host("cp1"), lab.host("w1"));
    assert_eq!(w1.sh("systemctl is-active k3s || true"), "inactive");
    kubernetes.wait_until("/api/v1/nodes", ".items == []");

    join(&lab, "cp1", "cluster-init: true");
    kubernetes.wait_until("/api/v1/nodes/cp1", &ready("True"));
    // A server answers with the API, under its own address and under the one that its kubeconfig has.
    join(&lab, "w1", &format!("server: https://{}:6443", cp1.address()));
    kubernetes.wait_until("/api/v1/nodes/w1", &ready("True"));
    assert!(cp1.read("/etc/rancher/k3s/k3s.yaml").unwrap().contains("https://127.0.0.1:6443"));
    assert_eq!(w1.read("/etc/rancher/k3s/k3s.yaml"), None);
    kubernetes.wait_until("/api/v1/nodes/w1", r#".status.nodeInfo.kubeletVersion == "v1.34.2+k3s1""#);
    kubernetes.wait_until(
        "/api/v1/nodes/cp1",
        r#".metadata.labels["node-role.kubernetes.io/control-plane"] == "true""#,
    );

    w1.cut();
    kubernetes.wait_until("/api/v1/nodes/w1", &ready("Unknown"));
    w1.mend();
    kubernetes.wait_until("/api/v1/nodes/w1", &ready("True"));

    // It comes back by itself after a reboot, and not after it was stopped.
    w1.reboot();
    let boot = w1.read("/proc/sys/kernel/random/boot_id").unwrap();
    kubernetes.wait_until("/api/v1/nodes/w1", &format!(".status.nodeInfo.bootID == \"{}\"", boot.trim()));
    w1.sh("systemctl stop k3s");
    kubernetes.wait_until("/api/v1/nodes/w1", &ready("Unknown"));
}

#[test]
fn pods_run_where_they_are_put_and_a_budget_holds_an_eviction_up() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    install(&lab);
    join(&lab, "cp1", "cluster-init: true");
    kubernetes.wait_until("/api/v1/nodes/cp1", &ready("True"));
    join(&lab, "w1", &format!("server: https://{}:6443", kubernetes.address()));
    kubernetes.wait_until("/api/v1/nodes/w1", &ready("True"));

    let labels = r#""labels": { "app": "web" }"#;
    let deployment = format!(
        r#"{{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{ "name": "web" }}, "spec": {{ "replicas": 2,
            "selector": {{ "matchLabels": {{ "app": "web" }} }},
            "template": {{ "metadata": {{ {labels} }}, "spec": {{ "terminationGracePeriodSeconds": 1,
              "containers": [{{ "name": "web", "image": "web" }}] }} }} }} }}"#
    );
    kubernetes.ask("POST", "/apis/apps/v1/namespaces/default/deployments", &deployment).unwrap();
    kubernetes.wait_until("/apis/apps/v1/namespaces/default/deployments/web", ".status.readyReplicas == 2");

    let budget = r#"{ "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": { "name": "web" },
        "spec": { "minAvailable": 2, "selector": { "matchLabels": { "app": "web" } } } }"#;
    let budgets = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";
    kubernetes.ask("POST", budgets, budget).unwrap();
    kubernetes.wait_until(&format!("{budgets}/web"), ".status.currentHealthy == 2");

    let pods = kubernetes.ask("GET", "/api/v1/namespaces/default/pods", "").unwrap();
    let pod = pods
        .split("\"name\":")
        .map(|rest| rest.trim_start().trim_start_matches('"'))
        .find(|name| name.starts_with("web-"));
    let pod = pod.and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let eviction = format!(
        r#"{{ "apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {{ "name": "{pod}" }} }}"#
    );
    let path = format!("/api/v1/namespaces/default/pods/{pod}/eviction");
    let refused = kubernetes.ask("POST", &path, &eviction).unwrap_err();
    assert!(
        refused.contains("Cannot evict pod as it would violate the pod's disruption budget"),
        "{refused}"
    );

    kubernetes.ask("PATCH", &format!("{budgets}/web"), r#"{ "spec": { "minAvailable": 1 } }"#).unwrap();
    kubernetes.wait_until(&format!("{budgets}/web"), ".status.disruptionsAllowed == 1");
    kubernetes.ask("POST", &path, &eviction).unwrap();
    // It ends, and another is put in its place.
    let others = format!(
        r#"[.items[] | select(.status.phase == "Running") | .metadata.name] | (length == 2) and (index("{pod}") == null)"#
    );
    kubernetes.wait_until("/api/v1/namespaces/default/pods", &others);
}
