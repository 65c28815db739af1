//! What the state directory keeps to: nothing that was reported done is lost, damage is said, nothing foreign is touched.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::ClusterName;
use nix8s_core::model::Role;
use nix8s_core::past::Past;
use tempfile::TempDir;

use super::dir::Access;
use super::dir::Kind;
use super::dir::OpenError;
use super::dir::StateDir;
use super::layout;
use super::lock::Holder;
use super::lock::LockError;
use super::log;
use super::memory::Fate;
use super::memory::Memory;
use super::snapshot;
use crate::journal::Journal;
use crate::port::Place;
use crate::port::Store;
use crate::testing::TestClock;
use crate::testing::name;

fn c() -> ClusterName {
    "c".parse().unwrap()
}

fn holder(command: &str) -> Holder {
    Holder::this(command, Timestamp::UNIX_EPOCH)
}

fn planner(base: &TempDir, kind: Kind) -> StateDir {
    StateDir::open(base.path(), &c(), kind, Access::Plan(holder("apply"))).unwrap()
}

fn event(seq: u64, what: What) -> Event {
    Event { v: EVENT_VERSION, seq, at: Timestamp::UNIX_EPOCH, run: "r".to_owned(), what }
}

fn events(first: u64, count: u64) -> Vec<Event> {
    let joined =
        |seq| What::Joined { machine: name(&format!("m{seq}")), uid: "u".to_owned(), role: Role::Worker };
    (first..first + count).map(|seq| event(seq, joined(seq))).collect()
}

fn log_of(base: &TempDir) -> std::path::PathBuf {
    base.path().join("c").join(layout::LOG)
}

#[test]
fn the_log_is_readable_at_every_byte_prefix_and_loses_only_what_was_not_reported() {
    let all = events(1, 4);
    let bytes = log::encode(&all);
    for length in 0..=bytes.len() {
        let whole = bytes[..length].iter().filter(|b| **b == b'\n').count();
        let decoded = log::decode(&bytes[..length], Place::default()).unwrap();
        assert_eq!(decoded.events, all[..whole], "{length}");
        assert_eq!(decoded.end.offset + decoded.torn, length as u64, "{length}");
    }
}

#[test]
fn a_torn_last_line_is_dropped_with_a_warning_and_cut_off_by_the_next_append() {
    for torn in ["{\"v\":1,\"se", "\0\0\0\0", "{\"v\":1}\n", "\0\0\n"] {
        let base = TempDir::new().unwrap();
        planner(&base, Kind::Real).append(&events(1, 2)).unwrap();
        let mut bytes = fs::read(log_of(&base)).unwrap();
        bytes.extend_from_slice(torn.as_bytes());
        fs::write(log_of(&base), bytes).unwrap();
        let dir = planner(&base, Kind::Real);
        assert_eq!(dir.events().unwrap(), events(1, 2), "{torn:?}");
        assert!(dir.take_warnings()[0].contains("torn"), "{torn:?}");
        dir.append(&events(3, 1)).unwrap();
        assert_eq!(planner_after(dir, &base).events().unwrap(), events(1, 3), "{torn:?}");
    }
}

fn planner_after(dir: StateDir, base: &TempDir) -> StateDir {
    drop(dir);
    planner(base, Kind::Real)
}

#[test]
fn damage_in_the_middle_says_file_line_and_what_to_do() {
    let line = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let one = |seq| line(&log::encode(&events(seq, 1)));
    let cases = [
        ("no JSON", format!("{}rubbish\n{}", one(1), one(3)), "line 2"),
        ("a gap", format!("{}{}{}", one(1), one(3), one(4)), "event 3 stands where event 2 belongs"),
        ("a repeat", format!("{}{}{}", one(1), one(1), one(2)), "event 1 stands where event 2 belongs"),
    ];
    for (case, text, expected) in cases {
        let base = TempDir::new().unwrap();
        drop(planner(&base, Kind::Real));
        fs::write(log_of(&base), text).unwrap();
        let error = planner(&base, Kind::Real).events().unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("events.jsonl"), "{case}: {error}");
        assert!(error.contains("head -n 1"), "{case}: {error}");
    }
}

