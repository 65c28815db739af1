//! `plan` and `apply` on simulated machines.

use crate::project::Project;
use crate::project::SMALL;

#[test]
fn a_plan_is_shown_with_its_forecast() {
    let project = Project::new(SMALL);
    insta::assert_snapshot!(project.run(&["plan", "--simulate"]).steady());
}

#[test]
fn planning_leaves_no_trace() {
    let project = Project::new(SMALL);
    let first = project.run(&["plan", "--simulate"]);
    assert!(!project.path().join("state").exists(), "planning wrote something");
    assert_eq!(project.run(&["plan", "--simulate"]).all(), first.all());
    project.run(&["apply", "--simulate", "--yes"]);
    let before = project.state("prod.sim");
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n");
    assert_eq!(project.state("prod.sim"), before);
}

#[test]
fn a_cluster_comes_up_from_nothing_and_stays_as_configured() {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    insta::assert_snapshot!(ran.steady());
    assert!(project.path().join("state/prod.sim/k8s/kubeconfig").is_file());
    let again = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.all());
    assert!(again.stdout.contains("prod is as configured: nothing was done."), "{}", again.all());
}

#[test]
fn the_same_seed_shows_the_same() {
    let run = |seed: &str| {
        let project = Project::new(SMALL);
        project.run(&["apply", "--simulate", "--yes", "--seed", seed, "--faults", "some"]).steady()
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn apply_speaks_json_lines() {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate", "--yes", "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("plan"), of("ended")), (1, 1));
    assert_eq!(of("step-started"), of("step-done"), "without faults every step that starts is done");
    let ended = lines.last().unwrap();
    assert_eq!(ended["ending"], "converged");
    assert_eq!(ended["done"].as_u64().unwrap(), of("step-done") as u64);
    assert!(ended["kubeconfig"].as_str().unwrap().ends_with("prod.sim/k8s/kubeconfig"));
    let keys = |kind: &str| {
        let line = lines.iter().find(|line| line["type"] == kind).unwrap();
        line.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(["plan", "round-began", "step-started", "step-done", "ended"].map(keys).join("\n"), @r"
    plan type version
    at round steps type waits
    at step type
    at id kind machine note took_ms type
    cluster done ending failed kubeconfig real_ms rolled_back rounds took_ms type version waits
    ");
}

#[test]
fn a_plan_in_json_is_whole_and_versioned() {
    let project = Project::new(SMALL);
    let document = project.run(&["plan", "--simulate", "-o", "json"]).json();
    assert_eq!(document["version"], 1);
    let plan = &document["plans"][0];
    assert_eq!(plan["cluster"], "prod");
    let ids: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    for id in ["generate-secrets", "install:prod-cp1", "install:prod-w1", "install:prod-w2"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    assert!(!plan["forecast"].as_array().unwrap().is_empty());
    assert!(plan["steps"][0].as_object().unwrap().contains_key("reason"));
}

#[test]
fn detailed_exit_codes_tell_whether_there_is_something_to_do() {
    let project = Project::new(SMALL);
    assert_eq!(project.run(&["plan", "--simulate", "--detailed-exitcode"]).code, 2);
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    assert_eq!(project.run(&["plan", "--simulate", "--detailed-exitcode"]).code, 0);
}

#[test]
fn with_nobody_to_ask_nothing_is_done() {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stderr.contains("--yes"), "{}", ran.all());
    assert!(ran.stdout.contains("nothing was done"), "{}", ran.all());
}

#[test]
fn policy_decides_when_nobody_is_asked() {
    let project = Project::new(SMALL);
    project.run(&["apply", "--simulate", "--yes"]);
    let without_w2: String =
        SMALL.lines().filter(|line| !line.contains("w2:")).map(|line| format!("{line}\n")).collect();
    project.write("nix8s.yaml", without_w2.as_bytes());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("policy.remove: true"), "{}", ran.all());
    project.write("nix8s.yaml", format!("{without_w2}policy: {{ remove: true }}\n").as_bytes());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!project.run(&["status", "--simulate"]).stdout.contains("prod-w2"), "it has left");
}

#[test]
fn a_change_of_version_rolls_and_too_wide_a_change_needs_leave() {
    let project = Project::new(SMALL);
    project.run(&["apply", "--simulate", "--yes"]);
    project.write("nix8s.yaml", SMALL.replace("'1.34'", "'1.35'").as_bytes());
    insta::assert_snapshot!(project.run(&["plan", "--simulate"]).steady());
    let ran = project.run(&["apply", "--simulate", "--yes", "--max-affected", "1"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("--max-affected"), "{}", ran.all());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let status = project.run(&["status", "--simulate", "-o", "json"]).json();
    for machine in status["clusters"][0]["machines"].as_object().unwrap().values() {
        assert!(machine["version"].as_str().unwrap().starts_with("v1.35."), "{status:#}");
        assert_eq!(machine["stage"], "ready", "{status:#}");
    }
}

#[test]
fn one_named_machine_is_worked_on_alone() {
    let project = Project::new(SMALL);
    project.run(&["apply", "--simulate", "--yes"]);
    project.write("nix8s.yaml", SMALL.replace("eth0", "eth1").as_bytes());
    let ran = project.run(&["apply", "--simulate", "--yes", "--node", "w2"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let events = project.run(&["events", "--simulate", "-o", "json"]);
    let switched: std::collections::BTreeSet<String> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|event| event["what"]["done"]["effect"]["switch"]["machine"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(switched.into_iter().collect::<Vec<_>>(), ["prod-w2"]);
}

#[test]
fn flags_that_name_nobody_are_met_with_the_nearest() {
    let project = Project::new(SMALL);
    for args in [["--node", "prod-w9"], ["--erase", "prod-w9:all"], ["--erase", "w1:everything"]] {
        let ran = project.run(&[&["apply", "--simulate", "--yes"], &args[..]].concat());
        assert_eq!(ran.code, 64, "{}", ran.all());
    }
    let ran = project.run(&["apply", "--simulate", "--yes", "--node", "prod-w9"]);
    assert!(
        ran.stderr.contains("Did you mean prod-w1?") || ran.stderr.contains("Did you mean prod-w2?"),
        "{}",
        ran.all()
    );
}

#[test]
fn one_of_several_clusters_has_to_be_named() {
    let project = Project::new(SMALL);
    let two = SMALL.replace("provisioning:", "  test:\n    version: '1.34'\n    provisioner: nixos-anywhere\n    members:\n      cp1: { node: metal, role: control-plane, ip: 10.0.1.11 }\nprovisioning:");
    project.write("nix8s.yaml", two.as_bytes());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("prod and test"), "{}", ran.all());
    assert_eq!(project.run(&["apply", "test", "--simulate", "--yes"]).code, 0);
    let plan = project.run(&["plan", "--simulate"]);
    assert!(plan.stdout.contains("test: nothing to do.") && plan.stdout.contains("prod: "), "{}", plan.all());
}

#[test]
fn faults_delay_and_do_not_prevent() {
    for seed in ["1", "2", "3"] {
        let project = Project::new(SMALL);
        let mut code = 1;
        for _ in 0..5 {
            code = project.run(&["apply", "--simulate", "--yes", "--faults", "many", "--seed", seed]).code;
            if code == 0 {
                break;
            }
        }
        assert_eq!(code, 0, "seed {seed}");
    }
}
