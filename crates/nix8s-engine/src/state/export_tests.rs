//! Exports and markers: what people find in the state directory, and what they may do there.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::Known;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::Observed;
use nix8s_core::observed::Reach;
use nix8s_core::observed::System;
use nix8s_core::past::Past;
use nix8s_core::permit::EraseScope;
use tempfile::TempDir;

use super::dir::Access;
use super::dir::Kind;
use super::dir::StateDir;
use super::export;
use super::export::Exporter;
use super::lock::Holder;
use super::marker;
use super::marker::Leaving;
use super::memory::Memory;
use crate::journal::Journal;
use crate::port::Store;
use crate::testing::Fakes;
use crate::testing::TestClock;
use crate::testing::cluster;
use crate::testing::name;
use crate::testing::node;
use crate::testing::probe;
use crate::testing::system;

/// Everything runs what it should, and `w1` is a member.
fn seen(cluster: &Cluster) -> Observed {
    let parts = |name: &MachineName| (*cluster.machines[name].parts).clone();
    let wanted = |n: &MachineName| System { path: system(&format!("{n}")), parts: parts(n), version: None };
    let machine = |n: &MachineName| {
        let probe = nix8s_core::observed::Probe { running: Some(wanted(n)), ..probe(n.as_str()) };
        (n.clone(), MachineSeen { reach: Reach::Answered, probe: Some(probe) })
    };
    let mut past = Past::default();
    past.machine(&name("w1")).joined =
        Some(nix8s_core::past::Joined { role: Role::Worker, uid: None, at: Timestamp::UNIX_EPOCH });
    Observed {
        at: Timestamp::UNIX_EPOCH,
        machines: cluster.machines.keys().map(machine).collect(),
        api: Known::Known(ApiSeen {
            nodes: BTreeMap::from([(name("w1"), node("u1"))]),
            ..ApiSeen::default()
        }),
        wanted: Known::Known(cluster.machines.keys().map(|n| (n.clone(), wanted(n))).collect()),
        wanted_version: cluster.version.clone(),
        secrets: Known::Known(BTreeSet::new()),
        kubeconfig: Known::Unknown,
        past,
    }
}

fn export_once(store: &dyn Store, cluster: &Cluster, seen: &Observed) {
    let former = export::former(store, cluster).unwrap();
    Exporter::default().export(store, cluster, &former, seen).unwrap();
}

