//! `status --watch`: a line for each change, and an end by Ctrl-C that is no failure.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::project::Project;
use crate::project::SMALL;

fn watching(project: &Project, args: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut command = project.command(&[&["status", "--watch", "--simulate"], args].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

fn end(child: &mut Child) {
    let pid = Pid::from_child(child);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn changes_are_told_line_by_line_until_ctrl_c() {
    let project = Project::new(SMALL);
    let (mut child, mut lines) = watching(&project, &[]);
    // The first line is written when everything is watched already.
    assert!(lines.next().unwrap().starts_with("Nothing is remembered yet"));
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    let ready = lines.find(|line| line.contains("prod-w1") && line.ends_with("ready"));
    assert!(ready.is_some(), "the watch ended before it was told");
    end(&mut child);
}

#[test]
fn programs_get_a_document_for_each_change() {
    let project = Project::new(SMALL);
    let (mut child, lines) = watching(&project, &["-o", "json"]);
    let mut documents = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    assert_eq!(documents.next().unwrap()["clusters"], serde_json::json!([]));
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    let is_ready =
        |document: &serde_json::Value| document["clusters"][0]["machines"]["prod-w1"]["stage"] == "ready";
    assert!(documents.any(|document| is_ready(&document)), "the watch ended before it was told");
    end(&mut child);
}
