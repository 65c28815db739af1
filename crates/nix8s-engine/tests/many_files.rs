//! A large cluster has more files than a process may have open.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use jiff::Timestamp;
use nix8s_engine::port::Store;
use nix8s_engine::state::dir::Access;
use nix8s_engine::state::dir::Kind;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::lock::Holder;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// Files that may be open: enough for a test runner's own.
const OPEN_MAX: u64 = 64;

/// Alone in its file, because the limit is the whole process's.
#[test]
fn more_files_are_written_together_than_may_be_open() {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(OPEN_MAX), ..before }).unwrap();
    let files: Vec<(String, Vec<u8>)> =
        (0..10 * OPEN_MAX).map(|n| (format!("nodes/w{n}/state.json"), n.to_string().into_bytes())).collect();
    for kind in [Kind::Real, Kind::Simulated] {
        let base = tempfile::tempdir().unwrap();
        let access = Access::Plan(Holder::this("apply", Timestamp::UNIX_EPOCH));
        let state = StateDir::open(base.path(), &"c".parse().unwrap(), kind, access).unwrap();
        state.write_all(&files).unwrap();
        let written = files.iter().filter(|(path, bytes)| state.read(path).unwrap().as_ref() == Some(bytes));
        assert_eq!(written.count(), files.len());
    }
}
