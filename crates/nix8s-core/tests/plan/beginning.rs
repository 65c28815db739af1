//! From nothing to a cluster.

use insta::assert_snapshot;
use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::Distribution;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::observed::Known;
use nix8s_core::past::Failures;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::FailureClass;

use crate::world::*;

#[test]
fn blank_machines_are_installed_and_the_first_server_elected() {
    let world = blank(Distribution::K3s, &["cp1", "cp2", "w1"]);
    assert_snapshot!(world.planned());
}

#[test]
fn the_forecast_of_a_blank_cluster_ends_with_everything_joined() {
    let world = blank(Distribution::K3s, &["cp1", "cp2", "cp3", "w1", "w2"]);
    assert_snapshot!(world.foreseen().join("\n"));
}

#[test]
fn a_cluster_as_it_should_be_needs_nothing() {
    for distribution in [Distribution::K3s, Distribution::Kubeadm] {
        let world = ready(distribution, &["cp1", "cp2", "cp3", "w1", "w2"]);
        assert_eq!(world.planned(), "");
        assert_eq!(world.foreseen(), Vec::<String>::new());
    }
}

#[test]
fn a_machine_that_was_just_installed_is_starting_and_not_missing() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.remove(&name("w1"));
    world.silence("w1");
    world.past("w1").joined = None;
    let text =
        |world: &World| world.plan().waits.into_iter().find(|w| w.machine == Some(name("w1"))).unwrap().text;
    assert_snapshot!(text(&world), @"w1 was installed and starts from its disk: if it does not answer soon, look at its console and at what its firmware boots first");
    world.past("w1").provisioned.as_mut().unwrap().at = now() - jiff::SignedDuration::from_hours(1);
    assert_snapshot!(text(&world), @"w1 is ours and does not answer for 10m: bring it back; if it is gone for good: `nix8s node delete --lost w1`");
}

#[test]
fn an_installation_that_was_called_failed_and_runs_did_not_fail() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    let failures = Failures {
        count: 1,
        last: now(),
        class: FailureClass::Transient,
        message: "connection lost".to_owned(),
    };
    world.past("w1").failures.insert(EffectKind::Install, failures);
    let what =
        What::Recognised { machine: name("w1"), installation: "w1-1".to_owned(), uuid: "uuid-w1".to_owned() };
    let event = Event { v: EVENT_VERSION, at: now(), seq: 1, run: "test".to_owned(), what };
    world.seen.past.apply(&event);
    assert!(world.past("w1").failures.is_empty());
}
