//! What a machine runs now and may not run soon: switches that are being undone, systems that did not pass their gates.

use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Distribution::Kubeadm;
use nix8s_core::observed::Cordon;
use nix8s_core::past::Restarts;
use nix8s_core::plan::Cause;

use crate::world::*;

const FIVE: [&str; 5] = ["cp1", "cp2", "cp3", "w1", "w2"];

fn wait_of(world: &World, who: &str) -> Option<Cause> {
    world.plan().waits.into_iter().find(|w| w.machine == Some(name(who))).map(|w| w.cause)
}

fn steps_of(world: &World, who: &str) -> Vec<String> {
    let of = |s: &nix8s_core::plan::Step| s.effect.machine() == Some(&name(who));
    world.plan().steps.into_iter().filter(of).map(|s| s.id).collect()
}

/// An upgrade of three control planes, the last of which has just come up on its new system.
fn upgraded_control_planes() -> World {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "w1", "w2", "w3"]);
    world.not_joined("w3");
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    for n in ["cp1", "cp2", "cp3", "w3"] {
        let system = world.seen.wanted.known().unwrap()[&name(n)].clone();
        world.probe(n).running = Some(system.clone());
        if n.starts_with("cp") {
            world.node(n).version = "v1.35.0".parse().unwrap();
        }
        if n != "cp3" {
            world.past(n).good = Some(system.path);
        }
    }
    world
}

#[test]
fn workers_wait_for_a_control_plane_that_may_go_back_to_its_older_version() {
    let mut world = upgraded_control_planes();
    assert_eq!(steps_of(&world, "w3"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "w3"), Some(Cause::Earlier));
    assert_eq!(wait_of(&world, "w1"), Some(Cause::Earlier));
    // It failed, and goes back: nobody joins at the version that it leaves.
    let bad = world.probe("cp3").running.clone().unwrap();
    world.past("cp3").bad.insert(bad.path.clone(), "sshd.service: failed".to_owned());
    assert_eq!(steps_of(&world, "cp3"), ["rollback:cp3"]);
    assert_eq!(steps_of(&world, "w3"), [] as [&str; 0]);
    // It went back and starts again: what its Node says is what was.
    let mut silent = upgraded_control_planes();
    silent.past("cp3").bad.insert(bad.path.clone(), "sshd.service: failed".to_owned());
    silent.silence("cp3");
    assert_eq!(steps_of(&silent, "w3"), [] as [&str; 0]);
    // The same, of a switch whose end nobody saw (seed 306702).
    let mut unseen = upgraded_control_planes();
    unseen.past("cp3").updating = Some(bad.path.clone());
    unseen.silence("cp3");
    assert_eq!(steps_of(&unseen, "w3"), [] as [&str; 0]);
    // It passed: they come.
    world.past("cp3").bad.clear();
    world.past("cp3").good = Some(bad.path);
    assert_eq!(steps_of(&world, "w3"), ["join:w3"]);
    assert!(!steps_of(&world, "w1").is_empty());
}

#[test]
fn where_nothing_is_rolled_back_nobody_waits_for_that() {
    let mut world = upgraded_control_planes();
    world.cluster.upgrade.rollback = false;
    assert_eq!(steps_of(&world, "w3"), ["join:w3"]);
}

#[test]
fn control_planes_wait_for_a_worker_that_is_undoing_its_switch() {
    let mut world = ready(K3s, &FIVE);
    world.cluster.upgrade.max_unavailable = 3;
    world.evaluate("b");
    world.copy_all();
    let before = world.seen.wanted.known().unwrap()[&name("w2")].clone();
    world.probe("w2").running = Some(before.clone());
    world.past("w2").good = Some(before.path);
    world.probe("w1").armed = true;
    assert_eq!(steps_of(&world, "cp2"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "cp2"), Some(Cause::Earlier));
}

#[test]
fn a_member_that_says_nothing_of_etcd_is_not_restarted_while_others_need_its_vote() {
    let mut world = ready(K3s, &FIVE);
    world.unhealthy("cp2");
    world.probe("cp3").etcd = None;
    world.node("cp3").ready = false;
    world.past("cp3").not_ready_since = Some(now() - jiff::SignedDuration::from_mins(10));
    assert_eq!(steps_of(&world, "cp3"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "cp3"), Some(Cause::Quorum));
}

