//! What tests share: a small cluster, a clock that jumps, a scripted `Exec` that records, and a small API server.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use nix8s_core::model::*;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::Hardware;
use nix8s_core::observed::Mark;
use nix8s_core::observed::NodeSeen;
use nix8s_core::observed::Os;
use nix8s_core::observed::Probe;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::MetadataPatch;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::tool::Command;
use nix8s_core::tool::Host;
use nix8s_core::tool::Output;

use crate::port::*;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::state::memory::Memory;
use crate::world::World;

/// A machine's name.
pub fn name(text: &str) -> MachineName {
    text.parse().unwrap()
}

/// A store path.
pub fn system(text: &str) -> StorePath {
    StorePath::new(&format!("/nix/store/{text}"))
}

/// A machine with an address.
pub fn machine(text: &str, role: Role) -> Arc<Machine> {
    let part = || "0".to_owned();
    Arc::new(Machine {
        name: name(text),
        member: text.parse().unwrap(),
        role,
        ip: Some("10.0.0.1".parse().unwrap()),
        provisioner: Provisioner::NixosAnywhere,
        skip: false,
        ssh: Ssh::root_at(Some(format!("{text}.test"))),
        mac: None,
        node: Arc::default(),
        disks: Arc::new(Disks { main: Some("/dev/vda".to_owned()), ..Disks::default() }),
        install: true,
        disk_key: None,
        release: None,
        action: nix8s_core::model::Action::Switch,
        parts: Arc::new(Parts {
            kernel: part(),
            initrd: part(),
            kubernetes: part(),
            disks: part(),
            network: part(),
            rest: part(),
        }),
    })
}

/// A cluster of `cp1` and these workers.
pub fn cluster(distribution: Distribution, workers: &[&str]) -> Cluster {
    let cp = machine("cp1", Role::ControlPlane);
    let workers = workers.iter().map(|worker| machine(worker, Role::Worker));
    let reconciler = ReconcilerSettings::default();
    Cluster {
        name: "c".parse().unwrap(),
        secrets: SecretSettings::of(&"prod".parse().unwrap()),
        distribution,
        version: "v1.34.1".parse().unwrap(),
        domain: None,
        cluster_domain: "cluster.local".to_owned(),
        network: ClusterNetwork {
            pod_cidr: "10.42.0.0/16".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            cluster_dns: "10.43.0.10".parse().unwrap(),
            mesh: Mesh::None,
        },
        ha: Ha {
            mode: HaMode::None,
            vip: None,
            interface: None,
            port: 6443,
            vrrp_id: 1,
            first_server: name("cp1"),
        },
        upgrade: Upgrade {
            strategy: Strategy::Rolling,
            max_unavailable: 1,
            control_planes_first: false,
            drain_timeout: Duration::from_secs(300),
            pause: Duration::from_secs(10),
            reboot: Reboot::Auto,
            rollback: true,
            failure_budget: 0,
        },
        gates: Gates {
            ready: true,
            units: Vec::new(),
            http: Vec::new(),
            later: Vec::new(),
            soak: Duration::from_secs(30),
            retries: 3,
            timeout: Duration::from_secs(180),
        },
        platform: None,
        anywhere: nix8s_core::model::Anywhere::default(),
        bootstrap: nix8s_core::model::Bootstrap::default(),
        later: Vec::new(),
        machines: workers.chain([cp]).map(|m| (m.name.clone(), m)).collect(),
        reconciler,
        policy: Policy::default(),
    }
}

/// What a machine of cluster `c` says when NixOS runs there.
pub fn probe(machine: &str) -> Probe {
    let mark = Mark {
        cluster: "c".to_owned(),
        machine: machine.to_owned(),
        installation: "i1".to_owned(),
        booted: true,
    };
    let os = Os::NixOs { release: "26.05".to_owned() };
    Probe { mark: Some(mark), kubelet: true, ..Probe::bare(os, hardware(machine)) }
}

/// The hardware of a machine.
pub fn hardware(machine: &str) -> Hardware {
    Hardware { uuid: format!("uuid-{machine}"), macs: Vec::new(), disks: Vec::new() }
}

/// A Ready Node.
pub fn node(uid: &str) -> NodeSeen {
    NodeSeen {
        uid: uid.to_owned(),
        ready: true,
        cordon: Cordon::None,
        version: "v1.34.1".parse().unwrap(),
        control_plane: false,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        taints: BTreeSet::new(),
    }
}

/// Time of tokio's paused clock, from a fixed moment.
pub struct TestClock(tokio::time::Instant);

