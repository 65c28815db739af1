//! Small clusters and observations, for tests of planning.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::model::*;
use nix8s_core::observed::*;
use nix8s_core::past::*;
use nix8s_core::permit::Permit;
use nix8s_core::plan::*;
use nix8s_core::reconcile;

/// When everything happens.
pub fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// A machine's name.
pub fn name(text: &str) -> MachineName {
    text.parse().unwrap()
}

/// A cluster and what is known of it.
pub struct World {
    pub cluster: Cluster,
    pub seen: Observed,
    pub permit: Permit,
    pub now: Timestamp,
}

/// Machines whose names begin with `cp` are control planes, others workers; none is installed yet and all answer
/// as installers with blank disks.
pub fn blank(distribution: Distribution, names: &[&str]) -> World {
    let machines: BTreeMap<MachineName, Arc<Machine>> =
        names.iter().enumerate().map(|(i, n)| (name(n), Arc::new(machine(n, i)))).collect();
    let version: Version = "v1.34.1".parse().unwrap();
    let cluster = Cluster {
        name: "prod".parse().unwrap(),
        distribution,
        version: version.clone(),
        ..template(machines)
    };
    let mut world = World {
        seen: Observed {
            at: now(),
            machines: BTreeMap::new(),
            api: Known::Unknown,
            wanted: Known::Unknown,
            wanted_version: version,
            secrets: Known::Known(BTreeSet::new()),
            kubeconfig: Known::Known(KubeconfigSeen::Missing),
            past: Past::default(),
        },
        cluster,
        permit: Permit::default(),
        now: now(),
    };
    for n in names {
        world
            .seen
            .machines
            .insert(name(n), MachineSeen { reach: Reach::Answered, probe: Some(installer(n)) });
    }
    world.evaluate("a");
    world
}

fn template(machines: BTreeMap<MachineName, Arc<Machine>>) -> Cluster {
    let first = machines.keys().next().cloned().unwrap_or_else(|| name("none"));
    Cluster {
        name: "prod".parse().unwrap(),
        distribution: Distribution::K3s,
        version: "1.34".parse().unwrap(),
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
            first_server: first,
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
        secrets: SecretSettings::of(&"prod".parse().unwrap()),
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
        anywhere: Anywhere::default(),
        bootstrap: Bootstrap::default(),
        later: Vec::new(),
        machines,
        reconciler: ReconcilerSettings::default(),
        policy: Policy::default(),
    }
}

fn machine(n: &str, i: usize) -> Machine {
    let part = |what: &str| format!("{what}-1");
    Machine {
        name: name(n),
        member: n.parse().unwrap(),
        role: if n.starts_with("cp") { Role::ControlPlane } else { Role::Worker },
        ip: Some(std::net::Ipv4Addr::from(0x0a00_0001 + i as u32).into()),
        provisioner: Provisioner::NixosAnywhere,
        skip: false,
        ssh: Ssh::root_at(Some(format!("10.0.0.{}", i + 1))),
        mac: None,
        node: Arc::new(NodeMeta::default()),
        disks: Arc::new(Disks { main: Some("/dev/disk/by-id/main".to_owned()), ..Disks::default() }),
        install: true,
        disk_key: None,
        release: None,
        action: Action::Switch,
        parts: Arc::new(Parts {
            kernel: part("kernel"),
            initrd: part("initrd"),
            kubernetes: part("kubernetes"),
            disks: part("disks"),
            network: part("network"),
            rest: part("rest"),
        }),
    }
}

fn hardware(n: &str) -> Hardware {
    let disk = Disk {
        paths: vec!["/dev/disk/by-id/main".to_owned()],
        serial: format!("serial-{n}"),
        size: 1 << 40,
        content: DiskContent::Empty,
    };
    Hardware { uuid: format!("uuid-{n}"), macs: Vec::new(), disks: vec![disk] }
}

fn installer(n: &str) -> Probe {
    Probe::bare(Os::Installer, hardware(n))
}

