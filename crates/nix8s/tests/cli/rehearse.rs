//! `rehearse`: what would come of `apply`, many times, and nothing changes.

use crate::project::Project;
use crate::project::SMALL;

#[test]
fn a_rehearsal_tells_how_it_would_go() {
    let project = Project::new(SMALL);
    insta::assert_snapshot!(project.run(&["rehearse", "--runs", "5"]).steady());
    assert!(!project.path().join("state").exists(), "rehearsing wrote something");
}

#[test]
fn a_rehearsal_speaks_json() {
    let project = Project::new(SMALL);
    let ran = project.run(&["rehearse", "--runs", "3", "--faults", "many", "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn rehearsing_leaves_state_and_world_as_they_are() {
    let project = Project::new(SMALL);
    project.run(&["apply", "--simulate", "--yes"]);
    project.write("nix8s.yaml", SMALL.replace("'1.34'", "'1.35'").as_bytes());
    let before = project.state("prod.sim");
    assert!(before.len() > 5, "the world and what is remembered of it");
    let ran = project.run(&["rehearse", "--simulate", "--runs", "4", "--faults", "many"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("from the simulated world as it is"), "{}", ran.all());
    assert!(
        ran.stdout.contains("switch") || ran.stdout.contains("earlier"),
        "the change rolls: {}",
        ran.all()
    );
    assert_eq!(project.state("prod.sim"), before);
    assert_eq!(project.run(&["rehearse", "--simulate", "--runs", "4", "--faults", "many"]).all(), ran.all());
}

#[test]
fn a_run_can_be_had_again_by_its_seed() {
    let project = Project::new(SMALL);
    let many = project.run(&["rehearse", "--runs", "6", "--seed", "40", "-o", "json"]).json();
    let worst = &many["rehearsals"][0]["worst"];
    let replay = worst["replay"].as_str().unwrap();
    let words: Vec<&str> = replay.strip_prefix("nix8s ").unwrap().split(' ').collect();
    let again = project.run(&[&words[..], &["-o", "json"]].concat()).json();
    let mut same = again["rehearsals"][0]["worst"].clone();
    same["replay"] = worst["replay"].clone();
    assert_eq!(same, *worst);
    let told = project.run(&words);
    assert!(told.stdout.contains("done    prod-cp1"), "-v tells the story: {}", told.all());
}

#[test]
fn what_nobody_may_do_is_told_by_the_exit_code() {
    let project = Project::new(SMALL);
    project.run(&["apply", "--simulate", "--yes"]);
    project.write("nix8s.yaml", SMALL.replace("'1.34'", "'1.35'").as_bytes());
    let ran =
        project.run(&["rehearse", "--simulate", "--runs", "2", "--faults", "none", "--max-affected", "1"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stderr.contains("needs your leave in 2 runs"), "{}", ran.all());
    assert!(ran.stdout.contains("--max-affected 1 --faults none"), "the replay has the flags: {}", ran.all());
}

#[test]
fn time_cannot_be_watched_in_a_rehearsal() {
    let ran = Project::new(SMALL).run(&["rehearse", "--pace", "1"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert_eq!(Project::new(SMALL).run(&["rehearse", "--runs", "0"]).code, 64);
}

/// A project whose cluster is recorded as one of real machines.
fn recorded() -> Project {
    let project = Project::new(SMALL);
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    let state = project.path().join("state");
    std::fs::rename(state.join("prod.sim"), state.join("prod")).unwrap();
    std::fs::write(state.join("prod/kind"), "real\n").unwrap();
    for entry in std::fs::read_dir(state.join("prod")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("world") {
            std::fs::remove_file(path).unwrap();
        }
    }
    project
}

#[test]
fn a_rehearsal_of_real_machines_begins_with_what_was_recorded_and_names_what_was_not() {
    let project = recorded();
    let before = project.state("prod");
    let rehearse = |faults: &str| project.run(&["rehearse", "--runs", "2", "--faults", faults, "-o", "json"]);
    let ran = rehearse("none");
    assert_eq!(ran.code, 0, "{}", ran.all());
    let told = &ran.json()["rehearsals"][0];
    assert_eq!((&told["from"], &told["converged"]), (&"recorded".into(), &2.into()), "{told:#}");
    let assumed = told["assumed"].to_string();
    assert!(assumed.contains("every secret exists") && assumed.contains("labels"), "{assumed}");
    let busy = told["worst"]["steps"].to_string();
    assert!(!busy.contains("install") && !busy.contains("join"), "everything is there already: {told:#}");
    // A change rolls, in spite of faults; a machine more is blank.
    let more = "      w3: { node: metal, role: worker, ip: 10.0.0.23 }\nprovisioning:";
    let yaml = SMALL.replace("'1.34'", "'1.35'").replace("provisioning:", more);
    project.write("nix8s.yaml", yaml.as_bytes());
    let ran = rehearse("some");
    assert_eq!(ran.code, 0, "{}", ran.all());
    let told = &ran.json()["rehearsals"][0];
    assert!(told["assumed"].to_string().contains("prod-w3: never installed"), "{told:#}");
    assert!(told["interrupted"]["workers_taken"] == 1, "{told:#}");
    assert_eq!(project.state("prod"), before, "nothing is written");
    let ran = project.run(&["rehearse", "--runs", "1"]);
    assert!(ran.stdout.contains("from machines as they were last recorded"), "{}", ran.all());
    assert!(ran.stdout.contains("What was not recorded, and was assumed"), "{}", ran.all());
}
