//! Configurations: what resolves can be planned, whatever is observed, and the plan passes its own check.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::StorePath;
use nix8s_core::observed::*;
use nix8s_core::past::Past;
use nix8s_core::permit::Permit;
use nix8s_core::plan::check;
use nix8s_core::reconcile;
use nix8s_sim::random::Random;
use serde_json::Value;

use crate::driver;
use crate::driver::Target;
use crate::mutate;
use crate::seeds;

struct Corpus {
    cases: Vec<Value>,
    planned: AtomicU64,
}

impl Target for Corpus {
    /// A document, and what is observed comes from.
    type Input = (Value, u64);

    fn make(&self, random: &mut Random) -> (Value, u64) {
        let case = random.pick(&self.cases).unwrap();
        let other = random.pick(&self.cases).unwrap();
        (mutate::tree(random, case, other), random.bits())
    }

    fn check(&self, (document, seed): &(Value, u64)) {
        let bytes = serde_json::to_vec(document).unwrap();
        let source = Source { name: "case.json".to_owned(), at: At::Document, bytes };
        let Some(fleet) = load(&[source]).fleet else { return };
        for cluster in fleet.clusters.values() {
            let mut random = Random::new(*seed, cluster.name.as_str());
            let seen = observed(&mut random, cluster);
            let permit = Permit { erase_all_new: random.chance(500), ..Permit::default() };
            let plan = reconcile::plan(cluster, &seen, seen.at, &permit);
            assert_eq!(check(cluster, &seen, &plan, &permit), []);
            drop(reconcile::forecast(cluster, &seen, &plan, &permit));
            self.planned.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn smaller(&self, (document, seed): &(Value, u64)) -> Vec<(Value, u64)> {
        mutate::smaller_trees(document).into_iter().map(|smaller| (smaller, *seed)).collect()
    }
}

/// Something that could be observed of a cluster's machines.
fn observed(random: &mut Random, cluster: &Cluster) -> Observed {
    let systems: BTreeMap<_, _> =
        cluster.machines.values().map(|machine| (machine.name.clone(), system(cluster, machine))).collect();
    let machines = cluster.machines.values().map(|m| (m.name.clone(), seen(random, m, &systems[&m.name])));
    let machines: BTreeMap<_, _> = machines.collect();
    let nodes =
        cluster.machines.values().filter(|_| random.chance(500)).map(|m| (m.name.clone(), node(cluster, m)));
    let nodes: BTreeMap<_, _> = nodes.collect();
    let api = ApiSeen { nodes, ..ApiSeen::default() };
    let known = |random: &mut Random| random.chance(700);
    Observed {
        at: Timestamp::from_second(1_767_600_000).unwrap(),
        machines,
        api: if known(random) { Known::Known(api) } else { Known::Unknown },
        wanted: if known(random) { Known::Known(systems) } else { Known::Unknown },
        wanted_version: cluster.version.clone(),
        secrets: if known(random) { Known::Known(BTreeSet::new()) } else { Known::Unknown },
        kubeconfig: if known(random) { Known::Known(KubeconfigSeen::Stale) } else { Known::Unknown },
        past: Past::default(),
    }
}

fn system(cluster: &Cluster, machine: &Machine) -> System {
    let path = format!("/nix/store/{}-nixos-system-{}", "a".repeat(32), machine.name);
    System {
        path: StorePath::new(&path),
        parts: (*machine.parts).clone(),
        version: Some(cluster.version.clone()),
    }
}

fn seen(random: &mut Random, machine: &Machine, system: &System) -> MachineSeen {
    let reach = match random.between(0, 6) {
        0 => Reach::Unknown,
        1 => Reach::Refused,
        2 => Reach::TimedOut,
        3 => Reach::WrongKey { fingerprint: "SHA256:x".to_owned() },
        _ => Reach::Answered,
    };
    let probe = (reach == Reach::Answered).then(|| probe(random, machine, system));
    MachineSeen { reach, probe }
}

fn probe(random: &mut Random, machine: &Machine, system: &System) -> Probe {
    let os = match random.between(0, 3) {
        0 => Os::Foreign("Debian GNU/Linux 13".to_owned()),
        1 => Os::Installer,
        _ => Os::NixOs { release: "26.05".to_owned() },
    };
    let is_nixos = matches!(os, Os::NixOs { .. });
    let path = machine.disks.main.clone().unwrap_or_else(|| "/dev/sda".to_owned());
    let content = if random.chance(500) { DiskContent::Empty } else { DiskContent::Foreign };
    let disk = Disk { paths: vec![path], serial: "S1".to_owned(), size: 1 << 40, content };
    Probe {
        os,
        hardware: Hardware { uuid: "u".to_owned(), macs: Vec::new(), disks: vec![disk] },
        mark: None,
        running: (is_nixos && random.chance(500)).then(|| system.clone()),
        copied: BTreeSet::new(),
        boots: None,
        armed: random.chance(100),
        kubelet: random.chance(300),
        datastore: random.chance(300),
        sqlite: random.chance(100),
        distribution_state: random.chance(300),
        membership: None,
        components: None,
        etcd: None,
        clock: None,
        space: Vec::new(),
    }
}

fn node(cluster: &Cluster, machine: &Machine) -> NodeSeen {
    NodeSeen {
        uid: format!("uid-{}", machine.name),
        ready: true,
        cordon: Cordon::None,
        version: cluster.version.clone(),
        control_plane: false,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        taints: BTreeSet::new(),
    }
}

#[test]
fn corpus() {
    let target = Corpus { cases: seeds::cases(), planned: AtomicU64::new(0) };
    driver::run("corpus", &target);
    let planned = target.planned.into_inner();
    println!("corpus: {planned} plans were made");
    assert!(planned > 0, "nothing that was made up could be planned: the target proves nothing");
}
