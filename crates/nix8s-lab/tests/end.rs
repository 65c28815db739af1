//! A lab ends with the program that has it, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix8s_lab::Lab;
use nix8s_lab::LabError;

/// How long tidying up may take before it counts as not done. It takes less than a second.
const END: Duration = Duration::from_secs(60);

/// What a lab is known by from outside.
struct Traces {
    folder: PathBuf,
    /// Its namespaces of processes, mounts and networks.
    namespaces: BTreeSet<PathBuf>,
}

impl Traces {
    fn of(init: u32, home: &Path) -> Self {
        let namespaces = ["pid", "mnt", "net"].iter().map(|kind| namespace(&init.to_string(), kind).unwrap());
        Self { folder: home.parent().unwrap().to_owned(), namespaces: namespaces.collect() }
    }

    /// What of it is there now.
    fn left(&self) -> Vec<String> {
        let name = self.folder.file_name().unwrap().to_str().unwrap();
        let mut left = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let number = process.file_name().to_string_lossy().into_owned();
            let cgroup = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
            let inside = ["pid", "mnt", "net"].iter().filter_map(|kind| namespace(&number, kind));
            if cgroup.contains(name) || inside.into_iter().any(|it| self.namespaces.contains(&it)) {
                let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
                left.push(format!("process {number}: {}", command.replace('\0', " ")));
            }
        }
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let group = Path::new(root).join(name);
            left.extend(group.exists().then(|| format!("control group {}", group.display())));
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|line| line.contains(name)).map(|line| format!("mount {line}")));
        left.extend(self.folder.exists().then(|| format!("folder {}", self.folder.display())));
        left
    }

    /// Waits until nothing is.
    fn gone(&self) {
        let begin = Instant::now();
        while !self.left().is_empty() {
            assert!(begin.elapsed() < END, "this is left: {:#?}", self.left());
            std::thread::yield_now();
        }
    }
}

/// A namespace that a process is in.
fn namespace(process: &str, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).ok()
}

/// Network cards of this computer.
fn cards() -> BTreeSet<String> {
    let cards = fs::read_dir("/sys/class/net").unwrap().flatten();
    cards.map(|card| card.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_lab_that_is_dropped_leaves_nothing() {
    let before = cards();
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let traces = Traces::of(lab.init(), lab.home());
    // What looks for traces finds those that are there.
    let there = traces.left();
    for what in ["process", "control group", "folder"] {
        assert!(there.iter().any(|line| line.starts_with(what)), "{there:#?}");
    }
    assert_eq!(cards(), before, "the lab's network is not the computer's");
    drop(lab);
    traces.gone();
    assert_eq!(cards(), before);
}

/// `nix8s-lab`, and what it said it has.
fn program(hosts: &[&str]) -> Option<(Child, Traces)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s-lab"));
    command.args(hosts).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let line = line.strip_prefix("The lab is up, as process ").unwrap();
    let (init, rest) = line.split_once(", with its files in ").unwrap();
    let traces = Traces::of(init.parse().unwrap(), Path::new(rest.trim_end().trim_end_matches('.')));
    // Whatever else it says is read up to where it waits.
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("Ctrl-C ends the lab")));
    child.stdin.as_mut().unwrap().write_all(b"cut w1\n").unwrap();
    assert_eq!(lines.next().as_deref(), Some("w1: cut: done"));
    Some((child, traces))
}

/// Says so where there can be no lab.
fn is_possible() -> bool {
    Lab::start_or_skip(&[]).is_some()
}

#[test]
fn a_lab_ends_with_a_program_that_is_killed() {
    if !is_possible() {
        return;
    }
    let (mut child, traces) = program(&["w1"]).unwrap();
    assert!(!traces.left().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    traces.gone();
}

#[test]
fn what_is_left_when_the_guard_is_killed_too_the_next_lab_removes() {
    if !is_possible() {
        return;
    }
    let (mut child, traces) = program(&["w1"]).unwrap();
    // The guard is the parent of unshare, which is that of the first process.
    let init = traces.left().len();
    assert!(init > 0);
    for process in guards(&traces) {
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while traces.left().iter().any(|trace| trace.starts_with("process")) {
        assert!(begin.elapsed() < END, "this is left: {:#?}", traces.left());
        std::thread::yield_now();
    }
    assert!(traces.folder.exists(), "nobody was there to remove it");
    drop(Lab::start(&[]).unwrap());
    assert_eq!(traces.left(), Vec::<String>::new());
}

/// The processes outside of the lab that tidy up after it.
fn guards(traces: &Traces) -> Vec<i32> {
    let folder = traces.folder.to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ours = all.filter(|process| {
        let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        command.starts_with("sh\0-c\0#!/bin/sh\n# Holds") && command.contains(folder)
    });
    ours.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn a_computer_that_cannot_have_a_lab_is_told_why() {
    let output = Command::new("unshare")
        .args(["--user", "--", env!("CARGO_BIN_EXE_nix8s-lab"), "w1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.starts_with("error: a lab cannot be had here: only root can"), "{said}");
    let missing = LabError::Missing("there is no ip (Debian: iproute2)".to_owned());
    assert_eq!(missing.chain(), "a lab cannot be had here: there is no ip (Debian: iproute2)");
}
