//! Users' scripts: hooks around what happens, phases as barriers, what is done once and what failed.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use jiff::SignedDuration;
use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::Failure;
use nix8s_core::event::What;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::*;
use nix8s_core::observed::Known;
use nix8s_core::permit::Permit;
use nix8s_core::plan::Effect;
use nix8s_core::plan::FailureClass;

use crate::world::*;

/// A script of the cluster that runs here.
pub fn script(name: &str, when: Moment) -> Script {
    Script {
        name: name.to_owned(),
        when,
        scope: Scope::Cluster,
        nodes: None,
        on: None,
        place: Place::Local,
        body: Body::Text("true".to_owned()),
        deps: BTreeSet::new(),
        condition: None,
        timeout: Duration::from_secs(300),
        on_failure: OnFailure::Stop,
        repeat: Repeat::Never,
        digest: format!("{name}-1"),
    }
}

pub fn of_machines(script: Script) -> Script {
    Script { scope: Scope::Node, ..script }
}

fn phase(name: &str) -> Moment {
    let order = BUILT_IN.iter().find(|(built_in, _)| *built_in == name).unwrap().1;
    Moment::Phase { name: name.to_owned(), order }
}

pub fn before(transition: Transition) -> Moment {
    Moment::Before(transition)
}

pub fn after(transition: Transition) -> Moment {
    Moment::After(transition)
}

/// Scripts are given as resolution gives them: sorted.
pub fn with(mut world: World, scripts: Vec<Script>) -> World {
    let hooks = scripts.iter().filter(|s| matches!(s.when, Moment::After(_) | Moment::OnError));
    let names = hooks.map(|s| s.name.clone()).collect();
    world.cluster.bootstrap.scripts = scripts;
    happens(&mut world, What::HooksKnown { names });
    world
}

pub fn happens(world: &mut World, what: What) {
    let event = Event { v: EVENT_VERSION, seq: 0, at: world.now, run: String::new(), what };
    world.seen.past.apply(&event);
}

/// Carries every planned script out.
fn run_scripts(world: &mut World) {
    for step in world.plan().steps {
        if let Effect::RunScript { .. } = step.effect {
            done(world, step.effect);
        }
    }
    world.now += SignedDuration::from_secs(1);
}

pub fn done(world: &mut World, effect: Effect) {
    happens(world, What::Started { effect: effect.clone() });
    happens(world, What::Done { effect, took_ms: 1, note: None });
}

pub fn fails(world: &mut World, id: &str) {
    let step = world.plan().steps.into_iter().find(|step| step.id == id).expect("it is planned");
    let failure =
        Failure { class: FailureClass::Permanent, message: "boom".to_owned(), hint: None, bad_system: None };
    happens(world, What::Failed { effect: step.effect, failure });
}

pub fn ids(world: &World) -> Vec<String> {
    world.plan().steps.into_iter().map(|step| step.id).collect()
}