/// The same cluster, installed, joined, Ready and as it should be.
pub fn ready(distribution: Distribution, names: &[&str]) -> World {
    let mut world = blank(distribution, names);
    let version: Version = "v1.34.1".parse().unwrap();
    let membership = nix8s_core::membership::render(&world.cluster).digest;
    let etcd: Vec<EtcdMember> = names
        .iter()
        .filter(|n| n.starts_with("cp"))
        .map(|n| EtcdMember { id: (*n).to_owned(), name: (*n).to_owned(), healthy: true })
        .collect();
    let mut api = ApiSeen::default();
    for n in names {
        let control_plane = n.starts_with("cp");
        let system = world.seen.wanted.known().unwrap()[&name(n)].clone();
        let past = world.seen.past.machine(&name(n));
        let (installation, uuid) = (format!("id-{n}"), Some(format!("uuid-{n}")));
        past.provisioned = Some(Provisioned { installation: installation.clone(), uuid, at: now() });
        let role = if control_plane { Role::ControlPlane } else { Role::Worker };
        past.joined = Some(Joined { role, uid: Some(format!("uid-{n}")), at: now() });
        past.good = Some(system.path.clone());
        let probe = Probe {
            os: Os::NixOs { release: "26.05".to_owned() },
            mark: Some(Mark {
                cluster: "prod".to_owned(),
                machine: (*n).to_owned(),
                installation,
                booted: true,
            }),
            copied: BTreeSet::from([system.path.clone()]),
            running: Some(system),
            kubelet: true,
            datastore: control_plane,
            distribution_state: true,
            membership: Some(membership.clone()),
            components: control_plane.then(|| version.clone()),
            etcd: control_plane.then(|| etcd.clone()),
            ..installer(n)
        };
        world.seen.machines.insert(name(n), MachineSeen { reach: Reach::Answered, probe: Some(probe) });
        api.nodes.insert(name(n), node(n, control_plane, &version));
    }
    world.seen.past.first_server = Some(name(names[0]));
    world.seen.past.initialized = Some(now());
    world.seen.api = Known::Known(api);
    world.seen.kubeconfig = Known::Known(KubeconfigSeen::Works);
    let keys = names.iter().map(|n| Secret::HostKey(name(n)));
    let secrets = [Secret::Token, Secret::AgentToken, Secret::DeployKey].into_iter().chain(keys).collect();
    world.seen.secrets = Known::Known(secrets);
    world.settle_metadata();
    world
}

fn node(n: &str, control_plane: bool, version: &Version) -> NodeSeen {
    NodeSeen {
        uid: format!("uid-{n}"),
        ready: true,
        cordon: Cordon::None,
        version: version.clone(),
        control_plane,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        taints: BTreeSet::new(),
    }
}

impl World {
    /// Evaluates every machine's system; `content` stands for everything that is not Kubernetes.
    pub fn evaluate(&mut self, content: &str) {
        let version = reconcile::next_version(&self.cluster, &self.seen.api);
        let full =
            if version.patch.is_some() { version.clone() } else { format!("v{version}.1").parse().unwrap() };
        let systems = self.cluster.machines.values().map(|m| {
            let rest = format!("{content}-{}", m.parts.rest);
            let path = format!("/nix/store/{}-{}-{full}-{rest}-nixos-system", m.name, m.parts.kernel);
            let parts = Parts { rest, kubernetes: full.to_string(), ..(*m.parts).clone() };
            let version = (m.role != Role::None).then(|| full.clone());
            (m.name.clone(), System { path: StorePath::new(&path), parts, version })
        });
        self.seen.wanted = Known::Known(systems.collect());
        self.seen.wanted_version = version;
    }

    /// Another kernel on every machine.
    pub fn new_kernel(&mut self) {
        self.each_part(|parts| parts.kernel = "kernel-2".to_owned());
        self.evaluate("a");
    }

    /// Changes what machines' systems are made of.
    pub fn each_part(&mut self, change: impl Fn(&mut Parts)) {
        for machine in self.cluster.machines.values_mut() {
            change(Arc::make_mut(&mut Arc::make_mut(machine).parts));
        }
    }

