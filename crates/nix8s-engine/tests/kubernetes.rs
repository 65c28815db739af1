//! The port to the API server, at a real API server (docs/lab.md).

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use nix8s_core::observed::MANAGED_ANNOTATION;
use nix8s_core::plan::MetadataPatch;
use nix8s_engine::port::Kube;
use nix8s_engine::port::Pod;
use nix8s_engine::port::Store;
use nix8s_engine::real::Api;
use nix8s_engine::state::layout::KUBECONFIG;
use nix8s_engine::state::memory::Memory;
use nix8s_lab::Kubernetes;
use nix8s_lab::Lab;

/// A node that no kubelet speaks for: this test does.
const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/default/pods";
const BUDGETS: &str = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";

/// A lab with a control plane and nothing else.
struct Cluster<'lab> {
    lab: &'lab Lab,
    server: Kubernetes<'lab>,
}

impl Cluster<'_> {
    /// Asks the port for something, in the lab's network, and returns what it answers as Rust writes it.
    fn port(&self, call: &str) -> String {
        self.port_with(call, &std::fs::read_to_string(self.server.kubeconfig()).unwrap())
    }

    fn port_with(&self, call: &str, kubeconfig: &str) -> String {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "in_the_lab", "--ignored", "--nocapture"]);
        command.env("CALL", call).env("KUBECONFIG_TEXT", kubeconfig);
        let output = self.lab.operator(&command).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let answer = text(&output.stdout);
        let answer =
            answer.lines().find_map(|line| line.split_once("=> ")).map(|(_, answer)| answer.to_owned());
        answer.unwrap_or_else(|| panic!("{call}: {}\n{}", text(&output.stdout), text(&output.stderr)))
    }

    fn node(&self, name: &str) {
        let node = format!(r#"{{ "apiVersion": "v1", "kind": "Node", "metadata": {{ "name": "{name}" }} }}"#);
        self.server.ask("POST", NODES, &node).unwrap();
        let status = r#"{ "status": { "nodeInfo": { "kubeletVersion": "v1.34.2+k3s1" },
            "capacity": { "pods": "110" }, "allocatable": { "pods": "110" } } }"#;
        self.server.ask("PATCH", &format!("{NODES}/{name}/status"), status).unwrap();
    }

    /// A pod on w1 that is Ready, with more of its metadata and spec.
    fn pod(&self, name: &str, metadata: &str, spec: &str) {
        let pod = format!(
            r#"{{ "apiVersion": "v1", "kind": "Pod", "metadata": {{ "name": "{name}" {metadata} }},
                "spec": {{ "nodeName": "w1", "containers": [{{ "name": "a", "image": "a" }}] {spec} }} }}"#
        );
        self.server.ask("POST", PODS, &pod).unwrap();
        self.phase(name, "Running");
    }

    fn phase(&self, name: &str, phase: &str) {
        let status = format!(
            r#"{{ "status": {{ "phase": "{phase}", "conditions": [{{ "type": "Ready", "status": "True" }}] }} }}"#
        );
        self.server.ask("PATCH", &format!("{PODS}/{name}/status"), &status).unwrap();
    }

    fn get(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.server.ask("GET", path, "").unwrap()).unwrap()
    }

    fn uid(&self, path: &str) -> String {
        self.get(path)["metadata"]["uid"].as_str().unwrap().to_owned()
    }
}

