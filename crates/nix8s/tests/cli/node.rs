//! `status`, `events` and `node`.

use crate::project::Project;
use crate::project::SMALL;

fn applied() -> Project {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    project
}

#[test]
fn nothing_is_known_before_the_first_apply() {
    let project = Project::new(SMALL);
    for args in [&["status"][..], &["events"], &["node", "list"]] {
        let ran = project.run(&[args, &["--simulate"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.all());
        assert!(ran.stderr.contains("`nix8s apply --simulate` begins"), "{}", ran.all());
    }
    let status = project.run(&["status", "--simulate", "-o", "json"]).json();
    assert_eq!(status["clusters"].as_array().map(Vec::len), Some(0));
    assert_eq!(project.run(&["status", "prod", "--simulate"]).code, 64);
}

#[test]
fn status_and_node_show_where_machines_are_in_their_lives() {
    let project = applied();
    insta::assert_snapshot!(project.run(&["status", "--simulate"]).steady());
    insta::assert_snapshot!(project.run(&["node", "list", "--simulate"]).steady());
    insta::assert_snapshot!(project.run(&["node", "show", "w1", "--simulate"]).steady());
    let shown = project.run(&["node", "show", "prod-w1", "--simulate", "-o", "json"]).json();
    assert_eq!(shown["is"]["stage"], "ready");
    assert_eq!(shown["configured"]["ip"], "10.0.0.21");
}

#[test]
fn real_and_simulated_clusters_are_told_apart() {
    let project = applied();
    let real = project.run(&["status"]);
    assert_eq!((real.code, real.stdout.as_str()), (0, ""), "{}", real.all());
    assert!(real.stderr.contains("--simulate"), "{}", real.all());
}

#[test]
fn events_can_be_narrowed() {
    let project = applied();
    let all = project.run(&["events", "--simulate"]);
    assert!(all.stdout.lines().next().unwrap().contains("run      apply"), "{}", all.all());
    assert!(all.stdout.lines().last().unwrap().contains("ended    converged"), "{}", all.all());
    let of_w1 = project.run(&["events", "--simulate", "--node", "w1"]);
    assert!(of_w1.stdout.lines().count() > 3);
    assert!(of_w1.stdout.lines().all(|line| line.contains("prod-w1")), "{}", of_w1.all());
    assert_eq!(project.run(&["events", "--simulate", "--last", "2"]).stdout.lines().count(), 2);
    let json = project.run(&["events", "prod", "--simulate", "-o", "json"]);
    for (number, line) in json.stdout.lines().enumerate() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (event["cluster"].as_str(), event["seq"].as_u64()),
            (Some("prod"), Some(number as u64 + 1))
        );
    }
    assert_eq!(project.run(&["events", "--simulate", "--node", "w9"]).code, 64);
}

#[test]
fn a_deleted_machine_leaves_stays_away_and_comes_back() {
    let project = applied();
    project.write("nix8s.yaml", format!("{SMALL}policy: {{ remove: true }}\n").as_bytes());
    let ran = project.run(&["node", "delete", "w2", "--simulate"]);
    insta::assert_snapshot!(ran.all());
    assert!(project.run(&["node", "show", "w2", "--simulate"]).stdout.contains("node undelete"));
    assert!(project.run(&["plan", "--simulate"]).stdout.contains("delete-node:prod-w2"));
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    let stage = |project: &Project| {
        let shown = project.run(&["node", "show", "w2", "--simulate", "-o", "json"]).json();
        shown["is"]["stage"].as_str().unwrap().to_owned()
    };
    assert_eq!(stage(&project), "gone");
    assert!(!project.run(&["plan", "--simulate"]).stdout.contains("join"), "it stays away");
    assert_eq!(project.run(&["node", "undelete", "w2", "--simulate"]).code, 0);
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(stage(&project), "ready");
}

#[test]
fn a_removal_that_was_taken_back_never_happens() {
    let project = applied();
    project.run(&["node", "delete", "w2", "--simulate"]);
    project.run(&["node", "undelete", "w2", "--simulate"]);
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n");
}

