//! Changes a world by hand, for trying things: what a person in the server room could do, or bad luck.
//!
//! Each function works on an open [`Simulation`](crate::Simulation); its world keeps the change.

use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::observed::CORDON_ANNOTATION;

use crate::world::Ms;
use crate::world::World;
use crate::world::metal::Content;
use crate::world::metal::Installed;
use crate::world::metal::KubeState;
use crate::world::metal::Running;
use crate::world::node::Node;
use crate::world::system::Poison;

/// Cuts a machine's power.
pub fn power_off(world: &mut World, name: &MachineName) {
    world.power_off(name);
}

/// Switches a machine on, or restarts it.
pub fn power_on(world: &mut World, name: &MachineName) {
    world.reboot(name);
}

/// Cuts a machine off from where nix8s runs and from the other machines, for so many milliseconds each.
pub fn cut(world: &mut World, name: &MachineName, operator: Ms, peers: Ms) {
    world.cut(name, operator, peers);
}

/// Makes a system no good.
pub fn break_system(world: &mut World, path: &StorePath, how: Poison) {
    world.common_mut().poison.insert(path.clone(), how);
}

/// Somebody cordons a node.
pub fn cordon(world: &mut World, name: &MachineName) {
    let now = world.now;
    if let Some(node) = world.node_mut(name)
        && node.unschedulable.is_none()
    {
        node.unschedulable = Some(now);
    }
}

/// Somebody uncordons a node.
pub fn uncordon(world: &mut World, name: &MachineName) {
    if let Some(node) = world.node_mut(name) {
        node.unschedulable = None;
        node.annotations.remove(nix8s_core::observed::CORDON_ANNOTATION);
    }
}

/// Somebody deletes a Node object: its kubelet is orphaned.
pub fn delete_node(world: &mut World, name: &MachineName) {
    world.remove_node(name);
    world.lose_pods(name);
}

/// Puts another operating system on a machine's first disk and starts it.
pub fn foreign_os(world: &mut World, name: &MachineName, os: &str) {
    let Some(metal) = world.metal_mut(name) else { return };
    if let Some(disk) = metal.disks.iter_mut().find(|d| !d.data) {
        disk.content = Content::Foreign(os.to_owned());
    }
    metal.installed = None;
    metal.lived = false;
    metal.os = Running::Foreign(os.to_owned());
    metal.store.clear();
    metal.kube = KubeState { start: metal.kube.start + 1, ..KubeState::default() };
    world.refresh(name);
}

/// Installs NixOS by hand, without an identity mark, as for the provisioners nixos-rebuild and manual.
pub fn install_by_hand(world: &mut World, name: &MachineName) {
    let now = world.now;
    let version = world.fleet.version.clone();
    let Some(kind) = world.system_of(name, &version) else { return };
    let path = kind.system.path.clone();
    world.know_system(kind);
    let Some(metal) = world.metal_mut(name) else { return };
    for disk in metal.disks.iter_mut().filter(|d| !d.data) {
        disk.content = Content::Ours("by hand".to_owned());
    }
    metal.store.insert(path.clone(), now);
    metal.installed = Some(Installed { running: path.clone(), default: path, mark: None });
    metal.os = Running::NixOs;
}

/// Leaves a machine as an installation leaves it that died after erasing.
pub fn half_install(world: &mut World, name: &MachineName) {
    let Some(metal) = world.metal_mut(name) else { return };
    for disk in metal.disks.iter_mut().filter(|d| !d.data) {
        disk.content = Content::Ours("half".to_owned());
    }
    metal.installed = None;
    metal.os = metal.boot_target();
}

/// Replaces a machine by another one at the same address: other hardware, another host key.
pub fn replace(world: &mut World, name: &MachineName) {
    if let Some(metal) = world.metal_mut(name) {
        metal.key_known = false;
        metal.uuid = format!("other-{}", metal.uuid);
    }
}

/// Somebody starts a Node that is none of nix8s' business, and says nothing of nix8s.
pub fn foreign_node(world: &mut World, name: &MachineName, like: &MachineName) {
    if let Some(node) = world.nodes.get(like) {
        let mut node = node.clone();
        node.uid = format!("foreign-{}", node.uid);
        node.annotations.remove(CORDON_ANNOTATION);
        let node = Node { control_plane: false, ready: true, unschedulable: None, ..node };
        world.add_node(name, node);
    }
}

/// Another machine with blank disks takes the place of one: it answers as an installer.
pub fn replace_blank(world: &mut World, machine: &nix8s_core::model::Machine) {
    let before = world.metal.get(&machine.name);
    let seed = world.seed.wrapping_add(crate::random::hash(before.map_or("", |m| &m.uuid)));
    // A system that failed in this machine's place did so whatever stands there now; installing ends that.
    let failed = before.map(|m| m.failed.clone()).unwrap_or_default();
    let up_at = world.now;
    let metal = crate::make::metal(seed, machine);
    world.add_metal(crate::world::metal::Metal {
        uuid: format!("new-{}", metal.uuid),
        up_at,
        failed,
        ..metal
    });
}

/// Starts a machine from its installer although its disk boots.
pub fn boot_installer(world: &mut World, name: &MachineName) {
    world.reboot(name);
    if let Some(metal) = world.metal_mut(name) {
        metal.os = Running::Installer;
    }
}