/// One call of the port, which prints what came of it: started by the tests below in the lab's network.
#[test]
#[ignore = "no test by itself: the others run it as a program in the network namespace of a lab, where the API server is"]
fn in_the_lab() {
    let call = std::env::var("CALL").unwrap();
    let store = Arc::new(Memory::new());
    store.write(KUBECONFIG, std::env::var("KUBECONFIG_TEXT").unwrap().as_bytes()).unwrap();
    let api = Api::new(store);
    let words: Vec<&str> = call.split(' ').collect();
    let node = || words[1].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        match words[0] {
            "look" => {
                format!("{:?}", api.look().await.map(|seen| seen.nodes.into_keys().collect::<Vec<_>>()))
            }
            "node" => format!(
                "{:?}",
                api.node(&node()).await.map(|seen| seen.map(|seen| (seen.ready, seen.cordon)))
            ),
            "taints" => format!("{:?}", api.node(&node()).await.map(|seen| seen.map(|seen| seen.taints))),
            "cordon" => format!("{:?}", api.cordon(&node(), words[2]).await),
            "uncordon" => format!("{:?}", api.uncordon(&node()).await),
            "pods" => {
                let pods = api.pods(&node()).await.unwrap().into_iter();
                let mark = |yes: bool, word: &'static str| if yes { word } else { "" };
                let pods = pods.map(|pod| {
                    let Pod { name, ending, bare, empty_dir, .. } = pod;
                    name + mark(bare, " bare") + mark(empty_dir, " data") + mark(ending, " ending")
                });
                pods.collect::<Vec<_>>().join(", ")
            }
            "evict" => {
                let (namespace, name, uid) = ("default".to_owned(), words[1].to_owned(), words[2].to_owned());
                let pod = Pod { namespace, name, uid, ending: false, bare: false, empty_dir: false };
                format!("{:?}", api.evict(&pod).await)
            }
            "delete" => format!("{:?}", api.delete_node(&node(), words[2]).await),
            "set" => {
                let patch: MetadataPatch = serde_json::from_str(words[2]).unwrap();
                format!("{:?}", api.set_metadata(&node(), &patch).await)
            }
            "leave" => format!("{:?}", api.remove_etcd_member(&node()).await),
            other => panic!("{other}?"),
        }
    });
    println!("\n=> {answer}");
}

