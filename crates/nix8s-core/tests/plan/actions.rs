//! `switch`, `boot` and `test`: what runs now, what runs after a restart, and what is left at that.

use insta::assert_snapshot;
use nix8s_core::event::What;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::*;
use nix8s_core::observed::System;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;

use crate::scripts::after;
use crate::scripts::before;
use crate::scripts::done;
use crate::scripts::happens;
use crate::scripts::ids;
use crate::scripts::of_machines;
use crate::scripts::script;
use crate::scripts::with;
use crate::world::*;

/// A worker on which another system is wanted and copied, and which somebody asked to be brought to it so.
fn asked(action: Action) -> World {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.machine("cp1").skip = true;
    let runs = world.probe("w1").running.clone().unwrap();
    world.probe("w1").boots = Some(runs.path);
    world.new_kernel();
    world.copy_all();
    happens(&mut world, What::Rebuild { machine: name("w1"), action: Some(action) });
    world
}

fn wanted(world: &World) -> System {
    world.seen.wanted.known().unwrap()[&name("w1")].clone()
}

/// Carries the plan out, and the machine is as it says.
fn carry_out(world: &mut World) {
    for step in world.plan().steps {
        if let Effect::Switch { system, action, .. } = &step.effect {
            let system = (system.clone(), wanted(world));
            if *action != Action::Boot {
                world.probe("w1").running = Some(system.1);
            }
            if *action != Action::Test {
                world.probe("w1").boots = Some(system.0);
            }
        }
        done(world, step.effect);
    }
    world.now += jiff::SignedDuration::from_mins(1);
}

/// What is said of the worker.
fn said(world: &World) -> String {
    let waits = world.plan().waits.into_iter().filter(|wait| wait.machine == Some(name("w1")));
    waits.map(|wait| format!("{:?}: {}", wait.cause, wait.text)).collect()
}

#[test]
fn boot_interrupts_nothing_and_comes_with_the_next_restart() {
    let mut world = asked(Action::Boot);
    assert_eq!(ids(&world), ["switch:w1"]);
    carry_out(&mut world);
    assert_eq!(ids(&world), [] as [&str; 0]);
    assert_snapshot!(said(&world), @"AsAsked: w1 starts into w1-kerne with its next restart, as was asked");
    // Somebody restarts it.
    let system = wanted(&world);
    world.probe("w1").running = Some(system);
    assert_eq!(ids(&world), ["check-gates:w1"], "it is asked what must hold when it runs");
    carry_out(&mut world);
    assert_eq!(said(&world), "");
}

#[test]
fn hooks_after_an_update_come_when_the_restart_has_brought_it() {
    let hook = |name: &str, when| of_machines(script(name, when));
    let hooks = vec![hook("pre", before(Transition::Update)), hook("post", after(Transition::Update))];
    let mut world = with(asked(Action::Boot), hooks);
    assert_eq!(ids(&world), ["script:pre:w1", "switch:w1"]);
    carry_out(&mut world);
    assert_eq!(ids(&world), [] as [&str; 0]);
    let system = wanted(&world);
    world.probe("w1").running = Some(system);
    carry_out(&mut world);
    assert_eq!(ids(&world), ["script:post:w1"]);
}

#[test]
fn test_runs_until_a_restart_and_is_not_fought_for_after_it() {
    let mut world = asked(Action::Test);
    let before = world.probe("w1").running.clone();
    let steps = world.plan().steps;
    let switch = steps.iter().find_map(|step| match &step.effect {
        Effect::Switch { reboot, action, .. } => Some((*reboot, *action)),
        _ => None,
    });
    assert_eq!(switch, Some((Reboot::Never, Action::Test)), "a restart would undo it");
    assert_eq!(ids(&world), ["cordon:w1", "drain:w1", "switch:w1", "check-gates:w1", "uncordon:w1"]);
    carry_out(&mut world);
    assert_eq!(ids(&world), [] as [&str; 0]);
    assert_snapshot!(said(&world), @"AsAsked: w1 runs w1-kerne as a test, and w1-kerne after a restart: `nix8s node rebuild w1 --action switch` keeps it");
    world.probe("w1").running = before.clone();
    world.past("w1").good = before.map(|system| system.path);
    assert_eq!(ids(&world), [] as [&str; 0]);
    assert_snapshot!(said(&world), @"AsAsked: w1 went back from w1-kerne, which it ran as a test: it comes to it again when that is asked (`nix8s node rebuild w1`), or to another one when the configuration changes");
    // Another change, and a person's word, end that.
    happens(&mut world, What::Retry { machine: name("w1") });
    assert!(ids(&world).contains(&"switch:w1".to_owned()));
}

#[test]
fn what_was_tested_is_kept_by_a_switch() {
    let mut world = asked(Action::Test);
    carry_out(&mut world);
    happens(&mut world, What::Rebuild { machine: name("w1"), action: Some(Action::Switch) });
    assert_eq!(ids(&world), ["switch:w1", "check-gates:w1"], "nothing differs but what it starts into");
    carry_out(&mut world);
    assert_eq!((ids(&world), said(&world)), (Vec::new(), String::new()));
}

#[test]
fn the_configured_action_holds_for_every_change() {
    let mut world = asked(Action::Switch);
    world.past("w1").rebuild = false;
    world.machine("w1").action = Action::Boot;
    carry_out(&mut world);
    assert_eq!((ids(&world), world.plan().waits[1].cause), (Vec::new(), Cause::AsAsked));
    world.each_part(|parts| parts.rest = "rest-3".to_owned());
    world.evaluate("b");
    world.copy_all();
    assert_eq!(ids(&world), ["switch:w1"], "another system is wanted");
    // Where every change ends with a restart, that is now.
    world.cluster.upgrade.reboot = Reboot::Always;
    assert_eq!(ids(&world), ["cordon:w1", "drain:w1", "switch:w1", "check-gates:w1", "uncordon:w1"]);
}

#[test]
fn another_kubernetes_version_does_not_wait_for_a_restart() {
    let mut world = ready(K3s, &["cp1"]);
    world.machine("cp1").action = Action::Boot;
    world.cluster.version = "v1.35.0".parse().unwrap();
    world.evaluate("a");
    world.copy_all();
    assert_snapshot!(world.planned(), @"- VersionSkew: cp1 comes to another Kubernetes version by a switch only, in the order of an upgrade, and boot is asked for: `nix8s node rebuild cp1 --action switch`");
}

#[test]
fn a_machine_joins_when_the_restart_has_brought_its_system() {
    let mut world = asked(Action::Boot);
    world.not_joined("w1");
    assert_eq!(ids(&world), ["switch:w1"]);
    carry_out(&mut world);
    assert_eq!(ids(&world), [] as [&str; 0]);
    assert_snapshot!(said(&world), @"WrongSystem: w1 joins when it runs w1-kerne: restart it, it starts into it");
    let system = wanted(&world);
    world.probe("w1").running = Some(system);
    assert_eq!(ids(&world), ["join:w1"]);
}
