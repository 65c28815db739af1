//! Users' scripts of machines that leave: what is still about them, and what is not.

use nix8s_core::event::What;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::*;
use nix8s_core::plan::Effect;

use crate::scripts::*;
use crate::world::*;

/// A worker that joined a second ago under the eyes of its hooks, and has left the configuration since.
fn leaves(hooks: Vec<Script>) -> World {
    let mut world = with(ready(K3s, &["cp1", "w1"]), hooks);
    world.now += jiff::SignedDuration::from_secs(1);
    let join = Effect::Join { machine: name("w1"), role: Role::Worker, via: name("cp1") };
    done(&mut world, join);
    world.past("w1").joined.as_mut().unwrap().uid = Some("uid-w1".to_owned());
    world
}

fn is_removed(world: &mut World, machine: &str) {
    world.cluster.machines.remove(&name(machine));
    let digest = nix8s_core::membership::render(&world.cluster).digest;
    world.probe("cp1").membership = Some(digest);
}

#[test]
fn a_machine_that_leaves_has_no_hooks_about_its_coming_any_more() {
    let hooks = vec![of_machines(script("post", after(Transition::Join)))];
    let mut world = leaves(hooks);
    assert_eq!(ids(&world), ["script:post:w1"], "it stays: the hook is owed");
    is_removed(&mut world, "w1");
    assert_eq!(ids(&world), ["cordon:w1", "drain:w1", "clean:w1", "delete-node:w1", "forget:w1"]);
}

#[test]
fn a_failed_hook_about_its_coming_does_not_keep_a_machine() {
    let hooks = vec![of_machines(script("post", after(Transition::Join)))];
    let mut world = leaves(hooks);
    fails(&mut world, "script:post:w1");
    assert!(world.planned().contains("GivenUp"), "{}", world.planned());
    is_removed(&mut world, "w1");
    assert_eq!(ids(&world), ["cordon:w1", "drain:w1", "clean:w1", "delete-node:w1", "forget:w1"]);
    assert!(!world.planned().contains("GivenUp"), "{}", world.planned());
}

#[test]
fn a_first_server_whose_node_is_still_there_after_it_was_cleaned_has_not_joined_again() {
    let mut world =
        with(ready(K3s, &["cp1", "cp2", "cp3"]), vec![of_machines(script("post", after(Transition::Join)))]);
    done(&mut world, Effect::Init { machine: name("cp1") });
    let joins = |world: &mut World| world.past("cp1").happened(Transition::Join);
    assert_eq!(joins(&mut world), 1);
    // Deleting its Node failed: the next look finds it, and what nix8s made of it is forgotten.
    done(&mut world, Effect::Clean { machine: name("cp1"), orphan: false });
    let seen = What::Joined { machine: name("cp1"), uid: "uid-cp1".to_owned(), role: Role::ControlPlane };
    happens(&mut world, seen);
    assert_eq!(joins(&mut world), 1);
}

#[test]
fn the_beginning_of_a_cluster_whose_answer_was_lost_counts_when_its_node_is_seen() {
    let mut world = ready(K3s, &["cp1"]);
    world.past("cp1").joined = None;
    happens(&mut world, What::Started { effect: Effect::Init { machine: name("cp1") } });
    let seen = What::Joined { machine: name("cp1"), uid: "uid-cp1".to_owned(), role: Role::ControlPlane };
    happens(&mut world, seen);
    assert_eq!(world.past("cp1").happened(Transition::Join), 1);
}

#[test]
fn what_was_never_there_has_not_left() {
    let hooks = vec![
        of_machines(script("post", after(Transition::Delete))),
        script("all-post", after(Transition::Delete)),
    ];
    let mut world = with(ready(K3s, &["cp1"]), hooks);
    // Somebody said of a machine that was configured and never began that it is gone; then it left the configuration.
    happens(&mut world, What::MarkedDelete { machine: name("w1"), lost: true });
    assert_eq!(ids(&world), ["forget:w1"]);
    done(&mut world, Effect::Forget { machine: name("w1"), tombstone: false });
    assert_eq!(world.planned(), "", "the cluster's hook is not about it either");
}