#[test]
fn a_machine_that_answers_is_not_removed_as_lost() {
    let project = applied();
    project.write("nix8s.yaml", format!("{SMALL}policy: {{ remove: true }}\n").as_bytes());
    let ran = project.run(&["node", "delete", "w2", "--lost", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let plan = project.run(&["plan", "--simulate"]);
    assert!(
        plan.stdout.contains("was said to be lost") && !plan.stdout.contains("delete-node"),
        "{}",
        plan.all()
    );
}

#[test]
fn retry_is_recorded_for_the_next_apply() {
    let project = applied();
    let ran = project.run(&["node", "retry", "w1", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let events = project.run(&["events", "--simulate", "--last", "1"]);
    assert!(events.stdout.contains("prod-w1: try again what was given up"), "{}", events.all());
}

#[test]
fn machines_that_nobody_knows_are_met_with_the_nearest() {
    let project = applied();
    for verb in ["show", "delete", "undelete", "rebuild", "reinstall", "retry"] {
        let ran = project.run(&["node", verb, "prod-w9", "--simulate"]);
        assert_eq!(ran.code, 64, "{}", ran.all());
        assert!(ran.stderr.contains("Did you mean prod-w"), "{}", ran.all());
    }
    let meant = [
        (&["node", "show", "cp11", "--simulate"][..], "cp1"),
        (&["status", "prdo", "--simulate"], "prod"),
        (&["report", "prdo", "--simulate"], "prod"),
        (&["plan", "--simulate", "--node", "prod-w11"], "prod-w1"),
        (&["plan", "--simulate", "--erase", "w1:foriegn"], "w1:foreign"),
        (&["events", "--simulate", "--node", "prod-cp"], "prod-cp1"),
    ];
    for (args, near) in meant {
        let ran = project.run(args);
        assert_eq!(ran.code, 64, "{args:?}: {}", ran.all());
        assert!(ran.stderr.contains(&format!("Did you mean {near}?")), "{args:?}: {}", ran.all());
    }
}

#[test]
fn a_rebuilt_machine_runs_its_system_once_more_and_only_once() {
    let project = applied();
    let ran = project.run(&["node", "rebuild", "w1", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(project.run(&["node", "show", "w1", "--simulate"]).stdout.contains("rolled out again"));
    let plan = project.run(&["plan", "--simulate"]);
    assert!(plan.stdout.contains("switch:prod-w1"), "{}", plan.all());
    assert!(!plan.stdout.contains("prod-w2"), "{}", plan.all());
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n");
    let ran = project.run(&["node", "rebuild", "--all", "--simulate"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 3), "{}", ran.all());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.stdout.matches(": switch to the system").count(), 3, "{}", ran.all());
    assert_eq!(project.run(&["node", "rebuild", "--simulate"]).code, 64, "a machine or --all");
}

#[test]
fn a_system_that_comes_with_a_restart_is_shown_as_that() {
    let project = applied();
    project.write(
        "nix8s.yaml",
        SMALL.replace("w1: { node: metal,", "w1: { node: metal, boot: { kernelParams: [quiet] },").as_bytes(),
    );
    let ran = project.run(&["node", "rebuild", "w1", "--action", "boot", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("prod-w1: make it the system to start"), "{}", ran.all());
    let shown = project.run(&["node", "show", "w1", "--simulate"]);
    assert!(shown.stdout.contains("starts into"), "{}", shown.all());
    assert!(shown.stdout.contains("with its next restart, as was asked"), "{}", shown.all());
    let shown = project.run(&["node", "show", "w1", "--simulate", "-o", "json"]).json();
    assert_eq!(shown["is"]["boots"], shown["is"]["wanted"]);
    assert_ne!(shown["is"]["system"], shown["is"]["wanted"]);
    let ran = project.run(&["node", "rebuild", "w1", "--action", "reboot", "--simulate"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
}

#[test]
fn a_reinstalled_machine_leaves_is_erased_and_joins_again_once() {
    let project = applied();
    project.write("nix8s.yaml", format!("{SMALL}policy: {{ remove: true }}\n").as_bytes());
    let ran = project.run(&["node", "reinstall", "w2", "--simulate"]);
    insta::assert_snapshot!(ran.all());
    let plan = project.run(&["plan", "--simulate"]);
    assert!(plan.stdout.contains("! prod-w2: install NixOS"), "{}", plan.all());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let events = project.run(&["events", "--simulate", "--node", "w2"]);
    assert_eq!(events.stdout.matches("done     prod-w2: install NixOS").count(), 2, "{}", events.all());
    assert_eq!(events.stdout.matches("done     prod-w2: join as worker").count(), 2, "{}", events.all());
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n", "it is good for once");
}

#[test]
fn a_reinstallation_that_was_taken_back_never_happens() {
    let project = applied();
    project.run(&["node", "reinstall", "w2", "--erase", "all", "--simulate"]);
    let shown = project.run(&["node", "show", "w2", "--simulate", "-o", "json"]).json();
    assert_eq!(shown["reinstall"], "all");
    let ran = project.run(&["node", "reinstall", "w2", "--undo", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(project.run(&["plan", "--simulate"]).stdout, "prod: nothing to do.\n");
}
