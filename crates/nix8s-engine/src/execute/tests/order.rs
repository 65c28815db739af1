//! Order, lanes, consent, stopping, and what is on record when.

use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::Distribution;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Plan;

use crate::execute::Carried;
use crate::execute::Limits;
use crate::execute::execute;
use crate::journal::Journal;
use crate::port::Store;
use crate::state::memory::Fate;
use crate::stop;
use crate::stop::Stop;
use crate::testing::*;
use crate::world::World;

const ANYTHING: Limits =
    Limits { covered: Risk::Erases, deadline: Timestamp::MAX, window: Duration::from_secs(3600) };

async fn carry_out(world: &World, plan: &Plan, limits: Limits, stop: &mut Stop) -> (Carried, Vec<String>) {
    let ports = &world.ports;
    let mut journal = Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone()).unwrap();
    let mut heard = Heard::default();
    let carried = execute(world, &mut journal, plan, limits, stop, &mut heard).await.unwrap();
    (carried, heard.0)
}

fn build(machine: &str) -> Effect {
    Effect::Build { machine: name(machine), system: system("a"), version: "v1.34.1".parse().unwrap() }
}

fn copy(machine: &str) -> Effect {
    Effect::Copy { machine: name(machine), system: system("a") }
}

fn built(fakes: &Fakes) {
    fakes.exec.on("nix build", [says("/nix/store/a\n")]);
}

fn kinds(fakes: &Fakes) -> Vec<String> {
    let name = |effect: &Effect, word: &str| format!("{word} {}", effect.id());
    let events = fakes.store.events().unwrap();
    let kinds = events.iter().map(|event| match &event.what {
        What::Started { effect } => name(effect, "started"),
        What::Done { effect, .. } => name(effect, "done"),
        What::Failed { effect, .. } => name(effect, "failed"),
        other => format!("{other:?}"),
    });
    kinds.collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_begins_when_those_before_it_are_done_and_on_record() {
    let fakes = Fakes::new();
    built(&fakes);
    let world = fakes.world(cluster(Distribution::K3s, &["w1"]));
    let plan = plan(&[(copy("w1"), &[1]), (build("w1"), &[])]);
    let (carried, _) = carry_out(&world, &plan, ANYTHING, &mut Stop::never()).await;
    assert_eq!(carried.done, 2);
    assert_eq!(kinds(&fakes), ["started build:w1", "done build:w1", "started copy:w1", "done copy:w1"]);
}

#[tokio::test(start_paused = true)]
async fn failure_stops_what_follows_and_nothing_else() {
    let fakes = Fakes::new();
    fakes.exec.on(".#nix8sBuilds.c.\"v1.34.1\".w1", [fails(1, "boom")]);
    built(&fakes);
    let world = fakes.world(cluster(Distribution::K3s, &["w1", "w2"]));
    let cordon = Effect::Cordon { machine: name("w1") };
    let plan = plan(&[
        (build("w1"), &[]),
        (copy("w1"), &[0]),
        (cordon, &[1]),
        (build("w2"), &[]),
        (copy("w2"), &[3]),
    ]);
    let (carried, heard) = carry_out(&world, &plan, ANYTHING, &mut Stop::never()).await;
    assert_eq!((carried.done, carried.failed, carried.skipped), (2, 1, 2));
    assert!(heard.contains(&"skipped cordon:w1: build:w1 failed".to_owned()), "{heard:?}");
    assert!(heard.contains(&"done copy:w2".to_owned()), "{heard:?}");
    assert!(fakes.exec.ran("--to ssh-ng://root@w1.test").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lane_takes_no_more_steps_at_once_than_configured() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Takes(Duration::from_secs(60))]);
    let workers = ["w1", "w2", "w3", "w4", "w5"];
    let mut cluster = cluster(Distribution::K3s, &workers);
    cluster.reconciler.concurrency.copy = 2;
    let world = fakes.world(cluster);
    let effects: Vec<(Effect, &[usize])> = workers.iter().map(|w| (copy(w), &[][..])).collect();
    let (carried, _) = carry_out(&world, &plan(&effects), ANYTHING, &mut Stop::never()).await;
    assert_eq!(carried.done, 5);
    // Two minutes for four, and another for the fifth.
    assert_eq!(world.ports.clock.now().as_second(), 180);
}

