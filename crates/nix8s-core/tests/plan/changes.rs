//! Changes roll out: order, build before drain, gates, rollback, healing.

use insta::assert_snapshot;
use jiff::SignedDuration;
use nix8s_core::model::Distribution;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Distribution::Kubeadm;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::Known;
use nix8s_core::past::Failures;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::FailureClass;
use nix8s_core::reconcile;

use crate::world::*;

fn cluster(distribution: Distribution) -> World {
    let mut world = ready(distribution, &["cp1", "cp2", "cp3", "w1", "w2"]);
    world.permit.max_affected = Some(5);
    world
}

#[test]
fn x_15_everything_is_built_and_copied_before_anything_is_drained() {
    let mut world = cluster(K3s);
    world.new_kernel();
    assert_snapshot!(world.planned());
}

#[test]
fn workers_go_first_one_at_a_time() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    assert_snapshot!(world.planned());
}

#[test]
fn x_14_the_first_server_goes_last() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    let order: Vec<String> = world.foreseen().into_iter().filter(|id| id.starts_with("switch")).collect();
    assert_eq!(order.join(" "), "switch:w2 switch:cp2 switch:cp3 switch:cp1");
}

#[test]
fn a_change_of_settings_alone_is_switched_in_place() {
    let mut world = cluster(K3s);
    world.each_part(|parts| parts.rest = "rest-2".to_owned());
    world.evaluate("a");
    world.copy_all();
    assert_snapshot!(world.planned());
}

#[test]
fn a_new_version_goes_to_control_planes_first() {
    let mut world = cluster(K3s);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_snapshot!(world.planned());
}

#[test]
fn kubeadm_upgrades_components_before_the_kubelet_and_applies_once() {
    let mut world = cluster(Kubeadm);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    let components =
        |w: &World| w.planned().lines().filter(|l| l.starts_with("upgrade")).collect::<Vec<_>>().join("\n");
    assert_snapshot!(components(&world), @"upgrade-components:cp1 [Interrupts]: the control plane's components come to v1.35.0 before the kubelet  after drain:cp1");
    let steps = world.plan().steps;
    let by = steps.iter().find_map(|step| match &step.effect {
        Effect::UpgradeComponents { apply: true, system, .. } => Some(system),
        _ => None,
    });
    let switched = steps.iter().find_map(|step| match &step.effect {
        Effect::Switch { machine, system, .. } if machine.as_str() == "cp1" => Some(system),
        _ => None,
    });
    assert!(by.is_some() && by == switched, "by the kubeadm of the system that comes: {by:?}, {switched:?}");
}

#[test]
fn two_minor_releases_are_two_steps() {
    let mut world = cluster(K3s);
    world.cluster.version = "1.36".parse().unwrap();
    assert_eq!(reconcile::next_version(&world.cluster, &world.seen.api).to_string(), "1.35");
    world.evaluate("a");
    world.copy_all();
    let versions: Vec<String> =
        world.foreseen().into_iter().filter(|id| id.starts_with("switch:w")).collect();
    assert_eq!(versions.join(" "), "switch:w1 switch:w2 switch:w1 switch:w2");
}

#[test]
fn a_control_plane_that_is_left_alone_holds_the_others_within_one_minor_release() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3", "w1"]);
    world.machine("cp1").skip = true;
    world.cluster.version = "1.36".parse().unwrap();
    for n in ["cp2", "cp3", "w1"] {
        world.node(n).version = "v1.35.1".parse().unwrap();
    }
    let step =
        |world: &World| nix8s_core::reconcile::next_version(&world.cluster, &world.seen.api).to_string();
    assert_eq!(step(&world), "1.35", "cp1 still runs 1.34");
    world.node("cp1").version = "v1.35.1".parse().unwrap();
    assert_eq!(step(&world), "1.36");
    // A worker that is left alone may be three older.
    world.machine("cp1").skip = false;
    world.machine("w1").skip = true;
    world.node("w1").version = "v1.33.1".parse().unwrap();
    assert_eq!(step(&world), "1.36");
    world.node("w1").version = "v1.32.1".parse().unwrap();
    assert_eq!(step(&world), "1.35");
}

#[test]
fn a_machine_that_is_ahead_of_the_step_says_what_it_waits_for() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.cluster.version = "v1.35.1".parse().unwrap();
    world.node("cp1").version = "v1.35.1".parse().unwrap();
    world.node("w1").version = "v1.33.1".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    let mut ahead = world.probe("cp1").running.clone().unwrap();
    ahead.version = Some("v1.35.1".parse().unwrap());
    world.probe("cp1").running = Some(ahead);
    let wait = world.plan().waits.into_iter().find(|w| w.machine == Some(name("cp1"))).unwrap();
    assert_eq!(
        wait.text,
        "cp1 runs v1.35.1: what else is new for it comes when every machine has reached 1.34"
    );
}

#[test]
fn kubernetes_does_not_go_back() {
    let mut world = cluster(K3s);
    world.cluster.version = "1.33".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_snapshot!(world.planned());
}

#[test]
fn c_05_control_planes_wait_while_workers_can_be_updated() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    let steps = world.plan().steps;
    assert!(steps.iter().all(|s| !s.id.contains("cp")), "{steps:#?}");
}