impl TestClock {
    /// Begins at the epoch. Inside a runtime whose clock is paused.
    pub fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// What a scripted command does.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It ends with this status, standard output and standard error.
    Ends(i32, String, String),
    /// Nobody knows.
    Error(ExecError),
    /// It never ends.
    Hangs,
    /// It takes so long, then ends well and says nothing.
    Takes(Duration),
}

/// Ends well and says this.
pub fn says(stdout: impl Into<String>) -> Reply {
    Reply::Ends(0, stdout.into(), String::new())
}

/// Ends with this status and complaint.
pub fn fails(status: i32, stderr: &str) -> Reply {
    Reply::Ends(status, String::new(), stderr.to_owned())
}

/// Answers commands that contain a text, in order, the last answer for ever; every other command ends well.
#[derive(Default)]
pub struct Script {
    replies: Mutex<Vec<(String, VecDeque<Reply>)>>,
    /// What ran: `machine: argv` or `here: argv`.
    pub ran: Mutex<Vec<String>>,
}

impl Script {
    /// Lets commands that contain `text` (as `machine: argv`) answer so.
    pub fn on(&self, text: &str, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().push((text.to_owned(), replies.into_iter().collect()));
    }

    /// What ran and contains a text.
    pub fn ran(&self, text: &str) -> Vec<String> {
        self.ran.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

#[async_trait]
impl Exec for Script {
    async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        let on = match &command.on {
            Host::Here => "here".to_owned(),
            Host::Machine { name, .. } => name.to_string(),
        };
        let line = format!("{on}: {}", command.argv.join(" "));
        self.ran.lock().unwrap().push(line.clone());
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            let found = replies.iter_mut().find(|(text, _)| line.contains(text.as_str()));
            found.and_then(
                |(_, replies)| if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() },
            )
        };
        // A machine has secrets, if only none.
        let usual = || says(if line.contains("secrets files") { "{}" } else { "" });
        match reply.unwrap_or_else(usual) {
            Reply::Ends(status, stdout, stderr) => Ok(Output { status, stdout, stderr }),
            Reply::Error(error) => Err(error),
            Reply::Hangs => std::future::pending().await,
            Reply::Takes(duration) => {
                tokio::time::sleep(duration).await;
                Ok(Output { status: 0, stdout: String::new(), stderr: String::new() })
            }
        }
    }
}

/// A small API server.
#[derive(Default)]
pub struct Api {
    /// What it keeps.
    pub seen: Mutex<ApiSeen>,
    /// Pods by node.
    pub pods: Mutex<BTreeMap<MachineName, Vec<Pod>>>,
    /// Budgets that hold a pod, by the pod's name, and how many more evictions they refuse.
    pub held: Mutex<BTreeMap<String, u32>>,
    /// Every eviction that was asked for.
    pub evictions: Mutex<Vec<String>>,
    /// It does not answer.
    pub is_away: Mutex<bool>,
}

impl Api {
    fn here(&self) -> Result<(), KubeError> {
        if *self.is_away.lock().unwrap() { Err(KubeError::Unreachable) } else { Ok(()) }
    }

    /// Adds or changes a node.
    pub fn set(&self, machine: &str, node: NodeSeen) {
        self.seen.lock().unwrap().nodes.insert(name(machine), node);
    }

    /// How a node is cordoned.
    pub fn cordon_of(&self, machine: &str) -> Cordon {
        self.seen.lock().unwrap().nodes[&name(machine)].cordon
    }
}

#[async_trait]
impl Kube for Api {
    async fn look(&self) -> Result<ApiSeen, KubeError> {
        self.here()?;
        Ok(self.seen.lock().unwrap().clone())
    }

    async fn cordon(&self, node: &MachineName, _owner: &str) -> Result<(), KubeError> {
        self.here()?;
        let mut seen = self.seen.lock().unwrap();
        let found = seen.nodes.get_mut(node).ok_or_else(|| KubeError::NotFound { what: node.to_string() })?;
        if found.cordon == Cordon::None {
            found.cordon = Cordon::Ours;
        }
        Ok(())
    }

    async fn uncordon(&self, node: &MachineName) -> Result<(), KubeError> {
        self.here()?;
        let mut seen = self.seen.lock().unwrap();
        let found = seen.nodes.get_mut(node).ok_or_else(|| KubeError::NotFound { what: node.to_string() })?;
        if found.cordon == Cordon::Ours {
            found.cordon = Cordon::None;
        }
        Ok(())
    }

    async fn pods(&self, node: &MachineName) -> Result<Vec<Pod>, KubeError> {
        self.here()?;
        Ok(self.pods.lock().unwrap().get(node).cloned().unwrap_or_default())
    }

