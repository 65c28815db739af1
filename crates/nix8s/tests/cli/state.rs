//! `state migrate`: what earlier designs remembered, and that nothing is erased for forgetting it.

use crate::project::Project;

/// Two control planes and two workers, of which an earlier design knew `cp1`, `cp2` and `w1`.
const CLUSTER: &str = "\
nodes:
  metal:
    install: { disk: /dev/sda }
    network: { interface: eth0 }
clusters:
  prod:
    version: '1.34'
    distribution: kubeadm
    ha: { vip: 10.0.0.10 }
    provisioner: nixos-anywhere
    members:
      cp1: { node: metal, role: control-plane, ip: 10.0.0.11 }
      cp2: { node: metal, role: control-plane, ip: 10.0.0.12 }
      cp3: { node: metal, role: control-plane, ip: 10.0.0.13 }
      w1: { node: metal, role: worker, ip: 10.0.0.21 }
      w2: { node: metal, role: worker, ip: 10.0.0.22 }
provisioning:
  nixos-anywhere: {}
";

/// A folder for each reconciler.
const FOLDERS: &[(&str, &str)] = &[
    ("nodes/cp1/config.json", r#"{"ip": "10.0.0.11", "role": "control-plane"}"#),
    ("nodes/cp2/config.json", r#"{"ip": "10.0.0.12", "role": "control-plane"}"#),
    ("nodes/w1/config.json", r#"{"ip": "10.0.0.21", "role": "worker"}"#),
    ("nodes/w1/DELETE", ""),
    ("nodes/w1/config-hash", "abc"),
    ("nodes/old/config.json", r#"{"ip": "10.0.0.29", "role": "worker"}"#),
    ("k8s/initialized", ""),
    ("k8s/kubeconfig", "apiVersion: v1"),
    ("k8s/join-token", "secret"),
    ("k8s/members/cp1", ""),
    ("k8s/members/w1", ""),
    ("cozystack/installed", ""),
    ("pids/pxe.pid", "1"),
    ("notes.txt", "mine"),
];
/// One state a machine.
const STATES: &[(&str, &str)] = &[
    ("nodes/cp1/desired.json", r#"{"name": "cp1", "role": "control-plane"}"#),
    ("nodes/cp1/state", "ready\n"),
    ("nodes/cp2/state", "provisioned\n"),
    ("nodes/w1/state", "joined\n"),
    ("nodes/w2/state", "pending\n"),
    ("cluster/kubeconfig", ""),
    ("cluster/cozystack/state", "pending\n"),
];
/// One mark for each thing that was done.
const MARKS: &[(&str, &str)] = &[
    ("provision-cp1.done", ""),
    ("provision-cp2.done", ""),
    ("provision-w1.done", ""),
    ("kubeadm-init.done", ""),
    ("join-cp-cp2.done", ""),
    ("join-worker-w1.done", ""),
    ("cozystack-install.done", ""),
];

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(CLUSTER);
    for (name, text) in files {
        project.write(&format!("older/{name}"), text.as_bytes());
    }
    project
}

#[test]
fn what_would_be_taken_over_is_shown_and_nothing_is_written() {
    let project = project(FOLDERS);
    let ran = project.run(&["state", "migrate", "--from", "older"]);
    insta::assert_snapshot!(ran.all());
    assert!(!project.path().join("state/prod").exists());
}

#[test]
fn every_older_layout_says_who_was_installed_and_who_joined() {
    let mut all = String::new();
    for files in [STATES, MARKS] {
        let ran = project(files).run(&["state", "migrate", "--from", "older"]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        all.push_str(&ran.stdout);
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

/// The machines of the simulated world are blank installers, which an empty state would have installed at once.
#[test]
fn what_was_installed_by_an_earlier_design_is_not_erased_without_leave() {
    let project = project(FOLDERS);
    let installs = |args: &[&str]| {
        let ran = project.run(args);
        let plan = ran.json()["plans"][0].clone();
        let of = |key: &str| plan[key].as_array().unwrap().clone();
        let all = of("steps").into_iter().chain(of("forecast"));
        let install =
            |step: serde_json::Value| Some(step["effect"]["install"]["machine"].as_str()?.to_owned());
        let machines: std::collections::BTreeSet<String> = all.filter_map(install).collect();
        (machines.into_iter().collect::<Vec<_>>(), ran)
    };
    let plan = ["plan", "--simulate", "-o", "json"];
    let (before, ran) = installs(&plan);
    assert_eq!(before.len(), 5, "{}", ran.all());
    let ran = project.run(&["state", "migrate", "--from", "older", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let (after, ran) = installs(&plan);
    assert_eq!(after, ["prod-cp3", "prod-w2"], "{}", ran.all());
    let ran = project.run(&["events", "--simulate"]);
    assert!(ran.stdout.contains("migrated 3 machines taken over from the state in"), "{}", ran.all());
    assert!(project.path().join("older/k8s/members/cp1").is_file(), "the older folder stays");
}

#[test]
fn it_is_done_once_and_only_from_older_state() {
    let project = project(FOLDERS);
    let migrate = ["state", "migrate", "--from", "older", "--yes"];
    assert_eq!(project.run(&migrate).code, 0);
    for args in [&migrate[..], &migrate[..4]] {
        let ran = project.run(args);
        assert_eq!(ran.code, 4, "{}", ran.all());
        assert!(ran.stderr.contains("there is state of prod already"), "{}", ran.all());
    }
    let ran = project.run(&["state", "migrate", "--from", "state/prod", "--yes"]);
    assert!(ran.code == 4 && ran.stderr.contains("of today's nix8s"), "{}", ran.all());
    project.write("empty/readme", b"");
    let ran = project.run(&["state", "migrate", "--from", "empty"]);
    assert!(ran.code == 4 && ran.stderr.contains("says of no machine"), "{}", ran.all());
    let ran = project.run(&["state", "migrate", "--from", "none"]);
    assert!(ran.code == 1 && ran.stderr.contains("could not read the older state in none"), "{}", ran.all());
}
