//! Users' scripts as they are carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::event::What;
use nix8s_core::model::Script;
use nix8s_core::model::*;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::FailureClass;

use crate::execute::Carried;
use crate::execute::Limits;
use crate::execute::execute;
use crate::journal::Journal;
use crate::port::Store;
use crate::stop::Stop;
use crate::testing::*;

fn script(name: &str) -> Script {
    Script {
        name: name.to_owned(),
        when: Moment::Before(Transition::Join),
        scope: Scope::Cluster,
        nodes: None,
        on: None,
        place: Place::Local,
        body: Body::Text("log hello".to_owned()),
        deps: BTreeSet::new(),
        condition: None,
        timeout: Duration::from_secs(300),
        on_failure: OnFailure::Stop,
        repeat: Repeat::Never,
        digest: "1".to_owned(),
    }
}

fn effect(script: &Script, machine: Option<&str>) -> Effect {
    Effect::RunScript {
        script: script.name.clone(),
        machine: machine.map(name),
        when: script.when.to_string(),
        key: "0".to_owned(),
        digest: "1".to_owned(),
        place: script.place,
        on_failure: script.on_failure,
    }
}

/// Runs a script and then a step that comes after it; what was heard.
async fn run(fakes: &Fakes, script: Script, machine: Option<&str>) -> (Carried, Vec<String>) {
    let effect = effect(&script, machine);
    let mut cluster = cluster(Distribution::K3s, &["w1"]);
    cluster.bootstrap.scripts.push(script);
    let world = fakes.world(cluster);
    let ports = &world.ports;
    let mut journal = Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone()).unwrap();
    let mut heard = Heard::default();
    let copy = Effect::Copy { machine: name("w1"), system: system("a") };
    let plan = plan(&[(effect, &[]), (copy, &[0])]);
    let limits =
        Limits { covered: Risk::Erases, deadline: jiff::Timestamp::MAX, window: Duration::from_secs(3600) };
    let carried = execute(&world, &mut journal, &plan, limits, &mut Stop::never(), &mut heard).await.unwrap();
    (carried, heard.0)
}

#[tokio::test(start_paused = true)]
async fn a_text_is_run_by_bash_with_the_environment_of_the_design() {
    let fakes = Fakes::new();
    run(&fakes, Script { scope: Scope::Node, ..script("s") }, Some("w1")).await;
    assert_eq!(
        fakes.exec.ran("NIX8S_SCRIPT=s"),
        ["here: env NIX8S_SCRIPT=s NIX8S_WHEN=pre-join STATE_DIR= CLUSTER=c NODE=w1 NODE_IP=10.0.0.1 \
          KUBECONFIG=/k8s/kubeconfig DRY_RUN=0 bash {files}/script"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_runs_on_the_machine_if_it_is_to() {
    let fakes = Fakes::new();
    let body = Body::Run(vec!["./check".to_owned(), "a b".to_owned()]);
    let there = Script { scope: Scope::Node, place: Place::Node, body, ..script("s") };
    run(&fakes, there, Some("w1")).await;
    let ran = fakes.exec.ran("NIX8S_SCRIPT=s");
    assert!(ran[0].starts_with("w1: env ") && ran[0].ends_with(" DRY_RUN=0 ./check a b"), "{ran:?}");
    assert!(ran[0].contains(" STATE_DIR=/var/lib/nix8s ") && ran[0].contains(" KUBECONFIG= "), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn what_runs_here_needs_no_way_to_a_machine_that_nobody_remembers() {
    let fakes = Fakes::new();
    let (carried, _) = run(&fakes, Script { scope: Scope::Node, ..script("s") }, Some("gone")).await;
    assert_eq!(carried.failed, 0);
    let ran = fakes.exec.ran("NIX8S_SCRIPT=s");
    assert!(ran[0].contains(" NODE=gone NODE_IP= "), "{ran:?}");
    let there = Script { scope: Scope::Node, place: Place::Node, ..script("s") };
    let (_, heard) = run(&fakes, there, Some("gone")).await;
    assert!(heard.iter().any(|line| line.contains("how to reach gone")), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_does_not_hold_makes_it_not_needed() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_CONDITION_OF=s", [fails(1, "")]);
    let condition = Some(Body::Run(vec!["test".to_owned(), "-e".to_owned(), "/x".to_owned()]));
    let (carried, heard) = run(&fakes, Script { condition, ..script("s") }, None).await;
    assert_eq!(carried.done, 2);
    assert!(heard.contains(&"done script:s: not needed: its condition exits with 1".to_owned()), "{heard:?}");
    assert!(fakes.exec.ran("NIX8S_SCRIPT=s").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_fails_stops_what_follows_and_is_not_tried_again() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_SCRIPT=s", [fails(3, "first\nno disk\n")]);
    let (carried, heard) = run(&fakes, script("s"), None).await;
    assert_eq!((carried.failed, carried.skipped), (1, 1));
    let expected = "failed script:s (Permanent): the script: exit code 3: first; no disk".to_owned();
    assert!(heard.contains(&expected), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_may_fail_is_recorded_and_the_rest_goes_on() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_SCRIPT=s", [fails(3, "no")]);
    let (carried, _) = run(&fakes, Script { on_failure: OnFailure::Continue, ..script("s") }, None).await;
    assert_eq!((carried.done, carried.failed, carried.skipped), (1, 1, 0));
    let failed = |event: &nix8s_core::event::Event| match &event.what {
        What::Failed { failure, .. } => Some(failure.class),
        _ => None,
    };
    assert_eq!(fakes.store.events().unwrap().iter().find_map(failed), Some(FailureClass::Permanent));
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_too_long_is_ended() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_SCRIPT=s", [Reply::Hangs]);
    let (_, heard) = run(&fakes, script("s"), None).await;
    let expected = "failed script:s (Permanent): the script did not end within 300 s".to_owned();
    assert!(heard.contains(&expected), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_has_changed_since_the_plan_is_not_run() {
    let fakes = Fakes::new();
    let mut changed = script("s");
    changed.digest = "2".to_owned();
    let (_, heard) = run(&fakes, changed, None).await;
    assert!(heard.iter().any(|line| line.contains("has changed since the plan was made")), "{heard:?}");
    assert!(fakes.exec.ran("NIX8S_SCRIPT=s").is_empty());
}
