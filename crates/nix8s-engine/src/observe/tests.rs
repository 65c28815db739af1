//! What looking concludes, and what it does not.

use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::Role;
use nix8s_core::observed::Known;
use nix8s_core::observed::Observed;
use nix8s_core::observed::Os;
use nix8s_core::observed::Probe;
use nix8s_core::observed::Reach;
use nix8s_core::plan::Effect;

use super::observe;
use crate::journal::Journal;
use crate::port::ExecError;
use crate::port::Store;
use crate::testing::*;

async fn look(fakes: &Fakes, cluster: Cluster, before: &[What]) -> (Observed, Vec<What>, Vec<String>) {
    let world = fakes.world(cluster);
    let mut journal = Journal::open(fakes.store.clone(), world.ports.clock.clone(), "r".to_owned()).unwrap();
    journal.record(before.iter().cloned()).unwrap();
    let mut heard = Heard::default();
    let seen = observe(&world, &mut journal, &mut heard).await.unwrap();
    let events =
        fakes.store.events().unwrap().into_iter().map(|event| event.what).skip(before.len()).collect();
    (seen, events, heard.0)
}

fn answers(fakes: &Fakes, machine: &str, probe: &Probe) {
    let line = format!("{machine}: nix8s on-node probe");
    fakes.exec.on(&line, [says(serde_json::to_string(probe).unwrap())]);
}

fn silent(fakes: &Fakes) {
    fakes.exec.on("on-node probe", [Reply::Error(ExecError::TimedOut)]);
}

fn recognised(installation: &str, uuid: &str) -> What {
    What::Recognised { machine: name("w1"), installation: installation.to_owned(), uuid: uuid.to_owned() }
}