#[tokio::test(start_paused = true)]
async fn nothing_riskier_than_consented_to_begins() {
    let fakes = Fakes::new();
    let world = fakes.world(cluster(Distribution::K3s, &["w1", "w2"]));
    fakes.api.set("w1", node("u1"));
    let mut plan = plan(&[
        (Effect::Cordon { machine: name("w1") }, &[]),
        (Effect::Uncordon { machine: name("w1") }, &[0]),
        (copy("w2"), &[]),
    ]);
    plan.steps[0].risk = Risk::Interrupts;
    let limits = Limits { covered: Risk::None, ..ANYTHING };
    let (carried, heard) = carry_out(&world, &plan, limits, &mut Stop::never()).await;
    assert_eq!((carried.done, carried.skipped), (1, 2));
    assert!(heard.contains(&"skipped cordon:w1: it needs more leave than was given".to_owned()), "{heard:?}");
    assert_eq!(kinds(&fakes), ["started copy:w2", "done copy:w2"]);
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_once_it_finishes_what_runs_and_begins_nothing() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Takes(Duration::from_secs(60))]);
    let world = fakes.world(cluster(Distribution::K3s, &["w1"]));
    fakes.api.set("w1", node("u1"));
    let plan = plan(&[(copy("w1"), &[]), (Effect::Cordon { machine: name("w1") }, &[0])]);
    let (stopper, mut stop) = stop::pair();
    let ask = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stopper.ask();
    };
    let ((carried, _), ()) = tokio::join!(carry_out(&world, &plan, ANYTHING, &mut stop), ask);
    assert_eq!((carried.done, carried.skipped), (1, 1));
    assert_eq!(world.ports.clock.now().as_second(), 60);
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_twice_it_drops_what_runs() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Hangs]);
    let world = fakes.world(cluster(Distribution::K3s, &["w1"]));
    let plan = plan(&[(copy("w1"), &[])]);
    let (stopper, mut stop) = stop::pair();
    let ask = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stopper.ask();
        tokio::time::sleep(Duration::from_secs(1)).await;
        stopper.ask();
    };
    let ((carried, _), ()) = tokio::join!(carry_out(&world, &plan, ANYTHING, &mut stop), ask);
    assert_eq!((carried.done, carried.failed), (0, 0));
    assert_eq!(world.ports.clock.now().as_second(), 2);
    assert_eq!(kinds(&fakes), ["started copy:w1"], "the next look tells what became of it");
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_after_the_deadline() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Takes(Duration::from_secs(60))]);
    let world = fakes.world(cluster(Distribution::K3s, &["w1", "w2"]));
    let plan = plan(&[(copy("w1"), &[]), (copy("w2"), &[0])]);
    let limits = Limits { deadline: Timestamp::from_second(30).unwrap(), ..ANYTHING };
    let (carried, heard) = carry_out(&world, &plan, limits, &mut Stop::never()).await;
    assert_eq!((carried.done, carried.skipped), (1, 1));
    assert!(heard.contains(&"skipped copy:w2: the time for this run is over".to_owned()), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn long_work_is_left_to_the_next_plan_and_what_was_begun_on_a_machine_goes_on() {
    let fakes = Fakes::new();
    built(&fakes);
    fakes.exec.on("nix copy", [Reply::Takes(Duration::from_secs(60))]);
    let mut cluster = cluster(Distribution::K3s, &["w1", "w2"]);
    cluster.reconciler.concurrency.copy = 1;
    let world = fakes.world(cluster);
    fakes.api.set("w1", node("u1"));
    let plan = plan(&[(copy("w1"), &[]), (Effect::Cordon { machine: name("w1") }, &[0]), (copy("w2"), &[])]);
    let limits = Limits { window: Duration::from_secs(30), ..ANYTHING };
    let (carried, heard) = carry_out(&world, &plan, limits, &mut Stop::never()).await;
    assert_eq!((carried.done, carried.skipped), (2, 0), "{heard:?}");
    assert_eq!(kinds(&fakes), ["started copy:w1", "done copy:w1", "started cordon:w1", "done cordon:w1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_touched_when_its_beginning_could_not_be_recorded() {
    let fakes = Fakes::new();
    let world = fakes.world(cluster(Distribution::K3s, &["w1"]));
    let plan = plan(&[(copy("w1"), &[])]);
    let ports = &world.ports;
    let mut journal = Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone()).unwrap();
    fakes.store.set_faults(Some(Box::new(|_| Fate::Fails)));
    let result =
        execute(&world, &mut journal, &plan, ANYTHING, &mut Stop::never(), &mut Heard::default()).await;
    assert!(result.is_err());
    assert!(fakes.exec.ran.lock().unwrap().is_empty());
}
