//! The whole way on real hosts: from installers to a Ready cluster, and what happens to it then.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use nix8s_lab::Lab;
use serde_json::Value;

/// Nodes that are Ready and take pods, by name.
const WELL: &str = r#"[.items[] | select(.spec.unschedulable | not) | select(.status.conditions[] |
    .type == "Ready" and .status == "True") | .metadata.name]"#;

/// A system that has a network, whatever the one before did to it.
const UP: &str = r#""activation": "ip link set eth0 up""#;

/// nix8s in the folder of the cluster, as the operator runs it.
fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    lab.operator(&command)
}

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// What it says, and its exit code must be this.
#[track_caller]
fn nix8s(lab: &Lab, args: &[&str], code: i32) -> String {
    let output = command(lab, args).output().unwrap();
    let all = text(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {all}");
    all
}

#[track_caller]
fn json(lab: &Lab, args: &[&str]) -> Value {
    let output = command(lab, args).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", text(&output)))
}

/// A cluster of the lab's hosts, whose user has an age identity and secrets.
fn project(lab: &Lab) {
    lab.cluster(&[("w1", UP)]);
    // Whoever has no identity yet gets one with a project of their own.
    nix8s(lab, &["init", "../other"], 0);
    nix8s(lab, &["secrets", "generate"], 0);
}

/// As a new user would: from installers to a cluster, which is changed while a budget protects what runs on it.
#[test]
fn three_control_planes_and_two_workers() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "cp2", "cp3", "w1", "w2"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    project(&lab);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("install:prod-w1"), "{plan}");
    nix8s(&lab, &["apply", "--yes"], 0);
    let all = r#" == ["prod-cp1", "prod-cp2", "prod-cp3", "prod-w1", "prod-w2"]"#;
    kubernetes.wait_until("/api/v1/nodes", &format!("{WELL}{all}"));
    let status = json(&lab, &["status", "-o", "json"]);
    let machines = status["clusters"][0]["machines"].as_object().unwrap();
    assert!(machines.values().all(|machine| machine["stage"] == "ready"), "{status}");
    let again = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(again.contains("prod is as configured: nothing was done."), "{again}");

    // What runs there may not become less for a while.
    let web = r#"{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": { "replicas": 5,
        "selector": { "matchLabels": { "app": "web" } }, "template": { "metadata": { "labels": { "app": "web" } }, "spec": {
          "terminationGracePeriodSeconds": 1, "containers": [{ "name": "web", "image": "web" }],
          "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": { "app": "web" } } }] } } } }"#;
    kubernetes.ask("POST", "/apis/apps/v1/namespaces/default/deployments", web).unwrap();
    kubernetes.wait_until("/apis/apps/v1/namespaces/default/deployments/web", ".status.readyReplicas == 5");
    let budgets = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";
    let budget = r#"{ "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": { "name": "web" },
        "spec": { "minAvailable": 5, "selector": { "matchLabels": { "app": "web" } } } }"#;
    kubernetes.ask("POST", budgets, budget).unwrap();
    kubernetes.wait_until(&format!("{budgets}/web"), ".status.expectedPods == 5");

    let kernel = r#""kernel": "6.18""#;
    lab.cluster(&["cp1", "cp2", "cp3", "w1", "w2"].map(|host| (host, kernel)));
    let apply =
        command(&lab, &["apply", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    kubernetes.wait_until("/api/v1/nodes", "[.items[] | select(.spec.unschedulable)] | length > 0");
    // It says what it waits for, here and to whoever asks elsewhere.
    let held = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let status = json(&lab, &["status", "-o", "json"]);
        let held = &status["clusters"][0]["machines"]["prod-w1"]["held"];
        held["why"].as_str().map(str::to_owned)
    });
    let held = held.expect("a drain that is held up says so within a minute");
    assert!(held.starts_with("pod default/web-") && held.ends_with("is held by budget web"), "{held}");
    kubernetes.ask("PATCH", &format!("{budgets}/web"), r#"{ "spec": { "minAvailable": 4 } }"#).unwrap();
    let said = apply.wait_with_output().unwrap();
    let said = (said.status.code(), text(&said));
    assert_eq!(said.0, Some(0), "{}", said.1);
    assert!(said.1.contains(&format!("prod-w1: drain, within 5m: {held}")), "{}", said.1);
    for host in lab.hosts() {
        let kernel = host.sh("cat /run/current-system/kernel");
        assert_eq!(kernel, "6.18", "{}", host.name());
    }
    kubernetes.wait_until("/api/v1/nodes", &format!("{WELL}{all}"));
    kubernetes.wait_until("/apis/apps/v1/namespaces/default/deployments/web", ".status.readyReplicas == 5");
}

