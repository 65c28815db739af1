//! What happens to a cluster between two runs: its configuration changes, people do things, machines suffer.

use std::sync::Arc;

use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Parts;
use nix8s_core::model::Provisioner;
use nix8s_core::model::Role;

use super::life::Life;
use crate::alter;
use crate::fleet;
use crate::make;
use crate::world::World;
use crate::world::metal::Running;
use crate::world::pod::Workload;

/// Before the first run: not every machine is a blank one that answers.
pub(super) fn first_damage(life: &mut Life) {
    let fleet = Arc::clone(&life.fleet);
    for machine in fleet.machines.values() {
        life.begin(|| format!("begins {}", machine.name));
        let draw = life.random.between(0, 99);
        let is_manual = machine.provisioner == Provisioner::Manual;
        if !is_manual && draw <= 8 && !life.happens(|| format!("begins {}", machine.name)) {
            continue;
        }
        life.sim.with(|w| match (machine.provisioner, draw) {
            (Provisioner::Manual, 10..) => alter::install_by_hand(w, &machine.name),
            (_, 0..=3) => alter::foreign_os(w, &machine.name, "Debian GNU/Linux 13"),
            (_, 4..=7) => alter::half_install(w, &machine.name),
            (_, 8) => alter::power_off(w, &machine.name),
            (_, _) => {}
        });
    }
    life.begin(|| "beginning".to_owned());
    if life.random.chance(100) && life.happens(|| "erase all new".to_owned()) {
        life.permit.erase_all_new = true;
    }
    if life.random.chance(100) && life.happens(|| "bare pod".to_owned()) {
        let bare = Workload { name: "lonely".to_owned(), replicas: 0, min_available: None, empty_dir: false };
        life.sim.with(|w| w.common_mut().workloads.push(bare));
    }
}

/// The configuration changes in one or two ways.
pub(super) fn change(life: &mut Life, phase: u32) {
    life.begin(|| format!("change {phase}"));
    let permille = *life.random.pick(&[0, 0, 0, 30, 200]).expect("not empty");
    let permille = if life.happens(|| format!("bad systems {phase}")) { permille } else { 0 };
    life.sim.with(|w| w.common_mut().poison_permille = permille);
    let mut fleet = (*life.fleet).clone();
    for at in 0..life.random.between(1, 2) {
        life.begin(|| format!("change {phase}.{at}"));
        if !life.happens(|| format!("change {phase}.{at}")) {
            continue;
        }
        one_change(life, &mut fleet, &format!("{phase}.{at}"));
    }
    settle_first_server(&mut fleet);
    life.known.extend(fleet.machines.iter().map(|(n, m)| (n.clone(), Arc::clone(m))));
    life.away.retain(|name| fleet.machines.contains_key(name));
    if let Some(nodes) = &mut life.permit.nodes {
        nodes.extend(fleet.machines.keys().cloned());
    }
    life.fleet = Arc::new(fleet);
    let fleet = Arc::clone(&life.fleet);
    life.sim.with(|w| {
        w.set_fleet(fleet);
        make::provide(w);
    });
}

fn one_change(life: &mut Life, fleet: &mut Cluster, tag: &str) {
    let draw = life.random.between(0, 19);
    life.say(|| format!("change {draw}"));
    match draw {
        0..=2 => {
            let minor = fleet.version.minor + life.random.between(1, 2) as u32;
            fleet.version = fleet::minor(minor.min(38));
        }
        3 => parts(fleet, |p| p.kernel = format!("kernel {tag}")),
        4 => parts(fleet, |p| p.rest = format!("rest {tag}")),
        5 => parts(fleet, |p| p.kubernetes = format!("kubernetes {tag}")),
        6 => one_part(life, fleet, tag),
        7 => add(life, fleet, Role::Worker),
        8 => add(life, fleet, Role::ControlPlane),
        9 => remove(life, fleet, Role::Worker),
        10 => remove(life, fleet, Role::ControlPlane),
        11 => metadata(life, fleet),
        12 => mark_delete(life),
        13 => lose(life, fleet),
        14 => undelete(life),
        15 => skip(life, fleet),
        16 | 17 => fleet.bootstrap.scripts = fleet::scripts(&mut life.random, tag),
        _ => {
            if let Some(name) = pick(life, fleet, Role::Worker) {
                let machine = Arc::make_mut(fleet.machines.get_mut(&name).expect("just picked"));
                machine.role = Role::None;
            }
        }
    }
}

