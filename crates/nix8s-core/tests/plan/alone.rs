//! One k3s server that keeps the cluster's data in a file: there is no etcd that could say anything.

use insta::assert_snapshot;
use nix8s_core::model::Distribution::K3s;

use crate::world::*;

/// A server with a file, and a worker.
fn alone(names: &[&str]) -> World {
    let mut world = ready(K3s, names);
    (world.probe("cp1").etcd, world.probe("cp1").sqlite) = (None, true);
    world
}

#[test]
fn it_is_changed_with_leave_for_an_outage() {
    let mut world = alone(&["cp1", "w1"]);
    world.new_kernel();
    world.copy_all();
    let wanted = world.seen.wanted.known().unwrap()[&name("w1")].clone();
    world.past("w1").good = Some(wanted.path.clone());
    world.probe("w1").running = Some(wanted);
    assert_snapshot!(world.planned(), @r"
    cordon:cp1 [Interrupts]: new kernel
    drain:cp1 [Interrupts]: pods move first, within their budgets  after cordon:cp1
    switch:cp1: new kernel  after drain:cp1
    check-gates:cp1: what must hold after a change  after switch:cp1
    uncordon:cp1: pods may come back  after check-gates:cp1
    ");
    world.permit.denied.insert(nix8s_core::permit::Risk::Interrupts);
    assert!(world.plan().steps.is_empty());
    assert!(world.planned().contains("NeedsPermit"), "{}", world.planned());
}

#[test]
fn etcd_that_says_nothing_is_still_waited_for() {
    for change in [
        |world: &mut World| world.probe("cp1").sqlite = false,
        // Another control plane: known by its Node, by what was recorded, or by its data.
        |world: &mut World| world.node("w1").control_plane = true,
        |world: &mut World| {
            world.past("w1").joined.as_mut().unwrap().role = nix8s_core::model::Role::ControlPlane;
        },
        |world: &mut World| world.probe("w1").datastore = true,
    ] {
        let mut world = alone(&["cp1", "w1"]);
        change(&mut world);
        world.new_kernel();
        world.copy_all();
        let wanted = world.seen.wanted.known().unwrap()[&name("w1")].clone();
        world.past("w1").good = Some(wanted.path.clone());
        world.probe("w1").running = Some(wanted);
        let plan = world.plan();
        let of = plan.steps.iter().filter(|step| step.effect.machine() == Some(&name("cp1")));
        assert_eq!(of.map(|step| step.id.clone()).collect::<Vec<_>>(), [] as [&str; 0]);
        let waits: Vec<_> =
            plan.waits.iter().filter(|wait| wait.text.contains("could say how etcd is")).collect();
        assert_eq!(waits.len(), 1, "{:?}", plan.waits);
    }
}

#[test]
fn its_data_does_not_leave_and_no_second_control_plane_joins() {
    let mut world = alone(&["cp1", "w1"]);
    world.past("cp1").delete = true;
    assert!(world.planned().contains("cp1 holds the only copy of the cluster's data"), "{}", world.planned());
    assert!(world.plan().steps.is_empty());
    let mut world = ready(K3s, &["cp1", "cp2"]);
    world.not_joined("cp2");
    (world.probe("cp1").etcd, world.probe("cp1").sqlite) = (None, true);
    let planned = world.planned();
    assert!(planned.contains("cp2 waits: cp1 keeps the cluster's data in a file"), "{planned}");
    assert!(!planned.contains("join:cp2"), "{planned}");
}
