//! Makes worlds: the metal for a configuration, and what runs on it.

use std::sync::Arc;

use nix8s_core::model::Cluster;
use nix8s_core::model::MacAddr;
use nix8s_core::model::Machine;
use nix8s_core::model::Role;

use crate::random::Random;
use crate::random::hash;
use crate::world::Ms;
use crate::world::World;
use crate::world::metal::Content;
use crate::world::metal::Health;
use crate::world::metal::KubeState;
use crate::world::metal::Metal;
use crate::world::metal::Running;
use crate::world::metal::SimDisk;
use crate::world::pod::Workload;

/// A terabyte, and some more for each disk so that no two are alike.
const TERABYTE: u64 = 1_000_204_886_016;

/// The metal for one machine: it has power, blank disks and answers as an installer.
pub fn metal(seed: u64, machine: &Machine) -> Metal {
    let mut random = Random::new(seed, machine.name.as_str());
    let bits = random.bits();
    let uuid = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        bits >> 32,
        bits & 0xffff,
        bits & 0xfff,
        bits >> 52,
        hash(machine.name.as_str()) >> 16
    );
    let own = hash(machine.name.as_str()).to_be_bytes();
    let mac = machine.mac.unwrap_or_else(|| MacAddr::new([0x52, 0x54, own[0], own[1], own[2], own[3]]));
    let disks = &machine.disks;
    let system = disks.main.iter().chain(&disks.etcd).chain(&disks.custom).map(|path| (path, false));
    let mut all: Vec<SimDisk> = Vec::new();
    for (path, data) in system.chain(disks.data.iter().map(|path| (path, true))) {
        if all.iter().any(|d| d.paths.contains(path)) {
            continue;
        }
        let at = all.len();
        let serial = format!("SIM{:08X}{at}", (bits >> 8) as u32);
        let mut paths = vec![path.clone()];
        let by_id = format!("/dev/disk/by-id/ata-SIMULATED_{serial}");
        if *path != by_id {
            paths.push(by_id);
        }
        all.push(SimDisk { paths, serial, size: TERABYTE + at as u64, content: Content::Empty, data });
    }
    Metal {
        name: machine.name.clone(),
        address: machine.ssh.host.clone().unwrap_or_else(|| machine.name.to_string()),
        uuid,
        macs: vec![mac],
        disks: all,
        power: true,
        up_at: 0,
        boots: 1,
        os: Running::Installer,
        installer: true,
        key_known: true,
        installed: None,
        store: Default::default(),
        operator_cut: 0,
        peers_cut: 0,
        full: 0,
        skewed: 0,
        kube: KubeState::default(),
        membership: None,
        switch: None,
        health: Health { well: false, since: 0 },
        lived: false,
        held: None,
        failed: Default::default(),
    }
}

/// A world for a configuration: every machine answers as an installer and has blank disks.
pub fn world(fleet: &Arc<Cluster>, seed: u64, now: Ms) -> World {
    let mut world = World::new(Arc::clone(fleet), seed, now);
    provide(&mut world);
    world.common_mut().workloads = workloads(fleet);
    world
}

/// Buys the metal that a configuration has and the world has not.
pub fn provide(world: &mut World) {
    let fleet = Arc::clone(&world.fleet);
    for machine in fleet.machines.values() {
        if !world.metal.contains_key(&machine.name) {
            world.add_metal(metal(world.seed, machine));
        }
    }
}

/// What runs on a cluster: enough for drains to have work, never more than a roll can move.
pub fn workloads(fleet: &Cluster) -> Vec<Workload> {
    let nodes = fleet.machines.values().filter(|m| m.role != Role::None).count();
    let mut all = Vec::new();
    if nodes >= 2 {
        all.push(Workload { name: "dns".to_owned(), replicas: 2, min_available: None, empty_dir: false });
    }
    if nodes >= 4 {
        all.push(Workload { name: "shop".to_owned(), replicas: 3, min_available: Some(2), empty_dir: true });
    }
    all
}
