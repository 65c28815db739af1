//! Members leave.

use insta::assert_snapshot;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Role;
use nix8s_core::observed::Hardware;
use nix8s_core::observed::Known;
use nix8s_core::observed::Probe;
use nix8s_core::observed::Reach;
use nix8s_core::past::Restarts;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Plan;

use crate::world::*;

fn without(names: &[&str], gone: &str) -> World {
    let mut world = ready(K3s, names);
    world.cluster.machines.remove(&name(gone));
    world.evaluate("a");
    let digest = nix8s_core::membership::render(&world.cluster).digest;
    for n in names.iter().filter(|n| **n != gone) {
        world.probe(n).membership = Some(digest.clone());
    }
    world
}

#[test]
fn d_03_a_worker_that_left_the_configuration_is_drained_cleaned_and_deleted() {
    let world = without(&["cp1", "w1", "w2"], "w2");
    assert_snapshot!(world.planned());
}

#[test]
fn d_04_a_control_plane_leaves_etcd_first_and_only_with_a_majority() {
    let mut world = without(&["cp1", "cp2", "cp3", "w1"], "cp2");
    assert_snapshot!(world.planned());
    world.unhealthy("cp3");
    assert_snapshot!(world.planned());
}

#[test]
fn the_last_copy_of_the_data_is_not_taken_down() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.past("cp1").delete = true;
    assert_snapshot!(world.planned());
}

#[test]
fn n_02_a_silent_member_waits_for_a_person() {
    let mut world = without(&["cp1", "w1", "w2"], "w2");
    world.silence("w2");
    assert_snapshot!(world.planned());
    world.past("w2").delete = true;
    world.past("w2").lost = true;
    world.node("w2").ready = false;
    assert_snapshot!(world.planned());
}

#[test]
fn a_lost_machine_that_answers_is_not_lost() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.past("w1").delete = true;
    world.past("w1").lost = true;
    assert_snapshot!(world.planned(), @"- NotOurMachine: w1 was said to be lost, but answers: `nix8s node delete w1` without --lost");
}

#[test]
fn a_removed_member_stays_away_until_it_is_asked_back() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.remove(&name("w1"));
    world.past("w1").removed = true;
    world.past("w1").joined = None;
    assert_snapshot!(world.planned(), @"- Tombstone: w1 was removed and stays away: `nix8s node undelete w1` lets it come back");
}

#[test]
fn a_role_changes_only_when_named() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "w1"]);
    world.machine("cp3").role = Role::Worker;
    world.evaluate("a");
    let digest = nix8s_core::membership::render(&world.cluster).digest;
    for n in ["cp1", "cp2", "cp3", "w1"] {
        world.probe(n).membership = Some(digest.clone());
    }
    assert_snapshot!(world.planned(), @"- NeedsPermit: cp3 is a control plane and shall be a worker: it leaves and joins again with `--node cp3`");
    world.permit.nodes = Some([name("cp3")].into());
    assert_snapshot!(world.planned());
}

#[test]
fn nodes_that_are_not_ours_are_reported_and_left_alone() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let mut other = ready(K3s, &["cp1", "w9"]);
    let node = other.node("w9").clone();
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.insert(name("w9"), node);
    assert_snapshot!(world.planned(), @"- ForeignNode: node w9 is not in the configuration and was not joined by nix8s: it is left alone");
}

#[test]
fn a_control_plane_that_nobody_can_let_go_does_not_hold_up_those_that_would() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "w1"]);
    world.past("cp2").delete = true;
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    // Restarting has not helped the others: their update is the next remedy.
    for name in ["cp1", "cp3"] {
        world.node(name).ready = false;
        world.past(name).not_ready_since = Some(now() - jiff::SignedDuration::from_hours(1));
        world.past(name).restarts =
            Some(Restarts { count: 3, last: now() - jiff::SignedDuration::from_mins(30) });
    }
    let plan = world.plan();
    let wait = plan.waits.iter().find(|w| w.machine == Some(name("cp2"))).unwrap();
    assert_eq!(wait.cause, Cause::Quorum, "{wait:?}");
    assert!(plan.steps.iter().any(|s| s.id == "switch:cp1"), "{:?}", plan.steps);
}

