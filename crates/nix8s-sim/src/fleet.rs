//! Clusters from a seed: as the configuration's resolution would give them, of every size and kind.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use nix8s_core::model::Action;
use nix8s_core::model::Anywhere;
use nix8s_core::model::BUILT_IN;
use nix8s_core::model::Body;
use nix8s_core::model::Bootstrap;
use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterNetwork;
use nix8s_core::model::Concurrency;
use nix8s_core::model::Disks;
use nix8s_core::model::Distribution;
use nix8s_core::model::Gates;
use nix8s_core::model::Ha;
use nix8s_core::model::HaMode;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Mesh;
use nix8s_core::model::Moment;
use nix8s_core::model::NodeMeta;
use nix8s_core::model::OnFailure;
use nix8s_core::model::Parts;
use nix8s_core::model::Place;
use nix8s_core::model::Policy;
use nix8s_core::model::Provisioner;
use nix8s_core::model::Reboot;
use nix8s_core::model::ReconcilerSettings;
use nix8s_core::model::Repeat;
use nix8s_core::model::Role;
use nix8s_core::model::Scope;
use nix8s_core::model::Script;
use nix8s_core::model::SecretSettings;
use nix8s_core::model::Ssh;
use nix8s_core::model::Strategy;
use nix8s_core::model::Transition;
use nix8s_core::model::Upgrade;
use nix8s_core::model::Version;

use crate::random::Random;
use crate::random::hash;

/// What a cluster is to be.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Control planes.
    pub control_planes: u32,
    /// Workers.
    pub workers: u32,
    /// Machines outside Kubernetes.
    pub others: u32,
    /// What runs Kubernetes.
    pub distribution: Distribution,
    /// The minor version.
    pub minor: u32,
}

/// Parses a name that this file made.
fn name(text: &str) -> MachineName {
    text.parse().expect("made of letters, digits and dashes")
}

/// A machine of a cluster; `at` makes its address.
pub fn machine(role: Role, at: u32) -> Machine {
    let kind = match role {
        Role::ControlPlane => "cp",
        Role::Worker => "w",
        Role::None => "x",
    };
    let member = format!("{kind}{at}");
    let own = at + 10_000 * role as u32;
    let ip = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + 256 + own));
    let part = |what: &str| format!("{:016x}", hash(&format!("{what} {kind}")));
    Machine {
        name: name(&format!("sim-{member}")),
        member: member.parse().expect("made of letters and digits"),
        role,
        ip: Some(ip),
        provisioner: Provisioner::NixosAnywhere,
        skip: false,
        ssh: Ssh::root_at(Some(ip.to_string())),
        mac: None,
        node: Arc::new(NodeMeta::default()),
        disks: Arc::new(Disks { main: Some("/dev/sda".to_owned()), ..Disks::default() }),
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

/// A cluster of a shape, everything else by default.
pub fn cluster(shape: &Shape) -> Cluster {
    let roles = [
        (Role::ControlPlane, shape.control_planes),
        (Role::Worker, shape.workers),
        (Role::None, shape.others),
    ];
    let all = roles.into_iter().flat_map(|(role, count)| (1..=count).map(move |at| machine(role, at)));
    let machines: BTreeMap<MachineName, Arc<Machine>> = all.map(|m| (m.name.clone(), Arc::new(m))).collect();
    let first_server =
        machines.values().find(|m| m.role == Role::ControlPlane).expect("a shape has one").name.clone();
    let vip = (shape.control_planes > 1).then_some(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1)));
    Cluster {
        name: "sim".parse().expect("a label"),
        secrets: SecretSettings::of(&"sim".parse().expect("a label")),
        distribution: shape.distribution,
        version: minor(shape.minor),
        domain: None,
        cluster_domain: "cluster.local".to_owned(),
        network: ClusterNetwork {
            pod_cidr: "10.42.0.0/16".parse().expect("a network"),
            service_cidr: "10.43.0.0/16".parse().expect("a network"),
            cluster_dns: IpAddr::V4(Ipv4Addr::new(10, 43, 0, 10)),
            mesh: Mesh::None,
        },
        ha: Ha {
            mode: if vip.is_some() { HaMode::Keepalived } else { HaMode::None },
            vip,
            interface: None,
            port: 6443,
            vrrp_id: 51,
            first_server,
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
            units: vec!["sshd.service".to_owned()],
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
        reconciler: ReconcilerSettings {
            timeout: Duration::from_secs(24 * 3600),
            concurrency: Concurrency { install: 32, ..ReconcilerSettings::default().concurrency },
            ..ReconcilerSettings::default()
        },
        policy: Policy { remove: true, ..Policy::default() },
    }
}

/// The version that stands for any patch of a minor release.
pub fn minor(minor: u32) -> Version {
    Version { major: 1, minor, patch: None, build: None }
}