/// Lines about scripts, and about what waits.
fn about_scripts(world: &World) -> String {
    let planned = world.planned();
    let lines = planned.lines().filter(|line| line.contains("script") || line.starts_with('-'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn hooks_stand_around_what_they_are_about_in_the_order_of_the_design() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.not_joined("w1");
    let scripts = vec![
        script("all-pre", before(Transition::Join)),
        of_machines(script("pre", before(Transition::Join))),
        of_machines(script("post", after(Transition::Join))),
        script("all-post", after(Transition::Join)),
    ];
    let mut world = with(world, scripts);
    assert_snapshot!(world.planned(), @r"
    script:all-pre: pre-join, here
    script:pre:w1: pre-join, here  after script:all-pre
    join:w1: a worker that is not in the cluster yet; cp1 lets it in  after script:pre:w1
    script:post:w1: post-join, here  after join:w1
    ");
    // The cluster's hook comes after all of it.
    for step in world.plan().steps {
        done(&mut world, step.effect);
    }
    let again = ready(K3s, &["cp1", "w1"]);
    world.seen.api = again.seen.api;
    world.seen.machines = again.seen.machines;
    world.past("w1").good = again.seen.past.machines[&name("w1")].good.clone();
    assert_eq!(ids(&world), ["script:all-post"]);
    run_scripts(&mut world);
    assert_eq!(world.planned(), "");
}

#[test]
fn an_update_is_surrounded_by_its_hooks_and_those_of_its_drain() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.machine("cp1").skip = true;
    world.new_kernel();
    world.copy_all();
    let hook = |name: &str, when| of_machines(script(name, when));
    let world = with(
        world,
        vec![
            hook("pre-drain", before(Transition::Drain)),
            hook("post-drain", after(Transition::Drain)),
            hook("pre-update", before(Transition::Update)),
            hook("post-update", after(Transition::Update)),
        ],
    );
    let expected = [
        "script:pre-update:w1",
        "script:pre-drain:w1",
        "cordon:w1",
        "drain:w1",
        "script:post-drain:w1",
        "switch:w1",
        "script:post-update:w1",
        "check-gates:w1",
        "uncordon:w1",
    ];
    assert_eq!(ids(&world), expected);
    for pair in world.plan().steps.windows(2) {
        assert_eq!(pair[1].after, [pair[0].id.clone()]);
    }
}

#[test]
fn a_hook_is_done_once_though_its_step_has_to_be_tried_again() {
    let mut world = blank(K3s, &["cp1"]);
    world.seen.secrets = Known::Known(ready(K3s, &["cp1"]).seen.secrets.known().unwrap().clone());
    let mut world = with(world, vec![of_machines(script("pre", before(Transition::Provision)))]);
    assert!(ids(&world).starts_with(&["script:pre:cp1".to_owned(), "install:cp1".to_owned()]));
    run_scripts(&mut world);
    assert!(!ids(&world).contains(&"script:pre:cp1".to_owned()));
    // The installation fails, and is tried again: it is still the same.
    let install = world.plan().steps.into_iter().find(|step| step.id == "install:cp1").unwrap().effect;
    happens(&mut world, What::Started { effect: install.clone() });
    let failure =
        Failure { class: FailureClass::Transient, message: "no".to_owned(), hint: None, bad_system: None };
    happens(&mut world, What::Failed { effect: install.clone(), failure });
    world.now += SignedDuration::from_mins(10);
    assert!(ids(&world).contains(&"install:cp1".to_owned()));
    assert!(!ids(&world).contains(&"script:pre:cp1".to_owned()));
    // Another installation is another time.
    done(&mut world, install);
    world.past("cp1").provisioned = None;
    assert!(ids(&world).contains(&"script:pre:cp1".to_owned()));
}

#[test]
fn a_failed_hook_holds_what_comes_after_it_until_it_is_mended() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.not_joined("w1");
    let mut world = with(world, vec![of_machines(script("pre", before(Transition::Join)))]);
    fails(&mut world, "script:pre:w1");
    assert_snapshot!(world.planned(), @"- GivenUp: the script pre (pre-join) failed for w1: boom. It is not tried again by itself: change it, or mend what it needs, then `nix8s node retry w1`");
    world.now += SignedDuration::from_hours(10);
    assert!(ids(&world).is_empty(), "it is not tried again by itself");
    let mut changed = with(World { ..clone(&world) }, world.cluster.bootstrap.scripts.clone());
    changed.cluster.bootstrap.scripts[0].digest = "pre-2".to_owned();
    assert_eq!(ids(&changed), ["script:pre:w1", "join:w1"]);
    happens(&mut world, What::Retry { machine: name("w1") });
    assert_eq!(ids(&world), ["script:pre:w1", "join:w1"]);
}

fn clone(world: &World) -> World {
    World {
        cluster: world.cluster.clone(),
        seen: world.seen.clone(),
        permit: world.permit.clone(),
        now: world.now,
    }
}

#[test]
fn a_failed_hook_that_may_fail_holds_nothing() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.not_joined("w1");
    let hook = Script { on_failure: OnFailure::Continue, ..script("pre", before(Transition::Join)) };
    let mut world = with(world, vec![of_machines(hook)]);
    fails(&mut world, "script:pre:w1");
    assert_eq!(ids(&world), ["join:w1"]);
    assert!(world.past("w1").scripts["pre"].failed.is_some(), "it is remembered");
}

