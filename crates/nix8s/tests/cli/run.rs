//! `nix8s run`: keeps a cluster, takes up what changes, tells about itself, and ends when asked.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::process::ChildStderr;
use std::process::ChildStdout;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use serde_json::Value;

use crate::project::Project;
use crate::project::SMALL;

struct Loop {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    at: String,
}

impl Loop {
    fn begin(project: &Project) -> Self {
        // Paced time goes on while this computer is busy with something else, and timeouts with it: a minute in a tenth of
        // a second leaves room for that.
        let args = ["run", "--simulate", "--pace", "10", "-o", "json", "--listen", "127.0.0.1:0"];
        let mut child = project.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let said = said(&mut stderr, "Listening");
        let at = said.split("http://").nth(1).and_then(|rest| rest.split(": ").next()).unwrap().to_owned();
        Self { child, stdout, stderr, at }
    }

    /// Reads on until it rests like this.
    fn rests(&mut self, how: &str) {
        let is_it = |line: &Value| line["type"] == "rested" && line["ending"] == how;
        while !is_it(&self.line()) {}
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it ended: {:?}", self.child.wait());
        serde_json::from_str(&line).unwrap()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.at).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn end(mut self) -> (Option<i32>, String) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.stdout.read_to_string(&mut String::new()).unwrap();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that passed has nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(stderr: &mut BufReader<ChildStderr>, what: &str) -> String {
    let mut said = String::new();
    while !said.contains(what) {
        said.clear();
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it never said {what:?}");
    }
    said
}

#[test]
fn a_loop_keeps_a_cluster_and_takes_up_what_changes() {
    let project = Project::new(SMALL);
    let mut kept = Loop::begin(&project);
    kept.rests("converged");
    assert_eq!(kept.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(kept.get("/readyz"), (200, "ok\n".to_owned()));
    let (_, metrics) = kept.get("/metrics");
    assert!(metrics.contains("nix8s_converged{cluster=\"prod\"} 1"), "{metrics}");
    assert!(metrics.contains("role=\"worker\",stage=\"ready\"} 2"), "{metrics}");
    let (status, page) = kept.get("/");
    assert!(status == 200 && page.contains("prod-w1"), "{page}");
    // Whoever plans beside it is refused.
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 4);

    // One that is wrong is told, and the one before is kept.
    project.write("nix8s.yaml", SMALL.replace("'1.34'", "'one'").as_bytes());
    said(&mut kept.stderr, "is kept until this is mended");
    let (status, why) = kept.get("/readyz");
    assert!(status == 503 && why.contains("configuration"), "{why}");

    project.write("nix8s.yaml", SMALL.replace("'1.34'", "'1.35'").as_bytes());
    said(&mut kept.stderr, "taken up");
    // It has rested many times by now; what counts is what it does after that.
    for _ in 0..3 {
        let is_switch = |line: &Value| line["type"] == "step-done" && line["kind"] == "switch";
        while !is_switch(&kept.line()) {}
    }
    kept.rests("converged");
    let (_, metrics) = kept.get("/metrics");
    assert!(metrics.contains("nix8s_configuration_valid{cluster=\"prod\"} 1"), "{metrics}");
    assert!(metrics.contains("kind=\"switch\",result=\"done\"} 3"), "{metrics}");

    // What is asked of it while it holds the lock is done.
    let asked = project.run(&["node", "rebuild", "w1", "--simulate"]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let is_rebuilt = |line: &Value| {
        line["type"] == "step-done" && line["kind"] == "switch" && line["machine"] == "prod-w1"
    };
    while !is_rebuilt(&kept.line()) {}
    kept.rests("converged");

    // A marker is seen at once, and what policy forbids waits.
    assert_eq!(project.run(&["node", "delete", "w2", "--simulate"]).code, 0);
    while kept.line()["ending"]["needs-permit"]["waits"][0]["machine"] != "prod-w2" {}
    let (code, said) = kept.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(project.state("prod.sim").keys().any(|path| path.ends_with("heartbeat.json")));
}

#[test]
fn a_loop_that_could_not_work_is_refused_before_it_begins() {
    let project = Project::new(SMALL);
    let ran = project.run(&["run", "--simulate"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("--pace 1"), "{}", ran.all());
    let ran = project.run_reading(&["run", "--simulate", "--pace", "1", "--config", "-"], SMALL.as_bytes());
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("standard input"), "{}", ran.all());
    let ran = project.run(&["run", "--simulate", "--pace", "1", "--listen", "192.0.2.1:1"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("could not listen at 192.0.2.1:1"), "{}", ran.all());
}