/// A cluster from a seed: 1 to 30 machines, 1 to 5 control planes, either distribution.
pub fn generate(random: &mut Random) -> Cluster {
    let control_planes = *random.pick(&[1, 1, 1, 2, 3, 3, 3, 3, 4, 5]).expect("not empty") as u32;
    let size = random.between(0, 9);
    let workers = match size {
        0 => 0,
        1..=7 => random.between(1, 6) as u32,
        _ => random.between(7, 25) as u32,
    };
    let shape = Shape {
        control_planes,
        workers,
        others: u32::from(random.chance(150)),
        distribution: if random.chance(500) { Distribution::K3s } else { Distribution::Kubeadm },
        minor: random.between(31, 34) as u32,
    };
    let mut cluster = cluster(&shape);
    let upgrade = &mut cluster.upgrade;
    upgrade.max_unavailable = *random.pick(&[1, 1, 1, 2, 3]).expect("not empty");
    upgrade.control_planes_first = random.chance(100);
    upgrade.failure_budget = *random.pick(&[0, 0, 0, 1]).expect("not empty");
    upgrade.reboot =
        *random.pick(&[Reboot::Auto, Reboot::Auto, Reboot::Never, Reboot::Always]).expect("not empty");
    if random.chance(50) {
        upgrade.strategy = Strategy::Parallel;
    }
    if random.chance(300) {
        let platform =
            nix8s_core::model::Platform { name: "cozystack".to_owned(), version: "1.6.2".to_owned() };
        cluster.platform = Some(platform);
    }
    let names: Vec<MachineName> = cluster.machines.keys().cloned().collect();
    for name in names {
        let machine = Arc::make_mut(cluster.machines.get_mut(&name).expect("just listed"));
        vary(machine, random);
    }
    if random.chance(350) {
        cluster.bootstrap.scripts = scripts(random, "1");
    }
    cluster
}

/// Some scripts: sorted as resolution gives them, those of phases by the order of their phase.
pub fn scripts(random: &mut Random, content: &str) -> Vec<Script> {
    let phases =
        BUILT_IN.iter().map(|(name, order)| Moment::Phase { name: (*name).to_owned(), order: *order });
    let hooks = HOOKS.iter().cloned();
    let mut scripts = Vec::new();
    for (at, when) in hooks.chain(phases).enumerate() {
        for scope in [Scope::Cluster, Scope::Node] {
            if random.chance(200) {
                scripts.push(script(random, format!("s{at}-{scope:?}"), when.clone(), scope, content));
            }
        }
    }
    scripts
}

/// Moments of hooks.
const HOOKS: &[Moment] = &[
    Moment::Before(Transition::Provision),
    Moment::After(Transition::Provision),
    Moment::Before(Transition::Join),
    Moment::After(Transition::Join),
    Moment::Before(Transition::Drain),
    Moment::After(Transition::Drain),
    Moment::Before(Transition::Update),
    Moment::After(Transition::Update),
    Moment::After(Transition::Delete),
    Moment::OnError,
];

fn script(random: &mut Random, name: String, when: Moment, scope: Scope, content: &str) -> Script {
    let early = matches!(when, Moment::Before(Transition::Provision) | Moment::OnError);
    let place = if scope == Scope::Node && !early && random.chance(300) { Place::Node } else { Place::Local };
    Script {
        digest: format!("{name}-{content}"),
        name,
        when,
        scope,
        nodes: None,
        on: None,
        place,
        body: Body::Text("true".to_owned()),
        deps: BTreeSet::new(),
        condition: None,
        timeout: Duration::from_secs(300),
        on_failure: if random.chance(300) { OnFailure::Continue } else { OnFailure::Stop },
        repeat: if random.chance(100) { Repeat::EachApply } else { Repeat::Never },
    }
}

fn vary(machine: &mut Machine, random: &mut Random) {
    if random.chance(200) {
        let disks = Arc::make_mut(&mut machine.disks);
        disks.data = vec!["/dev/sdb".to_owned(), "/dev/sdc".to_owned()];
        if machine.role == Role::ControlPlane {
            disks.etcd = Some("/dev/nvme0n1".to_owned());
        }
    }
    if random.chance(40) {
        machine.provisioner = Provisioner::Manual;
    }
    if random.chance(20) && machine.role == Role::Worker {
        machine.skip = true;
    }
    if random.chance(300) {
        machine.node = Arc::new(metadata(random));
    }
}

/// Some labels, taints and annotations.
pub fn metadata(random: &mut Random) -> NodeMeta {
    let value = format!("v{}", random.between(1, 3));
    NodeMeta {
        labels: BTreeMap::from([("example.com/rack".to_owned(), value.clone())]),
        annotations: BTreeMap::from([("example.com/owner".to_owned(), value)]),
        taints: if random.chance(300) {
            BTreeSet::from(["example.com/special=yes:PreferNoSchedule".to_owned()])
        } else {
            BTreeSet::new()
        },
    }
}