    async fn evict(&self, pod: &Pod) -> Result<Evicted, KubeError> {
        self.here()?;
        self.evictions.lock().unwrap().push(pod.name.clone());
        if let Some(left) = self.held.lock().unwrap().get_mut(&pod.name).filter(|left| **left > 0) {
            *left -= 1;
            let app = pod.name.split('-').next().unwrap();
            return Ok(Evicted::Held { budget: format!("{app}-budget") });
        }
        for pods in self.pods.lock().unwrap().values_mut() {
            pods.retain(|there| there != pod);
        }
        Ok(Evicted::Going)
    }

    async fn delete_node(&self, node: &MachineName, uid: &str) -> Result<(), KubeError> {
        self.here()?;
        let mut seen = self.seen.lock().unwrap();
        if seen.nodes.get(node).is_some_and(|found| found.uid == uid) {
            seen.nodes.remove(node);
        }
        Ok(())
    }

    async fn set_metadata(&self, _node: &MachineName, _patch: &MetadataPatch) -> Result<(), KubeError> {
        self.here()
    }

    async fn remove_etcd_member(&self, _node: &MachineName) -> Result<(), KubeError> {
        self.here()
    }

    async fn install_platform(&self, platform: &str, version: &str) -> Result<(), KubeError> {
        self.here()?;
        self.seen.lock().unwrap().platforms.insert(platform.to_owned(), version.to_owned());
        Ok(())
    }
}

/// Counts from one.
#[derive(Default)]
pub struct Counter(Mutex<u64>);

impl Rng for Counter {
    fn next(&self) -> u64 {
        let mut last = self.0.lock().unwrap();
        *last += 1;
        *last
    }
}

/// A world of fakes, and the fakes.
pub struct Fakes {
    /// What runs commands.
    pub exec: Arc<Script>,
    /// The API server.
    pub api: Arc<Api>,
    /// The state directory.
    pub store: Arc<Memory>,
}

impl Fakes {
    /// New fakes with nothing in them.
    pub fn new() -> Self {
        Self { exec: Arc::default(), api: Arc::default(), store: Arc::default() }
    }

    /// A world over them.
    pub fn world(&self, cluster: Cluster) -> World {
        let ports = Ports {
            exec: self.exec.clone(),
            kube: self.api.clone(),
            clock: Arc::new(TestClock::new()),
            store: self.store.clone(),
            rng: Arc::new(Counter::default()),
        };
        World::new(Arc::new(cluster), ports, ".".to_owned(), Permit::default()).unwrap()
    }
}

/// A plan of these effects, each with the indices of those that come before it.
pub fn plan(effects: &[(Effect, &[usize])]) -> Plan {
    let ids: Vec<String> = effects.iter().map(|(effect, _)| effect.id()).collect();
    let steps = effects.iter().map(|(effect, after)| Step {
        id: effect.id(),
        effect: effect.clone(),
        reason: "a test".to_owned(),
        by: "test".to_owned(),
        risk: Risk::None,
        after: after.iter().map(|index| ids[*index].clone()).collect(),
    });
    Plan {
        cluster: "c".parse().unwrap(),
        at: Timestamp::UNIX_EPOCH,
        steps: steps.collect(),
        waits: Vec::new(),
    }
}

/// Keeps what it hears, one line a message.
#[derive(Default)]
pub struct Heard(pub Vec<String>);

impl Observer for Heard {
    fn hear(&mut self, progress: &Progress) {
        self.0.push(match progress {
            Progress::CycleBegan { cycle, plan } => format!("cycle {cycle}: {} steps", plan.steps.len()),
            Progress::StepStarted { step, .. } => format!("started {}", step.id),
            Progress::StepHeld { step, why, .. } => format!("held {}: {why}", step.id),
            Progress::StepDone { step, note, .. } => match note {
                Some(note) => format!("done {}: {note}", step.id),
                None => format!("done {}", step.id),
            },
            Progress::StepFailed { step, failure, .. } => {
                format!("failed {} ({:?}): {}", step.id, failure.class, failure.message)
            }
            Progress::StepSkipped { step, why } => format!("skipped {}: {why}", step.id),
            Progress::Rested { ending, until } => format!("rests: {} until {until}", ending.as_str()),
            Progress::Waiting { waits, until } => format!("waiting for {} until {until}", waits.len()),
            Progress::Warning { text } => format!("warning: {text}"),
            Progress::Ended { ending } => format!("ended: {}", ending.as_str()),
        });
    }
}