#[test]
fn a_failed_hook_after_an_update_halts_the_roll_and_leaves_no_cordon() {
    let mut world = ready(K3s, &["cp1", "w1", "w2"]);
    world.machine("cp1").skip = true;
    world.new_kernel();
    world.copy_all();
    let mut world = with(world, vec![of_machines(script("post", after(Transition::Update)))]);
    let steps = world.plan().steps;
    for step in &steps[..3] {
        done(&mut world, step.effect.clone());
    }
    assert_eq!(steps[3].id, "script:post:w1");
    let wanted = world.seen.wanted.known().unwrap()[&name("w1")].clone();
    world.probe("w1").running = Some(wanted);
    world.node("w1").cordon = nix8s_core::observed::Cordon::Ours;
    fails(&mut world, "script:post:w1");
    assert_snapshot!(world.planned(), @r"
    check-gates:w1: nobody has asked yet whether this system is good here
    uncordon:w1: it is Ready on a good system  after check-gates:w1
    - Skipped: cp1 is left alone: skip is set
    - Halted: the roll halts: the new system failed on w1 (its script post failed). Change the configuration, or forgive it with `nix8s node retry w1`
    - GivenUp: the script post (post-update) failed for w1: boom. It is not tried again by itself: change it, or mend what it needs, then `nix8s node retry w1`
    ");
}

#[test]
fn hooks_that_are_new_are_about_nothing_that_happened_before() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let join = Effect::Join { machine: name("w1"), role: Role::Worker, via: name("cp1") };
    done(&mut world, join.clone());
    world.now += SignedDuration::from_secs(1);
    let mut world = with(world, vec![of_machines(script("post", after(Transition::Join)))]);
    assert_eq!(world.planned(), "");
    world.now += SignedDuration::from_secs(1);
    done(&mut world, join);
    assert_eq!(ids(&world), ["script:post:w1"], "and about everything that happens from then on");
}

#[test]
fn a_script_of_a_phase_is_done_once_for_its_content() {
    let mut world = with(ready(K3s, &["cp1", "w1"]), vec![script("s", phase("post"))]);
    assert_eq!(ids(&world), ["script:s"]);
    run_scripts(&mut world);
    assert_eq!(world.planned(), "");
    world.cluster.bootstrap.scripts[0].digest = "s-2".to_owned();
    assert_eq!(ids(&world), ["script:s"]);
    // And once for each machine, the next one too.
    let mut world = with(ready(K3s, &["cp1", "w1"]), vec![of_machines(script("s", phase("post")))]);
    assert_eq!(ids(&world), ["script:s:cp1", "script:s:w1"]);
    run_scripts(&mut world);
    assert_eq!(world.planned(), "");
}

#[test]
fn a_script_that_repeats_is_done_once_in_every_run() {
    let repeated = Script { repeat: Repeat::EachApply, ..script("s", phase("post")) };
    let mut world = with(ready(K3s, &["cp1"]), vec![repeated]);
    for _ in 0..2 {
        happens(&mut world, What::RunStarted { command: "apply".to_owned() });
        assert_eq!(ids(&world), ["script:s"]);
        run_scripts(&mut world);
        assert_eq!(world.planned(), "");
        happens(&mut world, What::RunEnded { outcome: "converged".to_owned() });
    }
}