#[test]
fn another_machine_in_a_lost_one_s_place_does_not_keep_it_from_leaving() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.past("w1").delete = true;
    world.past("w1").lost = true;
    world.node("w1").ready = false;
    world.probe("w1").hardware.uuid = "another".to_owned();
    let expected = "delete-node:w1 [Removes]: a person said that it is gone for good\n\
                    forget:w1: it has left  after delete-node:w1\n";
    assert_eq!(world.planned(), expected);
    world.seen.machines.get_mut(&name("w1")).unwrap().reach =
        Reach::WrongKey { fingerprint: "SHA256:x".to_owned() };
    assert_eq!(world.planned(), expected);
}

#[test]
fn what_comes_back_under_a_lost_machine_s_name_is_other_metal_and_may_be_installed() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let mut blank = blank(K3s, &["cp1", "w1"]);
    world.past("w1").delete = true;
    world.past("w1").lost = true;
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.remove(&name("w1"));
    let event =
        |what| Event { v: nix8s_core::event::EVENT_VERSION, at: now(), seq: 1, run: "test".to_owned(), what };
    let forgotten = Effect::Forget { machine: name("w1"), tombstone: true };
    world.seen.past.apply(&event(What::Done { effect: forgotten, took_ms: 1, note: None }));
    world.seen.past.apply(&event(What::Undeleted { machine: name("w1") }));
    let probe = blank.probe("w1").clone();
    *world.probe("w1") =
        Probe { hardware: Hardware { uuid: "another".to_owned(), ..probe.hardware.clone() }, ..probe };
    assert!(world.plan().steps.iter().any(|s| s.id == "install:w1"), "{}", world.planned());
}

#[test]
fn what_policy_forbids_waits_and_everything_else_is_done() {
    let mut world = without(&["cp1", "w1", "w2", "w3"], "w2");
    world.permit.denied.insert(Risk::Removes);
    world.new_kernel();
    world.copy_all();
    let plan = world.plan();
    let first = |plan: &Plan| plan.steps.first().map(|s| s.id.clone());
    assert_eq!(first(&plan).as_deref(), Some("cordon:w1"), "{}", show(&plan));
    let forbidden = plan.waits.iter().find(|w| w.machine == Some(name("w2"))).unwrap();
    assert_eq!(forbidden.cause, Cause::NeedsPermit);
    assert!(forbidden.text.contains("policy.remove"), "{}", forbidden.text);
    world.permit.denied.insert(Risk::Interrupts);
    let plan = world.plan();
    assert_eq!(first(&plan), None, "{}", show(&plan));
    assert!(plan.waits.iter().any(|w| w.text.contains("policy.interrupt")), "{}", show(&plan));
}

#[test]
fn a_word_to_install_once_more_is_good_for_one_installation_and_ends_with_a_removal() {
    use nix8s_core::permit::EraseScope;
    let mut world = ready(K3s, &["cp1", "w1"]);
    let event =
        |what| Event { v: nix8s_core::event::EVENT_VERSION, at: now(), seq: 1, run: "test".to_owned(), what };
    let asked = |scope| event(What::Reinstall { machine: name("w1"), scope });
    let probe = world.probe("w1").clone();
    let install = Effect::Install {
        machine: name("w1"),
        provisioner: nix8s_core::model::Provisioner::NixosAnywhere,
        system: probe.running.expect("it runs something").path,
        version: "1.34".parse().unwrap(),
        scope: EraseScope::All,
        installation: "second".to_owned(),
        hardware: probe.hardware,
        again: false,
    };
    let forgotten = Effect::Forget { machine: name("w1"), tombstone: true };
    let begun = event(What::Started { effect: install.clone() });
    let seen = |installation: &str| {
        event(What::Recognised {
            machine: name("w1"),
            installation: installation.to_owned(),
            uuid: "uuid".to_owned(),
        })
    };
    let ends = [
        event(What::Done { effect: install, took_ms: 1, note: None }),
        seen("second"),
        event(What::Done { effect: forgotten, took_ms: 1, note: None }),
        asked(None),
    ];
    for end in ends {
        world.seen.past.apply(&asked(Some(EraseScope::All)));
        world.seen.past.apply(&begun);
        assert_eq!(world.past("w1").reinstall, Some(EraseScope::All));
        world.seen.past.apply(&end);
        assert_eq!(world.past("w1").reinstall, None, "{end:?}");
    }
    // Its mark is the one before: nothing was erased, so that the word still stands and the permit is not used up.
    world.seen.past.apply(&asked(Some(EraseScope::All)));
    world.seen.past.apply(&begun);
    assert!(world.seen.past.installed.contains(&name("w1")));
    world.seen.past.apply(&seen("first"));
    assert_eq!(world.past("w1").reinstall, Some(EraseScope::All));
    assert!(!world.seen.past.installed.contains(&name("w1")));
}