#[test]
fn a_member_that_votes_waits_for_one_that_was_restarted_and_did_not_come_back() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "cp4", "cp5"]);
    let ago = |minutes| now() - jiff::SignedDuration::from_mins(minutes);
    world.unhealthy("cp1");
    world.node("cp1").ready = false;
    world.past("cp1").restarts = Some(Restarts { count: 3, last: ago(30) });
    world.node("cp2").ready = false;
    world.past("cp2").not_ready_since = Some(ago(10));
    assert_eq!(steps_of(&world, "cp2"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "cp2"), Some(Cause::Earlier));
    // Its node was called Ready right before that restart (seed 593168).
    world.node("cp1").ready = true;
    assert_eq!(wait_of(&world, "cp2"), Some(Cause::Earlier));
    world.node("cp1").ready = false;
    // What does not vote has no vote to lose: it waits only as long as a restart takes.
    world.unhealthy("cp2");
    assert_eq!(steps_of(&world, "cp2"), ["restart:cp2"]);
    world.past("cp1").restarts = Some(Restarts { count: 3, last: ago(1) });
    assert_eq!(wait_of(&world, "cp2"), Some(Cause::Earlier));
}

#[test]
fn a_machine_that_went_back_skips_no_minor_version_though_its_node_still_says_otherwise() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3"]);
    for n in ["cp1", "cp2", "cp3"] {
        world.node(n).version = "v1.35.0".parse().unwrap();
    }
    // cp1 runs its system of 1.34 again; the others have that of 1.35.
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    for n in ["cp2", "cp3"] {
        let wanted = world.seen.wanted.known().unwrap()[&name(n)].clone();
        world.past(n).good = Some(wanted.path.clone());
        world.probe(n).running = Some(wanted);
    }
    world.cluster.version = "v1.36.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_eq!(steps_of(&world, "cp1"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "cp1"), Some(Cause::Earlier));
    assert!(!steps_of(&world, "cp2").is_empty(), "it holds only itself back");
}

#[test]
fn a_control_plane_is_not_changed_while_one_that_was_restarted_is_not_back_in_etcd() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "cp4", "cp5"]);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    // It has been upgraded, and was restarted since.
    let wanted = world.seen.wanted.known().unwrap()[&name("cp1")].clone();
    world.past("cp1").good = Some(wanted.path.clone());
    world.probe("cp1").running = Some(wanted);
    world.node("cp1").version = "v1.35.0".parse().unwrap();
    world.past("cp1").restarts = Some(Restarts { count: 1, last: now() });
    world.unhealthy("cp1");
    // The API server still calls its node Ready.
    let plan = world.plan();
    assert!(plan.steps.iter().all(|s| !s.id.starts_with("switch")), "{:?}", plan.steps);
    assert_eq!(wait_of(&world, "cp2"), Some(Cause::Earlier));
    world.past("cp1").restarts = None;
    assert!(world.plan().steps.iter().any(|s| s.id.starts_with("switch")), "another reason does not hold it");
}

#[test]
fn a_control_plane_is_not_changed_while_one_that_is_being_switched_is_not_back_in_etcd() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "cp4", "cp5"]);
    world.new_kernel();
    world.copy_all();
    // nix8s was killed while it restarted. Somebody else had cordoned it, and its Node is still Ready.
    let wanted = world.seen.wanted.known().unwrap()[&name("cp2")].path.clone();
    world.past("cp2").updating = Some(wanted);
    world.node("cp2").cordon = Cordon::Foreign;
    world.silence("cp2");
    world.unhealthy("cp2");
    let switches = |world: &World| world.plan().steps.iter().any(|s| s.id.starts_with("switch"));
    assert!(!switches(&world), "{}", world.planned());
    let waits = world.plan().waits;
    let of = |n: &str| waits.iter().find(|w| w.machine == Some(name(n))).map(|w| w.text.as_str());
    assert_eq!(of("cp3"), Some("cp3 waits until cp2, which was being switched, is back in etcd"));
    world.past("cp2").updating = None;
    assert!(switches(&world), "what broke by itself does not hold them");
}