    /// Every wanted system is on its machine already.
    pub fn copy_all(&mut self) {
        let wanted = self.seen.wanted.known().unwrap().clone();
        for (n, system) in wanted {
            if let Some(probe) = self.seen.machines.get_mut(&n).and_then(|m| m.probe.as_mut()) {
                probe.copied.insert(system.path);
            }
        }
    }

    pub fn settle_metadata(&mut self) {
        let plan = self.plan();
        let patches = plan.steps.into_iter().filter_map(|s| match s.effect {
            Effect::SetMetadata { machine, patch } => Some((machine, patch)),
            _ => None,
        });
        for (machine, patch) in patches {
            let node = self.node(machine.as_str());
            node.annotations.extend(patch.annotations.into_iter().filter_map(|(k, v)| Some((k, v?))));
        }
    }

    pub fn node(&mut self, n: &str) -> &mut NodeSeen {
        let Known::Known(api) = &mut self.seen.api else { panic!("the API is silent") };
        api.nodes.get_mut(&name(n)).unwrap()
    }

    pub fn probe(&mut self, n: &str) -> &mut Probe {
        self.seen.machines.get_mut(&name(n)).unwrap().probe.as_mut().unwrap()
    }

    pub fn machine(&mut self, n: &str) -> &mut Machine {
        Arc::make_mut(self.cluster.machines.get_mut(&name(n)).unwrap())
    }

    pub fn past(&mut self, n: &str) -> &mut MachinePast {
        self.seen.past.machine(&name(n))
    }

    pub fn silence(&mut self, n: &str) {
        self.seen.machines.insert(name(n), MachineSeen { reach: Reach::TimedOut, probe: None });
        self.past(n).silent_since = Some(now() - jiff::SignedDuration::from_mins(10));
    }

    /// The machine is installed, and in no cluster yet.
    pub fn not_joined(&mut self, n: &str) {
        let Known::Known(api) = &mut self.seen.api else { panic!("there is no API server") };
        api.nodes.remove(&name(n));
        self.past(n).joined = None;
        let probe = self.probe(n);
        (probe.kubelet, probe.distribution_state, probe.datastore) = (false, false, false);
        probe.etcd = None;
        for machine in self.seen.machines.values_mut() {
            for members in machine.probe.iter_mut().filter_map(|p| p.etcd.as_mut()) {
                members.retain(|member| member.name != n);
            }
        }
    }

    pub fn unhealthy(&mut self, who: &str) {
        for machine in self.seen.machines.values_mut() {
            for member in machine.probe.iter_mut().flat_map(|p| p.etcd.iter_mut().flatten()) {
                member.healthy &= member.name != who;
            }
        }
    }

    /// The plan, which must break no rule.
    pub fn plan(&self) -> Plan {
        let plan = reconcile::plan(&self.cluster, &self.seen, self.now, &self.permit);
        let broken = check(&self.cluster, &self.seen, &plan, &self.permit);
        assert!(broken.is_empty(), "{broken:#?}\n{}", show(&plan));
        plan
    }

    /// The plan, for reading.
    pub fn planned(&self) -> String {
        show(&self.plan())
    }

    /// What follows the plan, as ids.
    pub fn foreseen(&self) -> Vec<String> {
        let plan = self.plan();
        let steps = reconcile::forecast(&self.cluster, &self.seen, &plan, &self.permit);
        steps.into_iter().map(|s| s.id).collect()
    }
}

/// A plan as text: steps with what they come after, then waits.
pub fn show(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let after =
            if step.after.is_empty() { String::new() } else { format!("  after {}", step.after.join(", ")) };
        let risk = if step.risk == nix8s_core::permit::Risk::None {
            String::new()
        } else {
            format!(" [{:?}]", step.risk)
        };
        text.push_str(&format!("{}{risk}: {}{after}\n", step.id, step.reason));
    }
    for wait in &plan.waits {
        text.push_str(&format!("- {:?}: {}\n", wait.cause, wait.text));
    }
    text
}
