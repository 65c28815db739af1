//! Programs on this computer: their answers, their ends, and that nothing is left of them.

mod machines;

use std::sync::Arc;
use std::time::Duration;

use nix8s_core::tool::Command;
use nix8s_core::tool::File;

use super::Processes;
use super::leftover;
use crate::port::Exec;
use crate::port::Store;
use crate::state::dir::Access;
use crate::state::dir::Kind;
use crate::state::dir::StateDir;
use crate::state::layout;
use crate::state::lock::Holder;
use crate::state::memory::Memory;

fn bash(text: &str) -> Command {
    let mut command = Command::here(["bash", "{files}/script"], Duration::from_secs(60));
    command.files.insert("script".to_owned(), File::private(text));
    command
}

fn here(folder: &std::path::Path) -> Processes {
    Processes::in_folder(folder.to_owned())
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Another version may be put in its place while it runs.
#[test]
fn the_program_that_runs_is_found_when_its_file_is_gone() {
    const ITSELF: &str = "NIX8S_TEST_IN_A_COPY";
    let own = std::env::current_exe().unwrap();
    if std::env::var_os(ITSELF).is_some() {
        std::fs::remove_file(&own).unwrap();
        assert!(std::fs::read(super::machines::program().unwrap()).unwrap().starts_with(b"\x7fELF"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::copy(own, &copy).unwrap();
    let mut command = std::process::Command::new(&copy);
    command.args(["--exact", "real::tests::the_program_that_runs_is_found_when_its_file_is_gone"]);
    assert!(command.env(ITSELF, "1").status().unwrap().success());
    assert!(!copy.exists(), "it was run");
}

#[tokio::test]
async fn a_program_answers_with_status_and_both_its_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let output = here(folder.path()).run(&bash("pwd; echo no >&2; exit 7")).await.unwrap();
    let there = folder.path().canonicalize().unwrap();
    assert_eq!(output.status, 7);
    assert_eq!((output.stdout.trim(), output.stderr.trim()), (there.to_str().unwrap(), "no"));
    let read = Command::here(["cat"], Duration::from_secs(60)).reading("secret".to_owned());
    assert_eq!(here(folder.path()).run(&read).await.unwrap().stdout, "secret");
    let missing = Command::here(["no-such-program"], Duration::from_secs(60));
    let error = here(folder.path()).run(&missing).await.unwrap_err();
    assert_eq!(error.to_string(), "no-such-program is not installed");
}

#[tokio::test]
async fn its_files_are_ours_alone_and_gone_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let output = here(folder.path()).run(&bash("stat -c %a $0 ${0%/*}/..; echo $0")).await.unwrap();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines[..2], ["600", "700"]);
    assert!(!std::path::Path::new(lines[2]).exists());
}

/// What nixos-anywhere says about a machine is more than an error can hold.
#[tokio::test]
async fn all_that_an_installation_prints_is_in_a_log_that_is_ours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = "prod".parse().unwrap();
    let holder = Holder::this("test", jiff::Timestamp::UNIX_EPOCH);
    let state = StateDir::open(folder.path(), &cluster, Kind::Real, Access::Plan(holder)).unwrap();
    let state: Arc<dyn Store> = Arc::new(state);
    let processes = Processes::on_record(folder.path().to_owned(), Arc::clone(&state));
    let machine = "prod-w1".parse().unwrap();
    let told = |text: &str| Command { log: Some("prod-w1".parse().unwrap()), ..bash(text) };
    processes.run(&told("echo once")).await.unwrap();
    processes.run(&told("seq 100000; echo wrong >&2; exit 1")).await.unwrap();
    let path = state.root().unwrap().join(layout::install_log(&machine));
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(
        log.starts_with("1\n2\n3\n") && log.contains("\n100000\n") && log.contains("wrong\n"),
        "{}",
        log.len()
    );
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777,
        0o600
    );
}

#[tokio::test]
async fn what_a_program_leaves_running_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = here(folder.path()).run(&bash("sleep 1000 & echo $!")).await.unwrap();
    assert!(!lives(output.stdout.trim()), "{}", output.stdout);
}

#[tokio::test]
async fn a_program_that_is_dropped_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let command = bash("sleep 1000 & echo $! > pid.new; mv pid.new pid; wait");
    let processes = here(folder.path());
    let run = processes.run(&command);
    let written = async {
        while !pid.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = run => panic!("it waits for its child"),
        () = written => {}
    }
    let child = std::fs::read_to_string(&pid).unwrap();
    // The kernel takes it away at once, and may need a moment to say so.
    while lives(child.trim()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_is_asked_to_stop_may_end_in_its_own_way() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name);
    let command = bash("trap 'touch bye; exit 0' TERM; touch ready; while :; do sleep 0.01; done");
    let ready = there("ready");
    let stop = Box::pin(async move {
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(here(folder.path()).run_until(&command, stop).await, None);
    assert!(there("bye").exists());
}

#[tokio::test]
async fn of_what_a_program_complains_about_the_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = here(folder.path()).run(&bash("yes | head -c 1000000 >&2; echo end >&2")).await.unwrap();
    assert_eq!(output.stderr.len(), super::process::TAIL_MAX);
    assert!(output.stderr.ends_with("y\nend\n"));
}

#[tokio::test]
async fn what_a_killed_nix8s_left_running_is_ended_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let processes = Processes::on_record(folder.path().to_owned(), Arc::clone(&store));
    let mut script =
        bash("trap 'touch tidied; exit 7' TERM; echo $$ > pid.new; mv pid.new pid; sleep 1000 & wait");
    script.argv.splice(0..0, ["env".to_owned(), "NIX8S_SCRIPT=s".to_owned()]);
    let running = processes.run(&script);
    let pid = folder.path().join("pid");
    let is_on_record = async {
        while !pid.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.list(layout::RUNNING).unwrap()
    };
    let (output, ()) = tokio::join!(running, async {
        let recorded = is_on_record.await;
        // As the next nix8s does, which has not begun it.
        assert_eq!((recorded.len(), leftover::end(&*store).unwrap()), (1, 1));
    });
    assert_eq!(output.unwrap().status, 7);
    assert!(folder.path().join("tidied").exists());
    assert_eq!(store.list(layout::RUNNING).unwrap(), [] as [String; 0]);
    // A number that another process has by now is not touched.
    let other = std::process::id();
    store.write(&format!("{}/{other}", layout::RUNNING), b"1").unwrap();
    assert_eq!(leftover::end(&*store).unwrap(), 0);
}
