//! A hand-made cluster for tests of reports.

use std::sync::Arc;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterNetwork;
use nix8s_core::model::Distribution;
use nix8s_core::model::Gates;
use nix8s_core::model::Ha;
use nix8s_core::model::HaMode;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Mesh;
use nix8s_core::model::Parts;
use nix8s_core::model::Policy;
use nix8s_core::model::Provisioner;
use nix8s_core::model::Reboot;
use nix8s_core::model::ReconcilerSettings;
use nix8s_core::model::Role;
use nix8s_core::model::SecretSettings;
use nix8s_core::model::Ssh;
use nix8s_core::model::Strategy;
use nix8s_core::model::Sudo;
use nix8s_core::model::Upgrade;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Step;
use nix8s_engine::state::overview::Overview;

/// `prod` with these numbers of control planes (`cp1`, …) and workers (`w1`, …).
pub fn cluster(control_planes: usize, workers: usize) -> Cluster {
    let names = (1..=control_planes).map(|n| (format!("cp{n}"), Role::ControlPlane));
    let names = names.chain((1..=workers).map(|n| (format!("w{n}"), Role::Worker)));
    let machines = names.map(|(name, role)| machine(&name, role)).map(|m| (m.name.clone(), Arc::new(m)));
    Cluster {
        name: "prod".parse().unwrap(),
        secrets: SecretSettings::of(&"prod".parse().unwrap()),
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
            first_server: "cp1".parse().unwrap(),
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
        anywhere: nix8s_core::model::Anywhere::default(),
        platform: None,
        bootstrap: nix8s_core::model::Bootstrap::default(),
        later: Vec::new(),
        machines: machines.collect(),
        reconciler: ReconcilerSettings::default(),
        policy: Policy::default(),
    }
}

fn machine(name: &str, role: Role) -> Machine {
    let digest = String::new;
    Machine {
        name: name.parse().unwrap(),
        member: name.parse().unwrap(),
        role,
        ip: None,
        provisioner: Provisioner::NixosAnywhere,
        skip: false,
        ssh: Ssh {
            host: None,
            port: 22,
            user: "root".to_owned(),
            sudo: Sudo::None,
            key_file: None,
            jump: None,
            host_key: None,
        },
        mac: None,
        node: Arc::default(),
        disks: Arc::default(),
        install: true,
        disk_key: None,
        release: None,
        action: nix8s_core::model::Action::Switch,
        parts: Arc::new(Parts {
            kernel: digest(),
            initrd: digest(),
            kubernetes: digest(),
            disks: digest(),
            network: digest(),
            rest: digest(),
        }),
    }
}

/// A step for a machine.
pub fn step(effect: Effect, risk: Risk, reason: &str) -> Step {
    Step {
        id: effect.id(),
        effect,
        reason: reason.to_owned(),
        by: "test".to_owned(),
        risk,
        after: Vec::new(),
    }
}

/// Effects on a machine that need nothing else.
pub fn roll(machine: &MachineName) -> [Step; 4] {
    let machine = machine.clone();
    let timeout = Duration::from_secs(300);
    [
        step(Effect::Cordon { machine: machine.clone() }, Risk::Interrupts, "before the drain"),
        step(Effect::Drain { machine: machine.clone(), timeout }, Risk::Interrupts, "kernel changes"),
        step(Effect::Restart { machine: machine.clone(), voted: false }, Risk::Interrupts, "kernel changes"),
        step(Effect::Uncordon { machine }, Risk::None, "it is well again"),
    ]
}

/// An overview of `prod` with `prod-w1` and `prod-w2` in these stages, as it is kept: the shape of the file is what a
/// reader of it may rely on.
pub fn overview(stages: [&str; 2]) -> Overview {
    let machine = |stage: &str| {
        serde_json::json!({
            "role": "worker", "stage": stage, "since": "2026-01-01T00:00:00Z", "version": null,
            "system": null, "wanted": null, "errors": [],
        })
    };
    serde_json::from_value(serde_json::json!({
        "schema": 1, "place": { "seq": 1, "offset": 1 }, "cluster": "prod", "distribution": "k3s",
        "version": "1.34", "at": "2026-01-01T00:10:00Z", "steps": 2, "waits": [],
        "machines": { "prod-w1": machine(stages[0]), "prod-w2": machine(stages[1]) },
    }))
    .unwrap()
}