#[test]
fn phases_are_barriers() {
    let scripts = vec![
        script("first", phase("pre")),
        of_machines(script("disks", phase("provisioning"))),
        script("last", phase("post")),
    ];
    let mut world = with(blank(K3s, &["cp1", "w1"]), scripts);
    assert_snapshot!(world.planned(), @r"
    generate-secrets: 5 of the cluster's secrets do not exist yet
    - Earlier: cp1: provisioning comes after the phase pre, whose script first is not done
    - Earlier: w1: provisioning comes after the phase pre, whose script first is not done
    - Earlier: the script first comes when everything else of the phase pre and of those before it is done
    ");
    world.seen.secrets = ready(K3s, &["cp1", "w1"]).seen.secrets;
    assert_snapshot!(world.planned(), @r"
    script:first: phase pre, here
    - Earlier: cp1: provisioning comes after the phase pre, whose script first is not done
    - Earlier: w1: provisioning comes after the phase pre, whose script first is not done
    ");
    run_scripts(&mut world);
    assert_snapshot!(world.planned(), @r"
    install:cp1: it runs an installer and its disks are free
    install:w1: it runs an installer and its disks are free
    - Earlier: cp1: kubernetes comes after the phase provisioning, whose script disks is not done
    - Earlier: the script disks comes when everything else of the phase provisioning and of those before it is done
    ");
    let expected = [
        "script:disks:cp1",
        "script:disks:w1",
        "write-membership:cp1",
        "write-membership:w1",
        "elect-first-server:cp1",
        "init:cp1",
        "join:w1",
        "check-gates:cp1",
        "fetch-kubeconfig",
        "check-gates:w1",
        "script:last",
    ];
    assert_eq!(world.foreseen(), expected);
}

#[test]
fn a_failed_script_of_a_phase_holds_later_phases_and_finishes_what_was_begun() {
    let mut world = ready(K3s, &["cp1", "w1", "w2"]);
    world.machine("cp1").skip = true;
    world.new_kernel();
    world.copy_all();
    world.node("w2").cordon = nix8s_core::observed::Cordon::Ours;
    let mut world = with(world, vec![script("first", phase("pre"))]);
    fails(&mut world, "script:first");
    assert_snapshot!(world.planned(), @r"
    drain:w2 [Interrupts]: pods move first, within their budgets
    switch:w2: new kernel  after drain:w2
    check-gates:w2: what must hold after a change  after switch:w2
    uncordon:w2: pods may come back  after check-gates:w2
    - Skipped: cp1 is left alone: skip is set
    - Unavailable: w1 waits for its turn: w2 is down or being worked on, and 1 may be at once
    - GivenUp: the script first (phase pre) failed: boom. It is not tried again by itself: change it, or mend what it needs, then `nix8s node retry cp1`
    ");
    happens(&mut world, What::Retry { machine: name("w1") });
    assert!(ids(&world).contains(&"script:first".to_owned()), "any machine forgives the cluster's scripts");
}

#[test]
fn scripts_wait_for_those_that_they_name() {
    let mut second = of_machines(script("second", phase("post")));
    second.deps.insert("first".to_owned());
    let world = with(ready(K3s, &["cp1", "w1"]), vec![script("first", phase("post")), second]);
    assert_snapshot!(about_scripts(&world), @r"
    script:first: phase post, here
    script:second:cp1: phase post, here  after script:first
    script:second:w1: phase post, here  after script:first
    ");
    let mut world = world;
    fails(&mut world, "script:first");
    assert_snapshot!(about_scripts(&world), @"- GivenUp: the script first (phase post) failed: boom. It is not tried again by itself: change it, or mend what it needs, then `nix8s node retry cp1`");
}

#[test]
fn an_error_runs_its_hooks_once() {
    let hooks = vec![of_machines(script("alarm", Moment::OnError)), script("all", Moment::OnError)];
    let mut world = with(ready(K3s, &["cp1", "w1"]), hooks);
    assert_eq!(world.planned(), "");
    let failure =
        || Failure { class: FailureClass::Transient, message: "no".to_owned(), hint: None, bad_system: None };
    let effect = Effect::Uncordon { machine: name("w1") };
    happens(&mut world, What::Failed { effect: effect.clone(), failure: failure() });
    assert_eq!(ids(&world), ["script:alarm:w1", "script:all"]);
    run_scripts(&mut world);
    happens(&mut world, What::Failed { effect: effect.clone(), failure: failure() });
    assert!(ids(&world).is_empty(), "it fails on: that is the same error");
    done(&mut world, effect.clone());
    happens(&mut world, What::Failed { effect, failure: failure() });
    assert_eq!(ids(&world), ["script:alarm:w1", "script:all"], "what was well and fails again is another");
}

#[test]
fn who_leaves_has_its_hook_before_it_is_forgotten() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.cluster.machines.remove(&name("w1"));
    let hook = of_machines(script("post", after(Transition::Delete)));
    let world = with(world, vec![hook]);
    let ids = ids(&world);
    let at = |id: &str| ids.iter().position(|other| other == id).unwrap();
    assert_eq!(at("script:post:w1") + 1, at("forget:w1"), "{ids:?}");
}

#[test]
fn only_the_phase_that_is_named_is_begun() {
    let scripts = vec![script("first", phase("pre")), script("last", phase("post"))];
    let mut world = with(ready(K3s, &["cp1", "w1"]), scripts);
    world.not_joined("w1");
    world.permit = Permit { phase: Some("post".to_owned()), ..Permit::default() };
    assert_snapshot!(world.planned(), @r"
    script:last: phase post, here
    - NotNamed: something is to be done in the phase kubernetes, and --phase names post
    ");
    world.permit.phase = Some("kubernetes".to_owned());
    assert_eq!(ids(&world), ["join:w1"]);
}

#[test]
fn a_cluster_that_is_left_alone_has_its_own_scripts_only() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    for machine in ["cp1", "w1"] {
        world.machine(machine).skip = true;
        world.silence(machine);
    }
    world.seen.past = nix8s_core::past::Past::default();
    let on = Script { place: Place::Node, on: Some(name("cp1")), ..script("there", phase("post")) };
    let scripts = vec![script("here", phase("pre")), of_machines(script("each", phase("post"))), on];
    let world = with(world, scripts);
    assert_snapshot!(world.planned(), @r"
    script:here: phase pre, here
    - Skipped: cp1 is left alone: skip is set
    - Skipped: w1 is left alone: skip is set
    - Skipped: the script there would run on cp1, which is left alone: skip is set
    ");
    // One that was removed and stays away is left alone as well.
    let mut world = world;
    world.past("w1").removed = true;
    world.seen.secrets = Known::Unknown;
    assert!(!world.planned().contains("secrets"), "{}", world.planned());
}
