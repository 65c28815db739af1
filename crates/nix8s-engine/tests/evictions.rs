//! A thousand pods leave fifty nodes, at a real API server (docs/lab.md): each is asked for once, and a budget is asked again now
//! and then.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use kube::Client;
use kube::Config;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use nix8s_core::input;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::model::MachineName;
use nix8s_core::observed::ApiSeen;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::MetadataPatch;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_engine::execute;
use nix8s_engine::execute::Limits;
use nix8s_engine::journal::Journal;
use nix8s_engine::port::Evicted;
use nix8s_engine::port::Kube;
use nix8s_engine::port::KubeError;
use nix8s_engine::port::Pod;
use nix8s_engine::port::Ports;
use nix8s_engine::port::Store;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Progress;
use nix8s_engine::real::Api;
use nix8s_engine::real::Processes;
use nix8s_engine::real::SystemClock;
use nix8s_engine::real::SystemRng;
use nix8s_engine::state::layout::KUBECONFIG;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop;
use nix8s_engine::world::World;
use nix8s_lab::Lab;
use serde_json::Value;
use serde_json::json;

const NODES: usize = 50;
const PODS: usize = 20;

/// The node whose pods a budget holds for a while.
const HELD: &str = "c-w7";

/// How long it does: long enough to be asked for again three or four times.
const HOLDS: Duration = Duration::from_secs(17);

/// The API server, and how it answered each eviction.
struct Counted {
    api: Api,
    answers: Mutex<BTreeMap<&'static str, usize>>,
}

#[async_trait]
impl Kube for Counted {
    async fn look(&self) -> Result<ApiSeen, KubeError> {
        self.api.look().await
    }

    async fn cordon(&self, node: &MachineName, owner: &str) -> Result<(), KubeError> {
        self.api.cordon(node, owner).await
    }

    async fn uncordon(&self, node: &MachineName) -> Result<(), KubeError> {
        self.api.uncordon(node).await
    }

    async fn pods(&self, node: &MachineName) -> Result<Vec<Pod>, KubeError> {
        self.api.pods(node).await
    }

    async fn evict(&self, pod: &Pod) -> Result<Evicted, KubeError> {
        let answer = self.api.evict(pod).await;
        let word = match &answer {
            // Nobody was asked: it was ending.
            Ok(Evicted::Gone) if pod.ending => return answer,
            Ok(Evicted::Going) => "going",
            Ok(Evicted::Gone) => "gone",
            Ok(Evicted::Held { .. }) => "held",
            Err(error) => {
                eprintln!("{error}");
                "failed"
            }
        };
        *self.answers.lock().unwrap().entry(word).or_default() += 1;
        answer
    }

    async fn delete_node(&self, node: &MachineName, uid: &str) -> Result<(), KubeError> {
        self.api.delete_node(node, uid).await
    }

    async fn set_metadata(&self, node: &MachineName, patch: &MetadataPatch) -> Result<(), KubeError> {
        self.api.set_metadata(node, patch).await
    }

    async fn remove_etcd_member(&self, node: &MachineName) -> Result<(), KubeError> {
        self.api.remove_etcd_member(node).await
    }

    async fn install_platform(&self, platform: &str, version: &str) -> Result<(), KubeError> {
        self.api.install_platform(platform, version).await
    }
}

/// Somebody else who asks the API server: what the lab's people and kubelets do.
struct Others(Client);