#[test]
fn a_control_plane_whose_join_was_cut_off_and_that_fell_behind_is_updated_before_it_joins() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "cp4"]);
    world.not_joined("cp4");
    world.past("cp4").joining = true;
    world.probe("cp4").distribution_state = true;
    for n in ["cp1", "cp2", "cp3"] {
        world.node(n).version = "v1.35.0".parse().unwrap();
    }
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_eq!(steps_of(&world, "cp4"), ["switch:cp4"]);
    let wanted = world.seen.wanted.known().unwrap()[&name("cp4")].path.clone();
    world.past("cp4").bad.insert(wanted, "the machine went back to the system before".to_owned());
    assert_eq!(steps_of(&world, "cp4"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "cp4"), Some(Cause::BadSystem));
}

#[test]
fn a_machine_that_is_undoing_a_switch_begins_and_joins_no_cluster() {
    for (role, names) in [("w2", ["cp1", "w1", "w2"]), ("cp2", ["cp1", "cp2", "w1"])] {
        let mut world = ready(K3s, &names);
        world.not_joined(role);
        world.probe(role).armed = true;
        assert_eq!(steps_of(&world, role), [] as [&str; 0]);
        assert_eq!(wait_of(&world, role), Some(Cause::BackOff));
    }
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.not_joined("cp1");
    world.not_joined("w1");
    world.seen.api = nix8s_core::observed::Known::Unknown;
    world.seen.past.initialized = None;
    assert_eq!(steps_of(&world, "cp1"), ["init:cp1"]);
    world.probe("cp1").armed = true;
    assert_eq!(steps_of(&world, "cp1"), [] as [&str; 0]);
}

#[test]
fn nobody_waits_for_its_own_gates() {
    let mut world = ready(K3s, &["cp1", "w1", "w2"]);
    // Another change was made after w1's system had failed: that is its remedy.
    let bad = world.probe("w1").running.clone().unwrap();
    world.past("w1").bad.insert(bad.path, "sshd.service: failed".to_owned());
    world.past("w1").good = None;
    world.evaluate("b");
    world.copy_all();
    assert!(!steps_of(&world, "w1").is_empty(), "{}", world.planned());
    assert_eq!(wait_of(&world, "w2"), Some(Cause::Earlier));
}

#[test]
fn what_failed_on_a_machine_that_has_left_holds_nobody_up() {
    let mut world = ready(K3s, &["cp1", "w1", "w2"]);
    world.evaluate("b");
    world.copy_all();
    let bad = world.seen.wanted.known().unwrap()[&name("w2")].clone();
    world.past("w2").bad.insert(bad.path.clone(), "sshd.service: failed".to_owned());
    assert_eq!(wait_of(&world, "w1"), Some(Cause::Halted));
    world.not_joined("w2");
    world.past("w2").removed = true;
    world.probe("w2").running = Some(bad);
    assert!(!steps_of(&world, "w1").is_empty(), "{}", world.planned());
}

#[test]
fn a_control_plane_that_is_undoing_a_switch_keeps_the_others_from_being_switched() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "w1"]);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    // Both were begun before: cp3's switch was not confirmed, cp1's had not come.
    world.node("cp1").cordon = nix8s_core::observed::Cordon::Ours;
    world.node("cp3").cordon = nix8s_core::observed::Cordon::Ours;
    assert_eq!(steps_of(&world, "cp1").first().map(String::as_str), Some("drain:cp1"));
    world.probe("cp3").armed = true;
    assert_eq!(steps_of(&world, "cp1"), ["uncordon:cp1"], "it is Ready on a good system");
}

#[test]
fn a_worker_whose_join_was_cut_off_gets_no_system_that_is_newer_than_a_control_plane() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.not_joined("w1");
    world.past("w1").joining = true;
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_eq!(steps_of(&world, "w1"), [] as [&str; 0]);
    assert_eq!(wait_of(&world, "w1"), Some(Cause::Earlier));
    assert!(steps_of(&world, "cp1").contains(&"switch:cp1".to_owned()), "{}", world.planned());
    world.past("w1").joining = false;
    assert_eq!(steps_of(&world, "w1"), ["switch:w1"]);
}

#[test]
fn components_of_a_control_plane_do_not_go_back_though_its_kubelet_did() {
    let mut world = ready(Kubeadm, &["cp1"]);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    let upgrades = |world: &World| steps_of(world, "cp1").contains(&"upgrade-components:cp1".to_owned());
    assert!(upgrades(&world));
    world.probe("cp1").components = Some("v1.36.2".parse().unwrap());
    assert!(!upgrades(&world), "{}", world.planned());
    assert!(steps_of(&world, "cp1").contains(&"switch:cp1".to_owned()));
}