#[test]
fn an_event_of_a_newer_nix8s_is_refused_and_not_misread() {
    let mut newer = events(1, 2);
    newer[0].v = EVENT_VERSION + 1;
    let error = log::decode(&log::encode(&newer), Place::default()).unwrap_err().to_string();
    assert!(error.contains("newer nix8s"), "{error}");
}

#[test]
fn a_second_planner_is_refused_with_who_holds_the_lock() {
    let base = TempDir::new().unwrap();
    let first = planner(&base, Kind::Real);
    let refused = StateDir::open(base.path(), &c(), Kind::Real, Access::Plan(holder("run"))).unwrap_err();
    let OpenError::Lock(LockError::Held(Some(by))) = &refused else { panic!("{refused:?}") };
    assert_eq!((by.pid, by.command.as_str()), (std::process::id(), "apply"));
    assert!(refused.to_string().contains("`nix8s apply`"), "{refused}");
    StateDir::open(base.path(), &c(), Kind::Real, Access::Read).unwrap();
    drop(first);
    planner(&base, Kind::Real);
}

#[test]
fn what_a_killed_planner_had_not_renamed_is_removed_by_the_next() {
    let base = TempDir::new().unwrap();
    drop(planner(&base, Kind::Real));
    let root = base.path().join("c");
    std::fs::create_dir_all(root.join("nodes/w1")).unwrap();
    let torn = |process: u32| root.join(format!("nodes/w1/.state.json.{process}.tmp"));
    let (its, somebodys) = (torn(4_000_000), torn(4_000_001));
    for path in [&its, &somebodys] {
        std::fs::write(path, "{").unwrap();
    }
    // One that ended in order leaves nothing, and is not asked about.
    drop(planner(&base, Kind::Real));
    assert!(its.exists());
    let killed = Holder { pid: 4_000_000, ..holder("apply") };
    std::fs::write(root.join(layout::LOCK), serde_json::to_vec(&killed).unwrap()).unwrap();
    let state = planner(&base, Kind::Real);
    assert!(!its.exists() && somebodys.exists());
    drop(state);
    assert_eq!(std::fs::read(root.join(layout::LOCK)).unwrap(), b"");
}

#[test]
fn without_the_lock_nothing_is_written_but_markers() {
    let base = TempDir::new().unwrap();
    drop(planner(&base, Kind::Real));
    let reader = StateDir::open(base.path(), &c(), Kind::Real, Access::Read).unwrap();
    assert!(reader.append(&events(1, 1)).is_err());
    assert!(reader.write("k8s/initialized", b"x").is_err());
    reader.write(&layout::delete(&name("w1")), b"{}").unwrap();
}

#[test]
fn simulated_and_real_state_refuse_each_other() {
    let base = TempDir::new().unwrap();
    drop(planner(&base, Kind::Simulated));
    assert!(base.path().join("c.sim").is_dir());
    fs::rename(base.path().join("c.sim"), base.path().join("c")).unwrap();
    for access in [Access::Read, Access::Plan(holder("apply"))] {
        let refused = StateDir::open(base.path(), &c(), Kind::Real, access).unwrap_err();
        assert!(matches!(refused, OpenError::OtherKind { .. }), "{refused:?}");
        assert!(refused.to_string().contains("simulated machines"), "{refused}");
    }
    let base = TempDir::new().unwrap();
    drop(planner(&base, Kind::Real));
    fs::rename(base.path().join("c"), base.path().join("c.sim")).unwrap();
    let refused = StateDir::open(base.path(), &c(), Kind::Simulated, Access::Read).unwrap_err();
    assert!(matches!(refused, OpenError::OtherKind { .. }), "{refused:?}");
}

#[test]
fn paths_lead_nowhere_else() {
    let base = TempDir::new().unwrap();
    let dir = planner(&base, Kind::Real);
    for path in
        ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a/.", "a\0b", "a b", "$(id)", "nodes/.x"]
    {
        assert!(dir.write(path, b"x").is_err(), "{path:?}");
        assert!(dir.read(path).is_err(), "{path:?}");
        assert!(dir.remove(path).is_err(), "{path:?}");
    }
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
}