impl Others {
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind =
            if method == "PATCH" { "application/strategic-merge-patch+json" } else { "application/json" };
        let request = http::Request::builder().method(method).uri(path).header("Content-Type", kind);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let asked = self.0.request(request.body(body).unwrap()).await;
        asked.unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    async fn many(&self, of: impl Iterator<Item = (&'static str, String, Value)>) {
        stream::iter(of)
            .for_each_concurrent(16, |(method, path, body)| async move {
                self.ask(method, &path, &body).await;
            })
            .await;
    }

    /// Nodes, cordoned so that nothing comes to them, and their pods, which are Ready.
    async fn fill(&self) {
        let nodes = || (0..NODES).map(|node| format!("c-w{node}"));
        self.many(nodes().map(|node| {
            let body = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": node }, "spec": { "unschedulable": true } });
            ("POST", "/api/v1/nodes".to_owned(), body)
        }))
        .await;
        let pods =
            || nodes().flat_map(|node| (0..PODS).map(move |pod| (node.clone(), format!("{node}-{pod}"))));
        self.many(pods().map(|(node, name)| {
            // A controller that nobody knows, so that nobody does anything about it.
            let owner = json!({ "apiVersion": "lab/v1", "kind": "Keeper", "name": "a", "uid": "a", "controller": true });
            let body = json!({ "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": name, "labels": { "on": node }, "ownerReferences": [owner] },
                "spec": { "nodeName": node, "containers": [{ "name": "a", "image": "a" }] } });
            ("POST", "/api/v1/namespaces/default/pods".to_owned(), body)
        }))
        .await;
        self.many(pods().map(|(_, name)| {
            let body = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
            ("PATCH", format!("/api/v1/namespaces/default/pods/{name}/status"), body)
        }))
        .await;
    }

