//! Each [P] rule, attacked: `plan::check` refuses a plan that a person made to break it.

use std::time::Duration;

use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::Action;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Provisioner;
use nix8s_core::model::Reboot;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::Known;
use nix8s_core::past::Past;
use nix8s_core::permit::EraseScope;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::plan::check;
use nix8s_core::plan::rule::Held;
use nix8s_core::plan::rule::RULES;
use nix8s_core::plan::rule::Rule;

use crate::world::*;

/// The rules that a plan of these effects breaks.
fn broken(world: &World, effects: Vec<Effect>) -> Vec<Rule> {
    let step = |effect: Effect| Step {
        id: effect.id(),
        effect,
        reason: String::new(),
        by: "test".to_owned(),
        risk: Risk::None,
        after: Vec::new(),
    };
    let steps = effects.into_iter().map(step).collect();
    let plan = Plan { cluster: world.cluster.name.clone(), at: now(), steps, waits: Vec::new() };
    let mut rules: Vec<Rule> =
        check(&world.cluster, &world.seen, &plan, &world.permit).into_iter().map(|v| v.rule).collect();
    rules.dedup();
    rules
}

fn drain(n: &str) -> Vec<Effect> {
    vec![
        Effect::Cordon { machine: name(n) },
        Effect::Drain { machine: name(n), timeout: Duration::from_secs(300) },
    ]
}

fn switch(world: &World, n: &str) -> Effect {
    let system = world.seen.wanted.known().unwrap()[&name(n)].path.clone();
    Effect::Switch { machine: name(n), system, reboot: Reboot::Auto, action: Action::Switch }
}

fn install(world: &mut World, n: &str) -> Effect {
    Effect::Install {
        machine: name(n),
        provisioner: Provisioner::NixosAnywhere,
        system: StorePath::new("/nix/store/x"),
        version: world.cluster.version.clone(),
        scope: EraseScope::System,
        installation: "new".to_owned(),
        hardware: world.probe(n).hardware.clone(),
        again: false,
    }
}

const FIVE: [&str; 5] = ["cp1", "cp2", "cp3", "w1", "w2"];

#[test]
fn every_rule_that_plans_are_held_to_is_attacked_here() {
    let attacked = [1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 16, 17];
    let held: Vec<u8> = RULES.iter().filter(|r| r.held.contains(&Held::Plan)).map(|r| r.number).collect();
    assert_eq!(held, attacked);
}

#[test]
fn rule_1_unknown_is_not_absent() {
    let mut world = ready(K3s, &FIVE);
    world.silence("w1");
    assert_eq!(broken(&world, drain("w1")), [Rule::UnknownIsNotAbsent]);
    let mut world = ready(K3s, &FIVE);
    world.seen.api = Known::Unknown;
    assert!(broken(&world, drain("w1")).contains(&Rule::UnknownIsNotAbsent));
}

#[test]
fn rule_2_never_erased_twice() {
    let mut world = ready(K3s, &FIVE);
    let again = install(&mut world, "w1");
    assert_eq!(broken(&world, vec![again.clone()]), [Rule::NeverErasedTwice]);
    world.permit.erase.insert(name("w1"), EraseScope::System);
    assert_eq!(broken(&world, vec![again.clone()]), []);
    // A permit is good for once.
    world.seen.past.installed.insert(name("w1"));
    assert_eq!(broken(&world, vec![again]), [Rule::NeverErasedTwice]);
}

#[test]
fn rule_3_initialised_once() {
    let world = ready(K3s, &FIVE);
    assert_eq!(broken(&world, vec![Effect::Init { machine: name("cp1") }]), [Rule::InitialisedOnce]);
    let mut world = blank(K3s, &FIVE);
    assert_eq!(broken(&world, vec![Effect::Init { machine: name("cp1") }]), [Rule::InitialisedOnce]);
    world.seen.past.first_server = Some(name("cp1"));
    assert_eq!(broken(&world, vec![Effect::Init { machine: name("cp1") }]), []);
    world.probe("cp3").datastore = true;
    assert_eq!(broken(&world, vec![Effect::Init { machine: name("cp1") }]), [Rule::InitialisedOnce]);
}

#[test]
fn rule_4_etcd_keeps_its_majority() {
    let mut world = ready(K3s, &FIVE);
    assert_eq!(broken(&world, [drain("cp1"), drain("cp2")].concat()), [Rule::EtcdQuorum]);
    world.unhealthy("cp3");
    assert_eq!(broken(&world, drain("cp1")), [Rule::EtcdQuorum]);
    assert_eq!(broken(&world, drain("cp3")), []);
    let mut single = ready(K3s, &["cp1", "w1"]);
    assert_eq!(broken(&single, drain("cp1")), []);
    single.permit.denied.insert(Risk::Interrupts);
    assert_eq!(broken(&single, drain("cp1")), [Rule::EtcdQuorum]);
}

#[test]
fn rule_5_workers_stay_available() {
    let mut world = ready(K3s, &FIVE);
    assert_eq!(broken(&world, [drain("w1"), drain("w2")].concat()), [Rule::MaxUnavailable]);
    world.node("w2").ready = false;
    assert_eq!(broken(&world, drain("w1")), [Rule::MaxUnavailable]);
    assert_eq!(broken(&world, drain("w2")), []);
    world.machine("w2").skip = true;
    assert_eq!(broken(&world, drain("w1")), []);
}

#[test]
fn rule_6_copied_before_drained() {
    let mut world = ready(K3s, &FIVE);
    world.new_kernel();
    let mut effects = drain("w1");
    effects.push(switch(&world, "w1"));
    assert_eq!(broken(&world, effects.clone()), [Rule::CopyBeforeDrain]);
    world.copy_all();
    assert_eq!(broken(&world, effects), []);
}