/// A run that is killed goes on from where it was, and what nobody should trust is not trusted.
#[test]
fn a_small_cluster_is_hurt() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    project(&lab);
    let mut apply =
        command(&lab, &["apply", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    kubernetes.wait_until("/api/v1/nodes", r#"[.items[].metadata.name] == ["prod-cp1"]"#);
    apply.kill().unwrap();
    apply.wait().unwrap();
    nix8s(&lab, &["apply", "--yes"], 0);
    let well = format!(r#"{WELL} == ["prod-cp1", "prod-w1"]"#);
    kubernetes.wait_until("/api/v1/nodes", &well);
    let events = nix8s(&lab, &["events"], 0);
    let installs = events.matches("done     prod-w1: install NixOS").count();
    assert_eq!(installs, 1, "what was done is not done again: {events}");

    // A configuration that takes the network away.
    lab.cluster(&[("w1", r#""activation": "ip link set eth0 down""#)]);
    let said = nix8s(&lab, &["apply", "--yes"], 6);
    assert!(said.contains("prod-w1") && said.contains("rolled back"), "{said}");
    kubernetes.wait_until("/api/v1/nodes", &well);
    lab.cluster(&[("w1", UP)]);
    nix8s(&lab, &["apply", "--yes"], 0);

    // Somebody else answers at its address.
    let w1 = lab.host("w1");
    w1.lie();
    // A connection that is still open was made to the right machine.
    let _ = lab.operator(Command::new("pkill").args(["-x", "ssh"])).status();
    let said = nix8s(&lab, &["apply", "--yes"], 1);
    assert!(
        said.contains("prod-w1 shows another SSH host key") && said.contains("--accept-host-key"),
        "{said}"
    );
    w1.be_honest();
    let said = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(said.contains("nothing was done"), "{said}");
    let config = fs::read_to_string(lab.home().join("flake/nix8s.yaml")).unwrap();
    assert!(config.contains("w1:"), "nobody wrote into the user's file: {config}");
}

/// `nix8s run` mends what breaks, and tells of it.
#[test]
fn a_loop_repairs_what_was_broken() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    project(&lab);
    let mut keeper = command(&lab, &["run", "prod", "-o", "json", "--listen", "127.0.0.1:9108"]);
    let mut keeper = keeper.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
    let mut until = |is_it: &dyn Fn(&Value) -> bool| loop {
        let line = lines.next().expect("it goes on").unwrap();
        if is_it(&serde_json::from_str(&line).unwrap()) {
            break;
        }
    };
    let rests = |line: &Value| line["type"] == "rested" && line["ending"] == "converged";
    // It brings up what is not there yet, and then keeps it.
    until(&rests);

    let w1 = lab.host("w1");
    w1.cut();
    w1.sh("systemctl stop k3s");
    until(&|line| line["type"] == "rested" && line["ending"] == "waits-outside");
    w1.mend();
    until(&|line| line["type"] == "step-done" && line["kind"] == "restart" && line["machine"] == "prod-w1");
    until(&rests);
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1", "prod-w1"]"#));

    let mut curl = Command::new("curl");
    let told = lab.operator(curl.args(["--silent", "http://127.0.0.1:9108/metrics"])).output().unwrap();
    let told = text(&told);
    for metric in [
        r#"nix8s_steps_total{kind="restart",result="done",cluster="prod"} 1"#,
        r#"nix8s_converged{cluster="prod"} 1"#,
        r#"nix8s_waits_for_a_person{cluster="prod"} 0"#,
    ] {
        assert!(told.lines().any(|line| same_metric(line, metric)), "{metric}: {told}");
    }
    assert!(lab.operator(Command::new("pkill").args(["-TERM", "-x", "nix8s"])).status().unwrap().success());
    assert_eq!(keeper.wait().unwrap().code(), Some(0));
}

/// Whether two lines say the same, whatever the order of their labels.
fn same_metric(a: &str, b: &str) -> bool {
    let parts = |line: &str| {
        let mut parts: Vec<String> =
            line.split(['{', '}', ',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        parts.sort();
        parts
    };
    parts(a) == parts(b)
}