    /// A budget for the pods of one node, which allows none to go.
    async fn hold(&self) {
        let budget = json!({ "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": { "name": "held" },
            "spec": { "minAvailable": PODS, "selector": { "matchLabels": { "on": HELD } } } });
        self.ask("POST", BUDGETS, &budget).await;
        while self.ask("GET", &format!("{BUDGETS}/held"), &Value::Null).await["status"]["currentHealthy"]
            != PODS
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What kubelets do: pods that shall end have ended, at once.
    async fn end_pods(&self) {
        loop {
            let pods = self.ask("GET", "/api/v1/pods?resourceVersion=0", &Value::Null).await;
            let pods = pods["items"].as_array().unwrap();
            let ending = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_string());
            let paths = ending.map(|pod| {
                let name = pod["metadata"]["name"].as_str().unwrap();
                let path = format!("/api/v1/namespaces/default/pods/{name}?gracePeriodSeconds=0");
                ("DELETE", path, Value::Null)
            });
            // The list may be older than what was ended before.
            stream::iter(paths.collect::<Vec<_>>())
                .for_each_concurrent(8, |(method, path, _)| async move {
                    let request = http::Request::builder().method(method).uri(path).body(Vec::new()).unwrap();
                    let _ = self.0.request::<Value>(request).await;
                })
                .await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

const BUDGETS: &str = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";

/// Says what holds and what fails.
struct Told;

impl Observer for Told {
    fn hear(&mut self, progress: &Progress) {
        match progress {
            Progress::StepHeld { why, .. } => eprintln!("held: {why}"),
            Progress::StepFailed { failure, .. } => eprintln!("failed: {failure:?}"),
            _ => {}
        }
    }
}

fn step(node: usize) -> Step {
    let machine: MachineName = format!("c-w{node}").parse().unwrap();
    let effect = Effect::Drain { machine, timeout: Duration::from_secs(240) };
    let (reason, by) = ("it is tried".to_owned(), "test".to_owned());
    Step { id: format!("drain:c-w{node}"), effect, reason, by, risk: Risk::Interrupts, after: Vec::new() }
}

async fn drained(kubeconfig: &str) {
    let config = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    let others = Others(Client::try_from(config).unwrap());
    others.fill().await;
    others.hold().await;

    let members: String = (0..NODES)
        .map(|node| format!("      w{node}: {{ node: metal, role: worker, ip: 10.0.0.{} }}\n", node + 2))
        .collect();
    let yaml = format!(
        "nodes:\n  metal: {{ install: {{ disk: /dev/sda }} }}\nprovisioning:\n  nixos-anywhere: {{}}\nclusters:\n  c:\n    version: v1.34.2+k3s1\n    distribution: k3s\n    members:\n      cp: {{ node: metal, role: control-plane, ip: 10.0.0.1 }}\n{members}"
    );
    let loaded =
        input::load(&[Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes: yaml.into_bytes() }]);
    let fleet = loaded.fleet.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let cluster = Arc::clone(fleet.clusters.values().next().unwrap());
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    store.write(KUBECONFIG, kubeconfig.as_bytes()).unwrap();
    let api = Arc::new(Counted { api: Api::new(Arc::clone(&store)), answers: Mutex::default() });
    let ports = Ports {
        exec: Arc::new(Processes::in_folder(".".into())),
        kube: Arc::clone(&api) as Arc<dyn Kube>,
        clock: Arc::new(SystemClock),
        store: Arc::clone(&store),
        rng: Arc::new(SystemRng),
    };
    let clock = Arc::clone(&ports.clock);
    let name = cluster.name.clone();
    let world = World::new(cluster, ports, String::new(), Permit::default()).unwrap();
    let mut journal = Journal::open(store, clock, "r".to_owned()).unwrap();
    let plan = Plan {
        cluster: name,
        at: Timestamp::now(),
        steps: (0..NODES).map(step).collect(),
        waits: Vec::new(),
    };
    let limits =
        Limits { covered: Risk::Interrupts, deadline: Timestamp::MAX, window: Duration::from_secs(600) };
    let (_stopper, mut stop) = stop::pair();
    let begun = Instant::now();
    let mut told = Told;
    let carried = tokio::select! {
        carried = execute::execute(&world, &mut journal, &plan, limits, &mut stop, &mut told) => carried.unwrap(),
        () = others.end_pods() => unreachable!("it goes on"),
        () = async {
            tokio::time::sleep(HOLDS).await;
            let none = json!({ "spec": { "minAvailable": 0 } });
            others.ask("PATCH", &format!("{BUDGETS}/held"), &none).await;
            std::future::pending::<()>().await;
        } => unreachable!("it goes on"),
    };
    println!(
        "\n=> {}",
        json!({ "done": carried.done, "failed": carried.failed, "seconds": begun.elapsed().as_secs(),
        "answers": *api.answers.lock().unwrap() })
    );
}

/// The drains, in the lab's network.
#[test]
#[ignore = "no test by itself: the other runs it as a program in the network namespace of a lab, where the API server is"]
fn in_the_lab() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(drained(&std::env::var("KUBECONFIG_TEXT").unwrap()));
}

#[test]
fn a_thousand_pods_are_asked_for_once_each_and_a_budget_now_and_then() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let Some(server) = lab.kubernetes_or_skip() else { return };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "in_the_lab", "--ignored", "--nocapture"]);
    command.env("KUBECONFIG_TEXT", std::fs::read_to_string(server.kubeconfig()).unwrap());
    let output = lab.operator(&command).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (told, complained) = (text(&output.stdout), text(&output.stderr));
    let answer = told.lines().find_map(|line| line.strip_prefix("=> "));
    let answer: Value =
        serde_json::from_str(answer.unwrap_or_else(|| panic!("{told}\n{complained}"))).unwrap();
    let of = |word: &str| answer["answers"][word].as_u64().unwrap_or(0);
    let asked: u64 = ["going", "gone", "held", "failed"].map(of).iter().sum();
    let all = (NODES * PODS) as u64;
    println!("{all} pods: {} requests for each, {answer}", asked as f64 / all as f64);
    assert_eq!(answer["done"], NODES, "{answer}\n{complained}");
    assert_eq!((of("going"), of("gone"), of("failed")), (all, 0, 0), "{answer}\n{complained}");
    // All of its pods once, and then one every five seconds for as long as it holds them.
    let again = HOLDS.as_secs() / 5 + 1;
    assert!((PODS as u64..=PODS as u64 + again).contains(&of("held")), "{answer}\n{complained}");
}