fn text(store: &dyn Store, path: &str) -> Option<String> {
    store.read(path).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn what_changed_is_written_and_nothing_else() {
    let memory = Memory::new();
    let cluster = cluster(Distribution::K3s, &["w1", "w2"]);
    let mut seen = seen(&cluster);
    let mut exporter = Exporter::default();
    let former = BTreeMap::new();
    exporter.export(&memory, &cluster, &former, &seen).unwrap();
    assert!(text(&memory, "desired/w1.json").unwrap().contains("/nix/store/w1"));
    assert!(text(&memory, "nodes/w1/state.json").unwrap().contains("\"ready\": true"));
    assert!(text(&memory, "k8s/members/w1").unwrap().contains("worker"));
    assert_eq!(text(&memory, "k8s/members/w2"), None);
    memory.set_faults(Some(Box::new(|path| panic!("{path} is written though nothing changed"))));
    exporter.export(&memory, &cluster, &former, &seen).unwrap();
    export_once(&memory, &cluster, &seen);
    memory.set_faults(Some(Box::new(|path| {
        assert_eq!(path, "nodes/w2/state.json");
        super::memory::Fate::Whole
    })));
    seen.machines.insert(name("w2"), MachineSeen { reach: Reach::TimedOut, probe: None });
    exporter.export(&memory, &cluster, &former, &seen).unwrap();
}

#[test]
fn a_machine_that_left_the_configuration_is_reached_as_it_was_until_it_is_forgotten() {
    let memory = Memory::new();
    let before = cluster(Distribution::K3s, &["w1", "w2"]);
    let mut seen = seen(&before);
    export_once(&memory, &before, &seen);
    let after = cluster(Distribution::K3s, &["w2"]);
    let former = export::former(&memory, &after).unwrap();
    assert_eq!(former[&name("w1")].ssh.host.as_deref(), Some("w1.test"));
    export_once(&memory, &after, &seen);
    assert!(export::former(&memory, &after).unwrap().contains_key(&name("w1")), "it is still a member");
    seen.past.machines.clear();
    export_once(&memory, &after, &seen);
    assert!(export::former(&memory, &after).unwrap().is_empty());
    assert_eq!(memory.list("nodes").unwrap(), ["cp1", "w2"]);
    assert_eq!(text(&memory, "k8s/members/w1"), None);
}

#[test]
fn n_07_nothing_is_removed_but_our_files_by_name() {
    let base = TempDir::new().unwrap();
    let c = "c".parse().unwrap();
    let holder = Holder::this("apply", Timestamp::UNIX_EPOCH);
    let dir = StateDir::open(base.path(), &c, Kind::Real, Access::Plan(holder)).unwrap();
    let before = cluster(Distribution::K3s, &["w1"]);
    let mut seen = seen(&before);
    export_once(&dir, &before, &seen);
    let foreign = ["nodes/w1/notes.txt", "nodes/other/config.json", "k8s/members/other", "nodes/data/big"];
    for path in foreign {
        let path = base.path().join("c").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "mine").unwrap();
    }
    std::fs::create_dir(base.path().join("sibling")).unwrap();
    let after = cluster(Distribution::K3s, &[]);
    seen.past.machines.clear();
    export_once(&dir, &after, &seen);
    for path in foreign {
        assert!(dir.read(path).unwrap().is_some(), "{path}");
    }
    assert_eq!(dir.list("nodes/w1").unwrap(), ["notes.txt"]);
    assert!(base.path().join("sibling").is_dir());
}

fn journal(fakes: &Fakes) -> Journal {
    Journal::open(fakes.store.clone(), std::sync::Arc::new(TestClock::new()), "r".to_owned()).unwrap()
}

fn recorded(fakes: &Fakes) -> Vec<What> {
    fakes.store.events().unwrap().into_iter().map(|event| event.what).collect()
}

