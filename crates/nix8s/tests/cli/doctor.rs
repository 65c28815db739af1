//! `doctor`: a simulated cluster from its beginning on, and this computer with programs that are recorded.

use insta::assert_snapshot;
use serde_json::Value;

use crate::project::Project;
use crate::project::Ran;
use crate::project::SMALL;

#[test]
fn a_simulated_cluster_before_and_after_it_begins() {
    let project = Project::new(SMALL);
    assert_snapshot!("doctor_before", project.run(&["doctor", "--simulate"]).steady());
    assert!(!project.path().join("state").exists(), "doctor changes nothing");
    assert_eq!(project.run(&["apply", "--simulate", "--yes", "-q"]).code, 0);
    let there = project.state("prod.sim");
    assert_snapshot!("doctor_after", project.run(&["doctor", "prod", "--simulate", "-v"]).steady());
    assert_eq!(project.state("prod.sim"), there, "doctor changes nothing");
    let quiet = project.run(&["doctor", "--simulate", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (0, "prod\nprod: nothing is in the way.\n"));
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    command.env("PATH", project.path().join("bin")).env("HOME", project.path());
    command.env("TMPDIR", project.path());
    Ran::from(command.output().unwrap())
}

/// What was found about something.
fn found<'a>(document: &'a Value, check: &str) -> Vec<&'a Value> {
    assert_eq!(document["version"], 1);
    let findings = document["clusters"][0]["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["check"] == check).collect()
}

const REFUSES: &str = "[ \"$1\" != -V ] || { echo OpenSSH_9.2p1 >&2; exit 0; }\n\
    echo 'ssh: connect to host 127.0.0.11 port 22: Connection refused' >&2; exit 255";

const DF: &str = "echo Filesystem; echo \"disk 10000 9000 1000 90% /\"";

#[test]
fn this_computer_and_machines_that_refuse() {
    // Nobody listens there.
    let yaml = SMALL.replace("10.0.0.", "127.0.0.");
    let project = Project::new(&yaml);
    let env = ("env", "exec /usr/bin/env \"$@\"");
    project.programs(&[("ssh", REFUSES), ("nixos-anywhere", "exit 0"), ("df", DF), env]);
    let ran = run(&project, &["doctor", "-o", "json"]);
    assert_eq!(ran.code, 5, "nix is not there: {}", ran.all());
    let document = ran.json();
    let programs_found: Vec<&str> =
        found(&document, "program").iter().map(|finding| finding["text"].as_str().unwrap()).collect();
    let nix = "nix is not installed: it evaluates, builds and copies systems";
    assert_eq!(programs_found[..3], [nix, "ssh 9.2", "nixos-anywhere is there"]);
    // Unless this one is linked statically.
    assert!(
        programs_found[3..]
            .iter()
            .all(|text| text.contains("NixOS, where machines are given it, cannot start it"))
    );
    let ssh = found(&document, "ssh");
    assert_eq!(ssh.len(), 3);
    assert_eq!(ssh[0]["text"], "prod-cp1 is there and nobody listens at 127.0.0.11");
    assert!(ssh[0]["advice"].as_str().unwrap().starts_with("Start sshd there"));
    assert_eq!(found(&document, "port")[0]["verdict"], "ok", "nothing has begun, and nobody listens");
    assert!(found(&document, "secrets")[0]["text"].as_str().unwrap().starts_with("missing secrets: token"));
    let space = found(&document, "space");
    let text = format!("{} has 1000 KiB free of 9.7 MiB", project.path().display());
    assert!(space.iter().any(|finding| finding["text"] == text), "{space:?}");

    // With nix there, what is left is no program.
    project.programs(&[("nix", "echo 'nix (Nix) 2.18.1'")]);
    assert_eq!(run(&project, &["doctor"]).code, 1);
}

#[test]
fn what_is_damaged_is_a_finding_and_no_failure() {
    let project = Project::new(SMALL);
    assert_eq!(project.run(&["apply", "--simulate", "--yes", "-q"]).code, 0);
    let log = project.path().join("state/prod.sim/events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("{\"v\":1,\"seq\":2,", "{\"v\":1,\"seq\":7,", 1)).unwrap();
    assert!(!project.path().join("state/prod.sim/snapshot.json").exists(), "all of the log is read");
    let ran = project.run(&["doctor", "--simulate", "-q"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("problem  state       what is remembered cannot be read"), "{}", ran.all());
}