fn parts(fleet: &mut Cluster, change: impl Fn(&mut Parts)) {
    for machine in fleet.machines.values_mut() {
        change(Arc::make_mut(&mut Arc::make_mut(machine).parts));
    }
}

fn one_part(life: &mut Life, fleet: &mut Cluster, tag: &str) {
    let names: Vec<MachineName> = fleet.machines.keys().cloned().collect();
    let Some(name) = life.random.pick(&names).cloned() else { return };
    let machine = Arc::make_mut(fleet.machines.get_mut(&name).expect("just picked"));
    Arc::make_mut(&mut machine.parts).network = format!("network {tag}");
}

fn add(life: &mut Life, fleet: &mut Cluster, role: Role) {
    for _ in 0..life.random.between(1, 3) {
        let at =
            1 + (1..).find(|at| !life.known.contains_key(&fleet::machine(role, *at).name)).unwrap_or(999);
        let mut new = fleet::machine(role, at);
        // It gets the system that its fellows have by now.
        if let Some(fellow) = fleet.machines.values().find(|m| m.role == role) {
            new.parts = Arc::clone(&fellow.parts);
        }
        life.known.insert(new.name.clone(), Arc::new(new.clone()));
        fleet.machines.insert(new.name.clone(), Arc::new(new));
        if role == Role::ControlPlane {
            break;
        }
    }
}

fn pick(life: &mut Life, fleet: &Cluster, role: Role) -> Option<MachineName> {
    let names: Vec<MachineName> = fleet
        .machines
        .values()
        .filter(|m| m.role == role && !m.skip)
        .map(|m: &Arc<Machine>| m.name.clone())
        .collect();
    life.random.pick(&names).cloned()
}

fn remove(life: &mut Life, fleet: &mut Cluster, role: Role) {
    let left = fleet.machines.values().filter(|m| m.role == role).count();
    if role == Role::ControlPlane && left < 2 {
        return;
    }
    if let Some(name) = pick(life, fleet, role) {
        fleet.machines.remove(&name);
    }
}

fn metadata(life: &mut Life, fleet: &mut Cluster) {
    let names: Vec<MachineName> = fleet.machines.keys().cloned().collect();
    for name in names {
        if life.random.chance(500) {
            let node = fleet::metadata(&mut life.random);
            Arc::make_mut(fleet.machines.get_mut(&name).expect("just listed")).node = Arc::new(node);
        }
    }
}

fn mark_delete(life: &mut Life) {
    let fleet = Arc::clone(&life.fleet);
    let Some(name) = pick(life, &fleet, Role::Worker) else { return };
    if life.away.insert(name.clone()) {
        // An event log that cannot be read shows in the next run.
        let _ = life.record(vec![What::MarkedDelete { machine: name.clone(), lost: false }]);
        life.sim.with(|w| w.check.leaving.insert(name));
    }
}

/// A machine is gone for good, and a person says so; half of the time the configuration lets go of it, too.
fn lose(life: &mut Life, fleet: &mut Cluster) {
    let control_planes = fleet.machines.values().filter(|m| m.role == Role::ControlPlane).count();
    let role = if control_planes >= 3 && life.random.chance(300) { Role::ControlPlane } else { Role::Worker };
    let Some(name) = pick(life, fleet, role) else { return };
    if !life.away.insert(name.clone()) {
        return;
    }
    life.sim.with(|w| {
        alter::power_off(w, &name);
        w.check.leaving.insert(name.clone());
        w.check.lost.insert(name.clone());
    });
    let _ = life.record(vec![What::MarkedDelete { machine: name.clone(), lost: true }]);
    if life.random.chance(500) {
        fleet.machines.remove(&name);
    }
}