#[tokio::test(start_paused = true)]
async fn delete_is_taken_in_once_and_undelete_takes_it_back() {
    let fakes = Fakes::new();
    let (store, cluster) = (&*fakes.store, cluster(Distribution::K3s, &["w1"]));
    let mut journal = journal(&fakes);
    marker::delete(store, &name("w1"), Leaving::InOrder).unwrap();
    for _ in 0..3 {
        marker::take_in(store, &cluster, &mut journal).unwrap();
    }
    assert_eq!(recorded(&fakes), [What::MarkedDelete { machine: name("w1"), lost: false }]);
    marker::delete(store, &name("w1"), Leaving::Lost).unwrap();
    marker::take_in(store, &cluster, &mut journal).unwrap();
    assert!(journal.past().machines[&name("w1")].lost);
    marker::undelete(store, &name("w1")).unwrap();
    for _ in 0..3 {
        marker::take_in(store, &cluster, &mut journal).unwrap();
    }
    assert!(!journal.past().machines[&name("w1")].delete);
    assert_eq!(recorded(&fakes).len(), 3);
    assert_eq!(store.list("nodes").unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_empty_delete_file_is_a_delete_that_asserts_no_loss() {
    let fakes = Fakes::new();
    let mut journal = journal(&fakes);
    fakes.store.write("nodes/w1/DELETE", b"").unwrap();
    marker::take_in(&*fakes.store, &cluster(Distribution::K3s, &["w1"]), &mut journal).unwrap();
    assert_eq!(recorded(&fakes), [What::MarkedDelete { machine: name("w1"), lost: false }]);
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_keeps_its_marker_until_the_member_leaves_the_configuration() {
    let fakes = Fakes::new();
    let (store, with) = (&*fakes.store, cluster(Distribution::K3s, &["w1"]));
    let mut journal = journal(&fakes);
    marker::delete(store, &name("w1"), Leaving::InOrder).unwrap();
    marker::take_in(store, &with, &mut journal).unwrap();
    let effect = nix8s_core::plan::Effect::Forget { machine: name("w1"), tombstone: true };
    journal.record([What::Done { effect, took_ms: 0, note: None }]).unwrap();
    marker::take_in(store, &with, &mut journal).unwrap();
    assert!(journal.past().machines[&name("w1")].removed);
    assert!(text(store, "nodes/w1/DELETE").is_some());
    journal.record([What::Undeleted { machine: name("w1") }]).unwrap();
    marker::take_in(store, &cluster(Distribution::K3s, &[]), &mut journal).unwrap();
    assert_eq!(text(store, "nodes/w1/DELETE"), None, "else it would be removed again when it comes back");
}

#[tokio::test(start_paused = true)]
async fn removing_the_config_hash_asks_for_a_rebuild_once() {
    let fakes = Fakes::new();
    let (store, cluster) = (&*fakes.store, cluster(Distribution::K3s, &["w1"]));
    let mut journal = journal(&fakes);
    let (installation, uuid) = ("i1".to_owned(), "u1".to_owned());
    let ours = What::Recognised { machine: name("w1"), installation, uuid };
    journal.record([ours.clone()]).unwrap();
    export_once(store, &cluster, &seen(&cluster));
    let hash = text(store, "nodes/w1/config-hash").expect("it runs what it should");
    marker::take_in(store, &cluster, &mut journal).unwrap();
    assert_eq!(recorded(&fakes), std::slice::from_ref(&ours));
    store.remove("nodes/w1/config-hash").unwrap();
    for _ in 0..3 {
        marker::take_in(store, &cluster, &mut journal).unwrap();
    }
    assert_eq!(recorded(&fakes), [ours, What::Rebuild { machine: name("w1"), action: None }]);
    assert_eq!(text(store, "nodes/w1/config-hash"), Some(hash));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_taken_in_once_in_its_order_even_after_a_kill_in_between() {
    let fakes = Fakes::new();
    let (store, cluster) = (&*fakes.store, cluster(Distribution::K3s, &["w1"]));
    let machine = || name("w1");
    let erase = |scope| What::Reinstall { machine: machine(), scope };
    marker::ask(store, "2", &[erase(None)]).unwrap();
    marker::ask(store, "1", &[erase(Some(EraseScope::All)), What::Retry { machine: machine() }]).unwrap();
    let mut journal = journal(&fakes);
    let pending = marker::pending(store, &cluster, journal.past()).unwrap();
    assert_eq!(pending, [erase(Some(EraseScope::All)), What::Retry { machine: machine() }, erase(None)]);
    // Killed after it was put on record, before the files were removed: it is put on record again.
    journal.record(pending).unwrap();
    marker::take_in(store, &cluster, &mut journal).unwrap();
    assert_eq!(recorded(&fakes).len(), 6);
    assert_eq!(journal.past().machines[&machine()].reinstall, None);
    marker::take_in(store, &cluster, &mut journal).unwrap();
    assert_eq!(recorded(&fakes).len(), 6);
    assert_eq!(store.list("asked").unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn only_what_a_person_may_ask_for_is_taken_in() {
    let fakes = Fakes::new();
    let (store, cluster) = (&*fakes.store, cluster(Distribution::K3s, &["w1"]));
    let forged = What::MarkedDelete { machine: name("w1"), lost: true };
    assert!(marker::ask(store, "1", std::slice::from_ref(&forged)).is_err());
    for text in [serde_json::to_string(&[forged]).unwrap(), "x".to_owned()] {
        store.write("asked/1.json", text.as_bytes()).unwrap();
        let error = marker::take_in(store, &cluster, &mut journal(&fakes)).unwrap_err().to_string();
        assert!(error.starts_with("asked/1.json is not something to ask for"), "{error}");
    }
    assert_eq!(recorded(&fakes), []);
}