#[test]
fn files_are_replaced_whole_and_read_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let base = TempDir::new().unwrap();
    let dir = planner(&base, Kind::Real);
    let many: Vec<(String, Vec<u8>)> =
        (0..40).map(|i| (format!("nodes/m{i}/state.json"), vec![b'x'; i])).collect();
    dir.write_all(&many).unwrap();
    dir.write("nodes/m1/state.json", b"new").unwrap();
    assert_eq!(dir.read("nodes/m1/state.json").unwrap().unwrap(), b"new");
    assert_eq!(dir.read("nodes/m39/state.json").unwrap().unwrap().len(), 39);
    assert_eq!(dir.list("nodes/m1").unwrap(), ["state.json"], "no temporary file is left");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&base.path().join("c/nodes/m1/state.json")), 0o600);
    assert_eq!(mode(&base.path().join("c/nodes")), 0o700);
}

#[test]
fn a_write_that_was_cut_off_leaves_the_file_as_it_was() {
    let base = TempDir::new().unwrap();
    let dir = planner(&base, Kind::Real);
    dir.write("k8s/initialized", b"before").unwrap();
    // What a kill between the temporary file and its renaming leaves.
    fs::write(base.path().join("c/k8s/.initialized.1.tmp"), b"aft").unwrap();
    assert_eq!(dir.read("k8s/initialized").unwrap().unwrap(), b"before");
    assert_eq!(dir.list("k8s").unwrap(), ["initialized"]);
}

fn journal(store: &Arc<dyn Store>) -> Journal {
    Journal::open(store.clone(), Arc::new(TestClock::new()), "r".to_owned()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_says_what_the_events_say() {
    let base = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(planner(&base, Kind::Simulated));
    let mut first = journal(&store);
    first.record(events(1, 1500).into_iter().map(|event| event.what)).unwrap();
    first.keep_snapshot().unwrap();
    first.record(events(1501, 7).into_iter().map(|event| event.what)).unwrap();
    assert!(store.read(layout::SNAPSHOT).unwrap().is_some());
    let read = snapshot::read(&*store).unwrap();
    assert_eq!((read.snapshot, read.end.seq), (1500, 1507));
    assert_eq!(read.past, Past::from_events(&store.events().unwrap()));
    assert_eq!(&read.past, journal(&store).past());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_missing_damaged_or_ahead_is_made_again_from_the_events() {
    let base = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(planner(&base, Kind::Simulated));
    let mut first = journal(&store);
    first.record(events(1, 1500).into_iter().map(|event| event.what)).unwrap();
    first.keep_snapshot().unwrap();
    let whole = Past::from_events(&store.events().unwrap());
    let good = store.read(layout::SNAPSHOT).unwrap().unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let shifted = text.replacen("\"offset\":", "\"offset\":1", 1).into_bytes();
    let older = text.replacen("\"schema\":2", "\"schema\":1", 1).into_bytes();
    for damaged in [Vec::new(), b"rubbish".to_vec(), good[..good.len() / 2].to_vec(), shifted, older] {
        store.write(layout::SNAPSHOT, &damaged).unwrap();
        let read = snapshot::read(&*store).unwrap();
        assert_eq!((read.snapshot, read.past), (0, whole.clone()));
    }
    // The log was restored from a backup that is older than the snapshot: the log is right.
    store.write(layout::SNAPSHOT, &good).unwrap();
    drop((first, store));
    let path = base.path().join("c.sim").join(layout::LOG);
    fs::write(&path, log::encode(&events(1, 3))).unwrap();
    let read = snapshot::read(&planner(&base, Kind::Simulated)).unwrap();
    assert_eq!((read.end.seq, read.past.machines.len()), (3, 3));
}

#[test]
fn memory_tears_an_append_as_a_kill_would() {
    let bytes = log::encode(&events(3, 2)).len();
    for length in 0..bytes {
        let memory = Memory::new();
        memory.append(&events(1, 2)).unwrap();
        memory.set_faults(Some(Box::new(move |_| Fate::Torn(length))));
        assert!(memory.append(&events(3, 2)).is_err());
        memory.set_faults(None);
        let (left, end) = memory.events_after(Place::default()).unwrap();
        assert!(left.len() == 2 || left.len() == 3, "{length}");
        assert_eq!(memory.end(), Some(end));
        memory.append(&events(left.len() as u64 + 1, 1)).unwrap();
        assert_eq!(memory.events().unwrap().len(), left.len() + 1, "{length}");
    }
}
