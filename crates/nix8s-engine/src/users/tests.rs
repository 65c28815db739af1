//! Users' reconcilers under supervision, by a clock that jumps.

use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::UserReconciler;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::*;
use crate::testing::*;
use crate::wake::Caller;

fn one_shot(program: &str, every: u64) -> UserReconciler {
    UserReconciler {
        enable: true,
        after: Vec::new(),
        run: vec![program.to_owned()],
        interval: Some(Duration::from_secs(every)),
        watch_paths: Vec::new(),
    }
}

fn long(program: &str) -> UserReconciler {
    UserReconciler { interval: None, ..one_shot(program, 1) }
}

fn with(reconcilers: &[(&str, UserReconciler)]) -> Cluster {
    let mut cluster = cluster(Distribution::K3s, &[]);
    let all = reconcilers.iter().map(|(name, reconciler)| ((*name).to_owned(), reconciler.clone()));
    cluster.bootstrap.reconcilers = all.collect();
    cluster
}

/// Supervises for a while; nix8s's own reconcilers have nothing left to do after `settles`.
async fn during(fakes: &Fakes, cluster: Cluster, caller: &Caller, secs: u64, settles: u64) -> Vec<String> {
    let world = fakes.world(cluster);
    let (tell, mut told) = mpsc::channel(MESSAGES);
    let (sender, settled) = watch::channel(BTreeSet::new());
    let loop_ = async {
        tokio::time::sleep(Duration::from_secs(settles)).await;
        sender.send_replace(BTreeSet::from(["worker".to_owned()]));
        tokio::time::sleep(Duration::from_secs(secs - settles)).await;
        drop(sender);
    };
    tokio::join!(supervise(&world, settled, caller.listen().touches(), tell), loop_);
    let mut said = Vec::new();
    while let Ok(text) = told.try_recv() {
        said.push(text);
    }
    said
}

fn came(fakes: &Fakes, name: &str) -> Came {
    read(&*fakes.store).unwrap().into_iter().find(|came| came.name == name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_is_started_on_its_interval_and_ends_with_the_loop() {
    let fakes = Fakes::new();
    let said = during(&fakes, with(&[("sync", one_shot("./sync", 60))]), &Caller::new(), 150, 0).await;
    let ran = fakes.exec.ran("NIX8S_RECONCILER=sync");
    assert_eq!(ran.len(), 3, "{ran:?}");
    assert!(ran[0].contains(" RECONCILE_INTERVAL=60 ") && ran[0].contains(" CLUSTER=c "), "{}", ran[0]);
    assert!(ran[0].ends_with(" DRY_RUN=0 ./sync"), "{}", ran[0]);
    let came = came(&fakes, "sync");
    assert_eq!((came.state, came.starts, came.failures, came.status), (State::Stopped, 3, 0, Some(0)));
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_it_watches_starts_it_at_once() {
    let fakes = Fakes::new();
    let watching =
        UserReconciler { interval: None, watch_paths: vec!["./desired".to_owned()], ..one_shot("./sync", 1) };
    let caller = Caller::new();
    let touch = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        caller.touch("other");
        caller.touch("sync");
    };
    tokio::join!(during(&fakes, with(&[("sync", watching)]), &caller, 1000, 0), touch);
    assert_eq!(came(&fakes, "sync").starts, 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_is_started_again_later_and_later() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_RECONCILER=watch", [fails(1, "no"), fails(2, "no"), fails(3, "no"), Reply::Hangs]);
    let said = during(&fakes, with(&[("watch", long("./watch"))]), &Caller::new(), 100, 0).await;
    // After 1, 2 and 4 seconds; then it runs until it is stopped.
    let came = came(&fakes, "watch");
    assert_eq!((came.state, came.starts, came.failures), (State::Stopped, 4, 3));
    assert_eq!(came.began.unwrap().as_second(), 7);
    assert_eq!(came.message.as_deref(), Some("no"));
    assert_eq!(said[2], "the reconciler watch ended: exit code 3: no");
}

#[tokio::test(start_paused = true)]
async fn each_comes_after_those_that_it_names() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_RECONCILER=first", [fails(1, "not yet"), says("")]);
    let second = UserReconciler { after: vec!["first".to_owned()], ..one_shot("./second", 1000) };
    let third = UserReconciler { after: vec!["worker".to_owned()], ..one_shot("./third", 1000) };
    let off = UserReconciler { enable: false, ..one_shot("./off", 1) };
    let all = [("second", second), ("first", one_shot("./first", 60)), ("third", third), ("off", off)];
    during(&fakes, with(&all), &Caller::new(), 500, 200).await;
    let began = |name: &str| came(&fakes, name).began.unwrap().as_second();
    assert_eq!(began("second"), 60, "the first success of the first");
    assert_eq!(began("third"), 200, "when workers are as they should be");
    assert!(fakes.exec.ran("./off").is_empty());
    assert_eq!(read(&*fakes.store).unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn apply_starts_one_shots_once_in_their_order() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_RECONCILER=a", [fails(4, "broken")]);
    let a = UserReconciler { after: vec!["b".to_owned()], ..one_shot("./a", 60) };
    let world = fakes.world(with(&[("a", a), ("b", one_shot("./b", 60)), ("c", long("./c"))]));
    let (tell, mut told) = mpsc::channel(MESSAGES);
    let came = once(&world, &tell).await;
    let states: Vec<_> = came.iter().map(|came| (came.name.as_str(), came.state, came.status)).collect();
    assert_eq!(states, [("b", State::Done, Some(0)), ("a", State::Failed, Some(4))]);
    assert_eq!(told.try_recv().unwrap(), "the reconciler a ended: exit code 4: broken");
    assert!(fakes.exec.ran("./c").is_empty(), "it runs until it is stopped, which is for `run`");
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_that_hangs_is_ended() {
    let fakes = Fakes::new();
    fakes.exec.on("NIX8S_RECONCILER=sync", [Reply::Hangs]);
    let world = fakes.world(with(&[("sync", one_shot("./sync", 60))]));
    let came = once(&world, &mpsc::channel(MESSAGES).0).await;
    assert_eq!(came[0].state, State::Failed);
    assert_eq!(came[0].message.as_deref(), Some("it did not end within 3600 s"));
}
