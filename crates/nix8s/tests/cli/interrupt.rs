//! Ctrl-C, and two of nix8s at once.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Child;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::project::Project;
use crate::project::SMALL;

/// An apply that is so slow that it does not end while the test looks.
struct Slow {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Slow {
    /// Begins, and returns when the machines are being installed.
    fn begin(project: &Project, pace: &str) -> Self {
        let mut command = project.command(&["apply", "--simulate", "--yes", "--pace", pace, "-o", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut slow = Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        };
        let is_last = |line: &str| line.contains("step-started") && line.contains("install:prod-w2");
        while !is_last(&slow.line()) {}
        slow
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it ended early: {:?}", self.child.wait());
        line
    }

    fn interrupt(&mut self) -> String {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        // Blank lines and warnings may come first.
        let mut said = String::new();
        while !said.contains("stopping") && self.stderr.read_line(&mut said).unwrap() != 0 {}
        said
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn ctrl_c_once_finishes_what_runs_and_the_next_apply_resumes() {
    let project = Project::new(SMALL);
    // The installations, of some four minutes, take two seconds at this pace.
    let mut slow = Slow::begin(&project, "2");
    assert!(slow.interrupt().contains("stopping after the steps that run"));
    let (code, rest) = slow.end();
    assert_eq!(code, Some(130), "{rest}");
    assert_eq!(rest.matches("\"kind\":\"install\"").count(), 3, "what ran was finished: {rest}");
    assert!(!rest.contains("step-started"), "nothing new was begun: {rest}");
    assert!(rest.contains("\"ending\":\"interrupted\""), "{rest}");
    assert!(project.run(&["status", "--simulate"]).stdout.contains("prod: "));
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn ctrl_c_twice_stops_at_once_and_the_next_apply_resumes() {
    let project = Project::new(SMALL);
    // At this pace the installations take a minute.
    let mut slow = Slow::begin(&project, "0.06");
    assert!(slow.interrupt().contains("stopping after the steps that run"));
    let said = slow.interrupt();
    assert!(said.contains("stopping at once"), "{said}");
    let (code, rest) = slow.end();
    assert_eq!(code, Some(130), "{rest}");
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_second_apply_is_refused_and_told_who_is_at_it() {
    let project = Project::new(SMALL);
    let mut slow = Slow::begin(&project, "0.06");
    let second = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(second.code, 4, "{}", second.all());
    let pid = slow.child.id().to_string();
    assert!(second.stderr.contains("nix8s apply") && second.stderr.contains(&pid), "{}", second.all());
    let reading = project.run(&["status", "--simulate"]);
    assert_eq!(reading.code, 0, "reading needs no lock: {}", reading.all());
    slow.interrupt();
    slow.interrupt();
    assert_eq!(slow.end().0, Some(130));
}
