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