#[test]
fn a_cordon_belongs_to_whoever_made_it() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let at = Cluster { lab: &lab, server };
    at.node("w1");
    at.node("node.example.com");
    assert_eq!(at.port("look"), r#"Ok(["w1"])"#);
    assert_eq!(at.port("node w1"), "Ok(Some((false, None)))");
    assert_eq!(at.port("node w2"), "Ok(None)");

    assert_eq!(at.port("cordon w1 run-1"), "Ok(())");
    assert_eq!(at.port("node w1"), "Ok(Some((false, Ours)))");
    assert_eq!(at.get(&format!("{NODES}/w1"))["metadata"]["annotations"]["nix8s.io/cordoned-by"], "run-1");
    assert_eq!(at.port("uncordon w1"), "Ok(())");
    let node = at.get(&format!("{NODES}/w1"));
    assert_eq!(node["metadata"]["annotations"]["nix8s.io/cordoned-by"], serde_json::Value::Null);
    assert_eq!(node["spec"]["unschedulable"], serde_json::Value::Null);

    let theirs = r#"{ "spec": { "unschedulable": true } }"#;
    at.server.ask("PATCH", &format!("{NODES}/w1"), theirs).unwrap();
    assert_eq!(at.port("cordon w1 run-2"), "Ok(())");
    assert_eq!(at.port("uncordon w1"), "Ok(())");
    assert_eq!(at.port("node w1"), "Ok(Some((false, Foreign)))");
    assert_eq!(at.port("cordon w9 run-2"), r#"Err(NotFound { what: "node w9" })"#);

    // Another machine of the same name is another node.
    let uid = at.uid(&format!("{NODES}/w1"));
    let wrong = at.port("delete w1 00000000-0000-0000-0000-000000000000");
    assert!(wrong.starts_with("Err(Refused {") && wrong.contains("UID"), "{wrong}");
    assert_eq!(at.port(&format!("delete w1 {uid}")), "Ok(())");
    assert_eq!(at.port("node w1"), "Ok(None)");
    assert_eq!(at.port(&format!("delete w1 {uid}")), "Ok(())");
}

#[test]
fn a_drain_sees_what_it_has_to_and_a_budget_holds_it() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let at = Cluster { lab: &lab, server };
    at.node("w1");
    // Nobody makes pods for it: no scheduler could put them anywhere else, and this one is cordoned.
    at.server.ask("PATCH", &format!("{NODES}/w1"), r#"{ "spec": { "unschedulable": true } }"#).unwrap();
    let set = r#"{ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "agent" }, "spec": {
        "selector": { "matchLabels": { "app": "agent" } }, "template": { "metadata": { "labels": { "app": "agent" } },
        "spec": { "tolerations": [{ "operator": "Exists" }], "containers": [{ "name": "a", "image": "a" }] } } } }"#;
    at.server.ask("POST", "/apis/apps/v1/namespaces/default/daemonsets", set).unwrap();
    let budget = r#"{ "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": { "name": "web" },
        "spec": { "minAvailable": 2, "selector": { "matchLabels": { "app": "web" } } } }"#;
    at.server.ask("POST", BUDGETS, budget).unwrap();

    at.pod("debug", "", "");
    at.pod("mirror", r#", "annotations": { "kubernetes.io/config.mirror": "1" }"#, "");
    at.pod("done", "", "");
    at.phase("done", "Succeeded");
    for name in ["web-1", "web-2"] {
        at.pod(name, r#", "labels": { "app": "web" }"#, r#", "volumes": [{ "name": "a", "emptyDir": {} }]"#);
    }
    let agents = r#"[.items[] | select(.metadata.name | startswith("agent-")) | .spec.nodeName]"#;
    at.server.wait_until(PODS, &format!("{agents} == [\"w1\"]"));
    assert_eq!(at.port("pods w1"), "debug bare, web-1 bare data, web-2 bare data");
    assert_eq!(at.port("pods w2"), "");

    at.server.wait_until(&format!("{BUDGETS}/web"), ".status.currentHealthy == 2");
    let uid = at.uid(&format!("{PODS}/web-1"));
    // 1.20 knows no policy/v1, and is asked all the same.
    assert_eq!(at.port(&format!("evict web-1 {uid}")), r#"Ok(Held { budget: "web" })"#);
    at.server.ask("PATCH", &format!("{BUDGETS}/web"), r#"{ "spec": { "minAvailable": 1 } }"#).unwrap();
    at.server.wait_until(&format!("{BUDGETS}/web"), ".status.disruptionsAllowed == 1");
    // A pod of the same name that came meanwhile stays.
    let other = "00000000-0000-0000-0000-000000000000";
    assert_eq!(at.port(&format!("evict debug {other}")), "Ok(Gone)");
    assert_eq!(at.port("pods w1"), "debug bare, web-1 bare data, web-2 bare data");
    assert_eq!(at.port(&format!("evict web-1 {uid}")), "Ok(Going)");
    assert_eq!(at.port("pods w1"), "debug bare, web-1 bare data ending, web-2 bare data");
    assert_eq!(at.port(&format!("evict web-9 {other}")), "Ok(Gone)");
}

#[test]
fn metadata_is_set_kept_and_taken_away_again() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let at = Cluster { lab: &lab, server };
    at.node("w1");
    let path = format!("{NODES}/w1");
    let theirs = r#"{ "metadata": { "labels": { "theirs": "x" } } }"#;
    at.server.ask("PATCH", &path, theirs).unwrap();
    let set = |labels: &[(&str, Option<&str>)], managed: &str, add: &[&str], remove: &[&str]| {
        let text = |text: &&str| (*text).to_owned();
        let patch = MetadataPatch {
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect(),
            annotations: BTreeMap::from([(MANAGED_ANNOTATION.to_owned(), Some(managed.to_owned()))]),
            add_taints: add.iter().map(text).collect::<BTreeSet<_>>(),
            remove_taints: remove.iter().map(text).collect(),
        };
        at.port(&format!("set w1 {}", serde_json::to_string(&patch).unwrap()))
    };
    let first = r#"{"labels":["pool","tier"],"annotations":[],"taints":["gpu=yes:NoSchedule"]}"#;
    assert_eq!(
        set(&[("tier", Some("a")), ("pool", Some("b"))], first, &["gpu=yes:NoSchedule"], &[]),
        "Ok(())"
    );
    let node = at.get(&path);
    assert_eq!(
        (&node["metadata"]["labels"]["tier"], &node["metadata"]["labels"]["pool"]),
        (&"a".into(), &"b".into())
    );
    assert_eq!(at.port("taints w1"), r#"Ok(Some({"gpu=yes:NoSchedule"}))"#);

    // Somebody changes what is ours: it is set back. Somebody's own stays theirs.
    at.server.ask("PATCH", &path, r#"{ "metadata": { "labels": { "tier": "wrong" } } }"#).unwrap();
    assert_eq!(set(&[("tier", Some("a"))], first, &[], &[]), "Ok(())");
    assert_eq!(at.get(&path)["metadata"]["labels"]["tier"], "a");
    let refused = set(&[("theirs", Some("ours"))], first, &[], &[]);
    assert!(refused.starts_with("Err(Refused {") && refused.contains(".metadata.labels.theirs"), "{refused}");

    // What is no longer configured goes, and nothing else.
    let second = r#"{"labels":["tier"],"annotations":[],"taints":[]}"#;
    assert_eq!(set(&[("pool", None)], second, &[], &["gpu=yes:NoSchedule"]), "Ok(())");
    let labels = at.get(&path)["metadata"]["labels"].clone();
    assert_eq!(labels["pool"], serde_json::Value::Null);
    assert_eq!((&labels["tier"], &labels["theirs"]), (&"a".into(), &"x".into()));
    assert_eq!(at.port("taints w1"), "Ok(Some({}))");

    // A node that is not there is not made.
    assert_eq!(
        at.port(r#"set w9 {"labels":{"a":"b"},"annotations":{},"add_taints":[],"remove_taints":[]}"#),
        r#"Err(NotFound { what: "node w9" })"#
    );
    assert_eq!(at.port("node w9"), "Ok(None)");
}

#[test]
fn who_answers_and_who_asks_is_verified() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let at = Cluster { lab: &lab, server };
    assert_eq!(at.port("look"), "Ok([])");
    let good = std::fs::read_to_string(at.server.kubeconfig()).unwrap();
    // The right server, known by nobody: an authority that is not its own.
    let other = include_str!("../src/real/kube/tests/authority.txt").trim();
    let authority = good.split("certificate-authority-data: ").nth(1).unwrap().split(' ').next().unwrap();
    let why = at.port_with("look", &good.replace(authority, other));
    assert!(why.starts_with("Err(NotReached {") && why.contains("certificate"), "{why}");
    // Nobody it knows.
    let user = good.lines().find(|line| line.contains("client-certificate-data")).unwrap();
    let why = at.port_with("look", &good.replace(user, "  user: { token: nobody }"));
    assert_eq!(why, r#"Err(NotAccepted { message: "Unauthorized" })"#);
    at.server.cut();
    let why = at.port("look");
    assert!(why.starts_with("Err(NotReached {"), "{why}");
}

#[test]
fn k3s_is_asked_to_take_a_member_out_and_says_when_it_is_done() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let at = Cluster { lab: &lab, server };
    at.node("cp1");
    let path = format!("{NODES}/cp1");
    let member = r#"{ "metadata": { "annotations": { "etcd.k3s.cattle.io/node-name": "cp1-1a2b" } } }"#;
    at.server.ask("PATCH", &path, member).unwrap();
    // This test does what k3s does.
    std::thread::scope(|scope| {
        let left = scope.spawn(|| at.port("leave cp1"));
        at.server.wait_until(&path, r#".metadata.annotations["etcd.k3s.cattle.io/remove"] == "true""#);
        assert!(!left.is_finished(), "it waits");
        let removed =
            r#"{ "metadata": { "annotations": { "etcd.k3s.cattle.io/removed-node-name": "cp1-1a2b" } } }"#;
        at.server.ask("PATCH", &path, removed).unwrap();
        assert_eq!(left.join().unwrap(), "Ok(())");
    });
}