fn joined(uid: &str) -> What {
    What::Joined { machine: name("w1"), uid: uid.to_owned(), role: Role::Worker }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_asked_is_unknown_and_said() {
    let fakes = Fakes::new();
    silent(&fakes);
    fakes.exec.on("nix eval", [fails(1, "error: attribute 'x' missing")]);
    fakes.exec.on("secrets check", [Reply::Hangs]);
    fakes.exec.on("kubeconfig", [says("rubbish")]);
    *fakes.api.is_away.lock().unwrap() = true;
    let (seen, events, heard) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &[]).await;
    assert_eq!(seen.api, Known::Unknown);
    assert_eq!(seen.wanted, Known::Unknown);
    assert_eq!(seen.secrets, Known::Unknown);
    assert_eq!(seen.kubeconfig, Known::Unknown);
    assert_eq!(seen.machines[&name("w1")].reach, Reach::TimedOut);
    assert_eq!(events, []);
    assert!(heard.iter().any(|line| line.contains("attribute 'x' missing")), "{heard:?}");
    assert_eq!(heard.len(), 3, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_understood_is_no_answer() {
    let fakes = Fakes::new();
    fakes.exec.on("on-node probe", [says("{}")]);
    let (seen, ..) = look(&fakes, cluster(Distribution::K3s, &[]), &[]).await;
    assert_eq!(seen.machines[&name("cp1")].reach, Reach::Unknown);
    assert_eq!(seen.machines[&name("cp1")].probe, None);
}

#[tokio::test(start_paused = true)]
async fn skipped_machines_are_not_looked_at_unless_they_leave() {
    for (before, looks) in [(vec![], 0), (vec![What::MarkedDelete { machine: name("w1"), lost: false }], 1)] {
        let fakes = Fakes::new();
        silent(&fakes);
        let mut cluster = cluster(Distribution::K3s, &["w1"]);
        std::sync::Arc::make_mut(cluster.machines.get_mut(&name("w1")).unwrap()).skip = true;
        look(&fakes, cluster, &before).await;
        assert_eq!(fakes.exec.ran("w1: nix8s on-node probe").len(), looks);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_left_the_configuration_is_looked_at_where_it_was() {
    let fakes = Fakes::new();
    answers(&fakes, "w1", &probe("w1"));
    let before = cluster(Distribution::K3s, &["w1"]);
    let (seen, ..) = look(&fakes, before.clone(), &[joined("u1")]).await;
    let former = std::collections::BTreeMap::new();
    crate::state::export::Exporter::default().export(&*fakes.store, &before, &former, &seen).unwrap();
    let (seen, ..) = look(&fakes, cluster(Distribution::K3s, &[]), &[]).await;
    assert_eq!(seen.machines[&name("w1")].reach, Reach::Answered);
}

#[tokio::test(start_paused = true)]
async fn our_mark_is_recognised_once_and_only_on_the_hardware_that_we_know() {
    let other_hardware = Probe { hardware: hardware("other"), ..probe("w1") };
    let cases: [(&str, Vec<What>, Probe, Vec<What>); 5] = [
        ("never seen", vec![], probe("w1"), vec![recognised("i1", "uuid-w1")]),
        ("known", vec![recognised("i1", "uuid-w1")], probe("w1"), vec![]),
        (
            "another installation",
            vec![recognised("i0", "uuid-w1")],
            probe("w1"),
            vec![recognised("i1", "uuid-w1")],
        ),
        ("our disk in other hardware", vec![recognised("i1", "uuid-w1")], other_hardware, vec![]),
        ("another machine's mark", vec![], Probe { mark: probe("w2").mark, ..probe("w1") }, vec![]),
    ];
    for (case, before, probe, expected) in cases {
        let fakes = Fakes::new();
        *fakes.api.is_away.lock().unwrap() = true;
        answers(&fakes, "w1", &probe);
        silent(&fakes);
        let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &before).await;
        assert_eq!(events, expected, "{case}");
    }
}

/// What it is, what was known, what the machine says, and what is recorded.
type Case = (&'static str, Vec<What>, Option<Probe>, Vec<What>);

#[tokio::test(start_paused = true)]
async fn a_node_is_ours_only_if_its_machine_says_so() {
    let known = recognised("i1", "uuid-w1");
    let unmarked = Probe { mark: None, ..probe("w1") };
    let cases: [Case; 4] = [
        ("it joined", vec![known.clone()], Some(probe("w1")), vec![joined("u1")]),
        ("it joined again", vec![known.clone(), joined("u0")], Some(probe("w1")), vec![joined("u1")]),
        ("not ours", vec![], Some(unmarked), vec![]),
        ("silent", vec![known.clone(), joined("u0")], None, vec![What::LostSight { machine: name("w1") }]),
    ];
    for (case, before, probe, expected) in cases {
        let fakes = Fakes::new();
        fakes.api.set("w1", node("u1"));
        if let Some(probe) = probe {
            answers(&fakes, "w1", &probe);
        }
        silent(&fakes);
        let before: Vec<What> = [What::ClusterFound].into_iter().chain(before).collect();
        let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &before).await;
        assert_eq!(events, expected, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_exists_is_found() {
    let datastore = Probe { datastore: true, ..probe("cp1") };
    let foreign = Probe { os: Os::Foreign("Debian".to_owned()), mark: None, ..datastore.clone() };
    for (probe, away, expected) in
        [(&datastore, true, true), (&probe("cp1"), false, true), (&foreign, true, false)]
    {
        let fakes = Fakes::new();
        *fakes.api.is_away.lock().unwrap() = away;
        answers(&fakes, "cp1", probe);
        let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &[]), &[]).await;
        assert_eq!(events.contains(&What::ClusterFound), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn losing_and_regaining_sight_and_readiness_are_each_recorded_once() {
    let fakes = Fakes::new();
    let (w1, base) = (|| name("w1"), vec![What::ClusterFound, recognised("i1", "uuid-w1"), joined("u1")]);
    let mut away = node("u1");
    away.ready = false;
    fakes.api.set("w1", away);
    silent(&fakes);
    let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &base).await;
    assert_eq!(events, [What::LostSight { machine: w1() }, What::NotReady { machine: w1() }]);
    let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &[]).await;
    assert_eq!(events[5..], []);
    let back = Fakes { exec: std::sync::Arc::default(), ..fakes };
    answers(&back, "w1", &probe("w1"));
    silent(&back);
    back.api.set("w1", node("u1"));
    let (seen, events, _) = look(&back, cluster(Distribution::K3s, &["w1"]), &[]).await;
    assert_eq!(events[5..], [What::Sighted { machine: w1() }, What::Ready { machine: w1() }]);
    assert_eq!(seen.past.machines[&w1()].silent_since, None, "what is returned includes the changes");
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_over_when_the_machine_itself_shows_it() {
    let fakes = Fakes::new();
    let restart = Effect::Restart { machine: name("w1"), voted: false };
    let base = [
        What::ClusterFound,
        recognised("i1", "uuid-w1"),
        joined("u1"),
        What::ApiLost,
        What::NotReady { machine: name("w1") },
        What::Done { effect: restart, took_ms: 0, note: None },
    ];
    // The API server is back and still calls the node Ready; the machine says nothing.
    fakes.api.set("w1", node("u1"));
    silent(&fakes);
    let (seen, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &base).await;
    assert_eq!(events, [What::ApiBack, What::LostSight { machine: name("w1") }]);
    assert!(seen.past.machines[&name("w1")].restarts.is_some());
    let back = Fakes { exec: std::sync::Arc::default(), ..fakes };
    let mut runs = probe("w1");
    runs.kubelet = true;
    answers(&back, "w1", &runs);
    let (seen, events, _) = look(&back, cluster(Distribution::K3s, &["w1"]), &[]).await;
    assert_eq!(events[8..], [What::Sighted { machine: name("w1") }, What::Ready { machine: name("w1") }]);
    assert_eq!(seen.past.machines[&name("w1")].restarts, None);
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_ends_when_its_member_leaves_the_configuration() {
    let fakes = Fakes::new();
    let effect = Effect::Forget { machine: name("w1"), tombstone: true };
    let removed = [What::ClusterFound, What::Done { effect, took_ms: 0, note: None }];
    let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &["w1"]), &removed).await;
    assert_eq!(events, []);
    let (_, events, _) = look(&fakes, cluster(Distribution::K3s, &[]), &[]).await;
    assert_eq!(events[2..], [What::Undeleted { machine: name("w1") }]);
}