#[test]
fn rules_7_and_16_failed_systems_halt_the_roll_and_are_not_repeated() {
    let mut world = ready(K3s, &FIVE);
    world.new_kernel();
    world.copy_all();
    let bad = world.seen.wanted.known().unwrap()[&name("w1")].path.clone();
    world.past("w1").bad.insert(bad, "not Ready".to_owned());
    assert_eq!(broken(&world, vec![switch(&world, "w2")]), [Rule::RollHalts]);
    assert!(broken(&world, vec![switch(&world, "w1")]).contains(&Rule::BadSystems));
    world.cluster.upgrade.failure_budget = 1;
    assert_eq!(broken(&world, vec![switch(&world, "w2")]), []);
}

#[test]
fn rule_8_order() {
    let mut world = ready(K3s, &FIVE);
    world.new_kernel();
    world.copy_all();
    assert_eq!(broken(&world, vec![switch(&world, "cp1")]), [Rule::Order]);
    let mut world = ready(K3s, &FIVE);
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_eq!(broken(&world, vec![switch(&world, "w1")]), [Rule::Order]);
    assert_eq!(broken(&world, vec![switch(&world, "cp2")]), []);
    // What joins beside a control plane that goes back may end up newer than it.
    let mut world = ready(K3s, &["cp1", "w1", "w2"]);
    world.not_joined("w2");
    let join = || Effect::Join { machine: name("w2"), role: Role::Worker, via: name("cp1") };
    let back = Effect::Rollback { machine: name("cp1"), to: StorePath::new("/nix/store/before") };
    assert_eq!(broken(&world, vec![join()]), []);
    assert_eq!(broken(&world, vec![back, join()]), [Rule::Order]);
}

#[test]
fn rule_9_etcd_is_left_before_the_node_goes() {
    let world = ready(K3s, &FIVE);
    let delete = Effect::DeleteNode { machine: name("cp2"), uid: "uid-cp2".to_owned() };
    assert_eq!(broken(&world, vec![delete.clone()]), [Rule::LeaveBeforeDelete]);
    let leave = Effect::LeaveEtcd { machine: name("cp2"), via: name("cp1") };
    assert_eq!(broken(&world, vec![leave, delete]), []);
}

#[test]
fn rule_14_who_cordons_uncordons() {
    let mut world = ready(K3s, &FIVE);
    let uncordon = || vec![Effect::Uncordon { machine: name("w1") }];
    world.node("w1").cordon = Cordon::Ours;
    assert_eq!(broken(&world, uncordon()), []);
    world.node("w1").cordon = Cordon::Foreign;
    assert_eq!(broken(&world, uncordon()), [Rule::CordonOwner]);
}

#[test]
fn rule_17_few_machines_at_a_time() {
    let mut world = ready(K3s, &FIVE);
    world.permit.max_affected = Some(0);
    assert_eq!(broken(&world, drain("w1")), [Rule::BlastRadius]);
    world.permit.max_affected = Some(1);
    assert_eq!(broken(&world, drain("w1")), []);
    world.machine("w1").role = Role::ControlPlane;
    assert_eq!(broken(&world, drain("w1")), [Rule::BlastRadius]);
}

/// Seed 304449.
#[test]
fn rule_17_counts_what_is_cleaned_and_what_is_switched_together() {
    let mut world = ready(K3s, &FIVE);
    world.permit.max_affected = Some(1);
    world.past("w1").joined = None;
    world.probe("w1").distribution_state = true;
    if let Known::Known(api) = &mut world.seen.api {
        api.nodes.remove(&name("w1"));
    }
    assert!(world.planned().contains("clean:w1"), "{}", world.planned());
    world.new_kernel();
    world.copy_all();
    let planned = world.planned();
    assert!(planned.contains("clean:w1") && !planned.contains("cordon"), "{planned}");
    world.permit.max_affected = Some(5);
    assert!(world.planned().contains("cordon"), "{}", world.planned());
}

/// Seed 525211.
#[test]
fn rule_17_counts_what_has_begun_to_leave_and_does_not_answer() {
    let mut world = ready(K3s, &FIVE);
    world.permit.max_affected = Some(4);
    world.cluster.upgrade.max_unavailable = 2;
    world.past("w1").delete = true;
    world.node("w1").cordon = Cordon::Ours;
    world.new_kernel();
    world.copy_all();
    world.silence("w1");
    assert!(!world.planned().contains("cordon"), "{}", world.planned());
    world.permit.max_affected = Some(5);
    assert!(world.planned().contains("cordon"), "{}", world.planned());
}

#[test]
fn rule_17_a_loop_that_is_started_again_goes_on_with_what_it_had_affected() {
    let event = |what| Event { v: EVENT_VERSION, seq: 1, at: now(), run: "r".to_owned(), what };
    let start = |command: &str| event(What::RunStarted { command: command.to_owned() });
    let end = |outcome: &str| event(What::RunEnded { outcome: outcome.to_owned() });
    let affected = || event(What::Started { effect: drain("w1").remove(0) });
    let count = |events: &[Event]| Past::from_events(events).affected.len();
    assert_eq!(count(&[start("run"), affected(), start("run")]), 1, "it was killed");
    assert_eq!(count(&[start("run"), affected(), end("interrupted"), start("run")]), 1);
    assert_eq!(count(&[start("run"), affected(), end("converged"), start("run")]), 0);
    assert_eq!(count(&[start("run"), affected(), start("apply")]), 0, "a person began something new");
}