/// A member that was told to leave may come back; in the place of a lost one there is another machine by then.
fn undelete(life: &mut Life) {
    let away: Vec<MachineName> = life.away.iter().cloned().collect();
    let Some(name) = life.random.pick(&away).cloned() else { return };
    let Some(machine) = life.fleet.machines.get(&name).cloned() else { return };
    life.away.remove(&name);
    let _ = life.record(vec![What::Undeleted { machine: name.clone() }]);
    life.sim.with(|w| {
        w.check.leaving.remove(&name);
        if w.check.lost.remove(&name) {
            alter::replace_blank(w, &machine);
        }
    });
}

/// A machine is left alone from now on, or no longer.
fn skip(life: &mut Life, fleet: &mut Cluster) {
    let names: Vec<MachineName> = fleet.machines.keys().cloned().collect();
    let Some(name) = life.random.pick(&names) else { return };
    let machine = Arc::make_mut(fleet.machines.get_mut(name).expect("just picked"));
    machine.skip = !machine.skip;
}

/// The configured first server must be a control plane that there is.
pub(super) fn settle_first_server(fleet: &mut Cluster) {
    let is_control_plane = |fleet: &Cluster| {
        fleet.machines.get(&fleet.ha.first_server).is_some_and(|m| m.role == Role::ControlPlane)
    };
    if !is_control_plane(fleet) {
        let first = fleet.control_planes().next().map(|m| m.name.clone());
        fleet.ha.first_server = first.expect("changes leave a control plane");
    }
}

/// Machines and people do something.
pub(super) fn damage(life: &mut Life, phase: u32) {
    life.sim.with(heal_some);
    life.begin(|| format!("damage {phase}"));
    if life.random.chance(400) {
        return;
    }
    if !life.happens(|| format!("damage {phase}")) {
        return;
    }
    let names: Vec<MachineName> =
        life.sim.with(|w| w.metal.keys().filter(|n| !w.check.lost.contains(*n)).cloned().collect());
    let Some(name) = life.random.pick(&names).cloned() else { return };
    let control_plane = life.fleet.machines.get(&name).is_none_or(|m| m.role == Role::ControlPlane);
    // Members that somebody starts from an installer come to lives in which a rule is taken out.
    let draw = life.random.between(0, if cfg!(feature = "mutation") { 8 } else { 7 });
    life.say(|| format!("damage {draw} to {name}"));
    life.sim.with(|w| match draw {
        0 => alter::power_off(w, &name),
        1 => alter::cordon(w, &name),
        2 if !control_plane => alter::delete_node(w, &name),
        3 if !control_plane => alter::foreign_os(w, &name, "Debian GNU/Linux 13"),
        4 if !control_plane => alter::replace(w, &name),
        5 => alter::foreign_node(w, &"stranger".parse().expect("a label"), &name),
        6 => w.reboot(&name),
        7 => w.cut(&name, 0, 120_000),
        8 if !control_plane => alter::boot_installer(w, &name),
        _ => {}
    });
}

/// What was switched off is switched on, and what somebody cordoned is uncordoned: half of it.
fn heal_some(world: &mut World) {
    let off: Vec<MachineName> = world
        .metal
        .values()
        .filter(|m| !m.power && m.os != Running::Nothing && !world.check.lost.contains(&m.name))
        .map(|m| m.name.clone())
        .collect();
    for name in off {
        if world.random("heal").chance(700) {
            world.reboot(&name);
        }
    }
    for name in world.nodes.keys().cloned().collect::<Vec<_>>() {
        let foreign = world.nodes[&name].cordon() == nix8s_core::observed::Cordon::Foreign;
        if foreign && world.random("heal").chance(500) {
            alter::uncordon(world, &name);
        }
    }
}
