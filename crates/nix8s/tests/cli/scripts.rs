//! Users' scripts: for real on a cluster that is left alone, and shown in the simulated world.

use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::project::Project;
use crate::project::SMALL;

/// A cluster whose machines are all left alone, with these scripts.
fn alone(bootstrap: &str) -> Project {
    let skipped = SMALL
        .replace(" }\n      ", ", skip: true }\n      ")
        .replace("10.0.0.22 }", "10.0.0.22, skip: true }");
    Project::new(&format!("{skipped}bootstrap:\n{bootstrap}"))
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.path().join(name)).unwrap_or_default()
}

#[test]
fn scripts_of_a_cluster_that_is_left_alone_run_for_real_and_once() {
    let project = alone(
        "
  phases:
    pre:
      activationScripts:
        first:
          text: |
            log 'hello'
            warn 'careful'
            env | grep -E '^(STATE_DIR|CLUSTER|NODE|NODE_IP|KUBECONFIG|DRY_RUN)=' | sort > env
            echo first >> order
        never: { text: 'echo never >> order', condition: 'false' }
  activationScripts:
    last: { text: echo last >> order, deps: [first] }
    again: { text: echo again >> order, deps: [last], repeat: each-apply }
",
    );
    let plan = project.run(&["plan"]);
    assert_eq!(plan.code, 0, "{}", plan.all());
    assert!(plan.stdout.contains("run the script first (phase pre, here)"), "{}", plan.all());
    assert!(!project.path().join("state").exists(), "planning wrote something");
    let ran = project.run(&["apply", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!ran.all().contains("simulated"), "{}", ran.all());
    assert_eq!(read(&project, "order"), "first\nlast\nagain\n");
    let state = project.path().join("state/prod");
    let expected = format!(
        "CLUSTER=prod\nDRY_RUN=0\nKUBECONFIG={0}/k8s/kubeconfig\nNODE=\nNODE_IP=\nSTATE_DIR={0}\n",
        state.display()
    );
    assert_eq!(read(&project, "env"), expected);
    let status = project.run(&["status"]);
    assert!(status.stdout.contains("first (phase pre): done"), "{}", status.all());
    assert!(status.stdout.contains("never (phase pre): not needed"), "{}", status.all());
    let ran = project.run(&["apply", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(read(&project, "order"), "first\nlast\nagain\nagain\n");
}

#[test]
fn a_script_that_fails_is_named_and_waits_for_a_person() {
    let project =
        alone("\n  activationScripts:\n    check: { text: \"echo $RANDOM >> tries; error 'no disk'\" }\n");
    let ran = project.run(&["apply", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.all().contains("the script: exit code 1: error: no disk"), "{}", ran.all());
    assert!(ran.all().contains("then `nix8s node retry prod-cp1`"), "{}", ran.all());
    assert_eq!(project.run(&["apply", "--yes"]).code, 1);
    assert_eq!(read(&project, "tries").lines().count(), 1, "never again by itself");
    assert_eq!(project.run(&["node", "retry", "cp1"]).code, 0);
    assert_eq!(project.run(&["apply", "--yes"]).code, 1);
    assert_eq!(read(&project, "tries").lines().count(), 2);
    let status = project.run(&["status", "-o", "json"]).json();
    let script = &status["clusters"][0]["scripts"][0];
    assert_eq!((script["name"].as_str(), script["failed"].as_u64()), (Some("check"), Some(1)));
}

#[test]
fn a_script_that_takes_too_long_is_ended_with_everything_that_it_started() {
    let text = "sleep 1000 & echo $! > pid; wait";
    let project = alone(&format!("\n  activationScripts:\n    slow: {{ text: '{text}', timeout: 1s }}\n"));
    let ran = project.run(&["apply", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.all().contains("the script did not end within 1 s"), "{}", ran.all());
    let pid: i32 = read(&project, "pid").trim().parse().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_cluster_with_machines_needs_nix() {
    let project = Project::new(SMALL);
    for command in ["apply", "plan", "run"] {
        let ran = project.run(&[command]);
        assert_eq!(ran.code, 5, "{}", ran.all());
        assert!(ran.stderr.contains("nix is not installed"), "{}", ran.all());
    }
}

#[test]
fn only_the_phase_that_is_named_is_carried_out() {
    let project = alone(
        "
  phases:
    pre: { activationScripts: { first: { text: echo first >> order } } }
    mine: { order: 600, activationScripts: { own: { text: echo own >> order } } }
",
    );
    let ran = project.run(&["apply", "--yes", "--phase", "mien"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("Did you mean mine?"), "{}", ran.all());
    assert_eq!(project.run(&["apply", "--yes", "--phase", "mine"]).code, 0);
    assert_eq!(read(&project, "order"), "own\n");
    let simulated = Project::new(SMALL);
    let ran = simulated.run(&["apply", "--simulate", "--yes", "--phase", "provisioning"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.all().contains("install NixOS") && !ran.all().contains("initialise the cluster done"),
        "{}",
        ran.all()
    );
    assert!(ran.all().contains("--phase names provisioning"), "{}", ran.all());
}

#[test]
fn scripts_are_shown_and_never_run_in_the_simulated_world() {
    let text = "
    scripts:
      - { name: announce, when: post-join, text: touch ran, scope: node }
      - { name: early, phase: pre, text: touch ran }
";
    let project = Project::new(&SMALL.replace("    members:\n", &format!("{}    members:\n", &text[1..])));
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!project.path().join("ran").exists());
    let status = project.run(&["status", "--simulate", "-o", "json"]).json();
    let scripts = &status["clusters"][0]["scripts"];
    assert_eq!(
        (scripts[0]["name"].as_str(), scripts[0]["done"].as_u64()),
        (Some("announce"), Some(3)),
        "{scripts}"
    );
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n");
    // Another machine has its own hook; what was done in a phase is done.
    let more =
        SMALL.replace("      w2:", "      w3: { node: metal, role: worker, ip: 10.0.0.23 }\n      w2:");
    let more = more.replace("    members:\n", &format!("{}    members:\n", &text[1..]));
    project.write("nix8s.yaml", more.as_bytes());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let status = project.run(&["status", "--simulate", "-o", "json"]).json();
    assert_eq!(status["clusters"][0]["scripts"][0]["done"].as_u64(), Some(4), "{status}");
}

#[test]
fn reconcilers_run_once_with_apply_and_for_as_long_as_the_loop() {
    let project = alone(
        "
  reconcilers:
    sync: { run: [bash, -c, 'echo $RECONCILE_INTERVAL $CLUSTER >> synced'], interval: 1h }
    dns: { run: [bash, -c, 'cat zones/* >> published'], watchPaths: [./zones] }
    keep: { run: [bash, -c, 'trap \"echo bye >> kept; exit\" TERM; echo on >> kept; while :; do sleep 0.05; done'] }
",
    );
    project.write("zones/a", b"a\n");
    let ran = project.run(&["apply", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(read(&project, "published"), "a\n");
    assert_eq!((read(&project, "synced").as_str(), read(&project, "kept").as_str()), ("3600 prod\n", ""));
    let mut child = project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while read(&project, "kept") != "on\n" || read(&project, "synced").lines().count() < 2 {
        assert_eq!(child.try_wait().unwrap(), None, "it goes on");
        std::thread::yield_now();
    }
    while read(&project, "published") != "a\na\n" {
        std::thread::yield_now();
    }
    project.write("zones/b", b"b\n");
    while !read(&project, "published").ends_with("a\nb\n") {
        std::thread::yield_now();
    }
    rustix::process::kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(read(&project, "kept"), "on\nbye\n", "it may end in its own way");
    let status = project.run(&["status", "-o", "json"]).json();
    let all = &status["clusters"][0]["reconcilers"];
    assert_eq!((all[1]["name"].as_str(), all[1]["state"].as_str()), (Some("keep"), Some("stopped")), "{all}");
    assert_eq!((all[2]["name"].as_str(), all[2]["status"].as_i64()), (Some("sync"), Some(0)), "{all}");
}