#[test]
fn x_13_a_node_that_fails_its_gates_halts_the_roll_and_goes_back() {
    let mut world = cluster(K3s);
    let before = world.probe("w1").running.clone().unwrap();
    world.new_kernel();
    world.copy_all();
    let bad = world.seen.wanted.known().unwrap()[&name("w1")].clone();
    world.past("w1").bad.insert(bad.path.clone(), "node w1 did not become Ready".to_owned());
    let probe = world.probe("w1");
    probe.running = Some(bad);
    world.node("w1").cordon = Cordon::Ours;
    assert_snapshot!(world.planned());
    // Back on the system before, it is asked again and made schedulable; nobody follows.
    world.probe("w1").running = Some(before);
    assert_snapshot!(world.planned());
}

#[test]
fn a_cordon_of_ours_ends_when_the_configuration_goes_back() {
    let mut world = cluster(K3s);
    world.node("w1").cordon = Cordon::Ours;
    assert_snapshot!(world.planned(), @"uncordon:w1: it is Ready on a good system");
}

#[test]
fn a_foreign_cordon_stays() {
    let mut world = cluster(K3s);
    world.node("w1").cordon = Cordon::Foreign;
    assert_eq!(world.planned(), "");
    world.new_kernel();
    world.copy_all();
    let plan = world.plan();
    assert!(plan.steps.iter().all(|s| s.effect.kind() != EffectKind::Uncordon), "{}", show(&plan));
}

#[test]
fn an_update_that_was_cut_off_goes_on_before_others_begin() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    world.node("w2").cordon = Cordon::Ours;
    let switches: Vec<String> =
        world.plan().steps.into_iter().map(|s| s.id).filter(|i| i.starts_with("switch")).collect();
    assert_eq!(switches, ["switch:w2"]);
}

#[test]
fn there_is_a_pause_between_two_machines() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    world.seen.past.last_roll_step = Some(now() - SignedDuration::from_secs(4));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    let pause = plan.waits.iter().find(|w| w.cause == nix8s_core::plan::Cause::Pause).unwrap();
    assert_eq!(pause.until, Some(now() + SignedDuration::from_secs(6)));
}

#[test]
fn a_failure_is_tried_again_later_and_later() {
    let mut world = cluster(K3s);
    world.new_kernel();
    let failures =
        |count, class| Failures { count, last: now(), class, message: "the disk is full".to_owned() };
    world.past("w1").failures.insert(EffectKind::Copy, failures(3, FailureClass::Transient));
    world.past("w2").failures.insert(EffectKind::Copy, failures(1, FailureClass::Permanent));
    assert_snapshot!(world.planned());
}

#[test]
fn a_node_that_is_not_ready_is_restarted_within_a_limit() {
    let mut world = cluster(K3s);
    world.node("w1").ready = false;
    world.past("w1").not_ready_since = Some(now() - SignedDuration::from_mins(1));
    assert_snapshot!(world.planned(), @"- BackOff: w1 is given time to recover: its node is not Ready");
    world.past("w1").not_ready_since = Some(now() - SignedDuration::from_mins(5));
    assert_snapshot!(world.planned(), @"restart:w1: its node is not Ready");
    let last = now() - SignedDuration::from_mins(5);
    world.past("w1").restarts = Some(nix8s_core::past::Restarts { count: 3, last });
    assert_snapshot!(world.planned(), @"- NotReady: restarting w1 several times did not help (its node is not Ready): look at `nix8s logs w1`");
}

#[test]
fn a_machine_that_was_added_is_all_that_is_worked_on() {
    let mut world = ready(K3s, &["cp1", "w1", "w2", "w3"]);
    let new = blank(K3s, &["cp1", "w1", "w2", "w3", "w4"]);
    world.cluster.machines = new.cluster.machines.clone();
    world.seen.machines.insert(name("w4"), new.seen.machines[&name("w4")].clone());
    world.evaluate("a");
    let mut touched: Vec<String> = world.plan().steps.into_iter().map(|s| s.id).collect();
    touched.retain(|id| !id.starts_with("write-membership"));
    assert_eq!(touched, ["generate-secrets", "install:w4"]);
}

#[test]
fn with_the_api_silent_nothing_of_a_member_is_touched() {
    let mut world = cluster(K3s);
    world.new_kernel();
    world.copy_all();
    world.seen.api = Known::Unknown;
    assert_snapshot!(world.planned());
}

#[test]
fn with_the_parallel_strategy_workers_do_not_wait_for_each_other() {
    let mut world = ready(K3s, &["cp1", "w1", "w2", "w3"]);
    world.cluster.upgrade.strategy = nix8s_core::model::Strategy::Parallel;
    world.new_kernel();
    world.copy_all();
    // Two that are down for other reasons, one of them no worker of the configuration any more.
    world.node("w2").cordon = Cordon::Foreign;
    world.machine("w3").role = nix8s_core::model::Role::None;
    world.node("w3").cordon = Cordon::Foreign;
    assert!(world.plan().steps.iter().any(|s| s.id == "switch:w1"), "{}", world.planned());
}

#[test]
fn what_was_given_up_for_the_cluster_is_tried_again_with_any_machine() {
    let mut world = cluster(K3s);
    world.cluster.platform =
        Some(nix8s_core::model::Platform { name: "cozystack".to_owned(), version: "1.0.0".to_owned() });
    let last = world.now;
    let (class, message) = (FailureClass::Permanent, "no such release".to_owned());
    let failures = Failures { count: 1, last, class, message };
    world.seen.past.failures.insert(EffectKind::InstallPlatform, failures);
    assert_snapshot!(world.planned(), @"- GivenUp: install-platform failed on prod: no such release; mend it, then `nix8s node retry cp1`");
    let what = nix8s_core::event::What::Retry { machine: name("w1") };
    crate::scripts::happens(&mut world, what);
    assert_eq!(
        world.plan().steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(),
        ["install-platform"]
    );
}
