//! `reset`: nothing is forgotten by accident, everything can be put back, and no machine is erased for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use insta::assert_snapshot;
use nix8s_core::input;
use nix8s_core::model::Cluster;
use nix8s_sim::Options;
use nix8s_sim::alter;
use nix8s_sim::fault::Level;
use nix8s_sim::world::World;

use crate::project::Project;
use crate::project::SMALL;

fn applied() -> Project {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate", "--yes", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    project
}

/// The folder that something was put into.
fn aside(project: &Project) -> PathBuf {
    let entries = std::fs::read_dir(project.path().join("state")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("prod.sim.forgotten-"));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Works on the simulated world itself.
fn world<T>(project: &Project, f: impl FnOnce(&mut World) -> T) -> T {
    let at = input::At::Document;
    let sources = [input::Source { name: "x".to_owned(), at, bytes: SMALL.as_bytes().to_vec() }];
    let fleet = input::load(&sources).fleet.unwrap();
    let cluster: Arc<Cluster> = fleet.clusters.into_values().next().unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let options = Options { seed: 1, faults: Level::None, pace: None, not_before: None };
        let simulation = nix8s_sim::open(&project.path().join("state/prod.sim"), &cluster, options).unwrap();
        let result = simulation.with(f);
        simulation.close().unwrap();
        result
    })
}

/// Which installation is on each machine.
fn installations(project: &Project) -> BTreeMap<String, String> {
    let mark = |m: &nix8s_sim::world::metal::Metal| {
        m.installed.as_ref()?.mark.as_ref().map(|mark| mark.installation.clone())
    };
    world(project, |w| {
        w.metal.iter().map(|(name, m)| (name.to_string(), mark(m).unwrap_or_default())).collect()
    })
}

fn without_time(text: &str, folder: &Path) -> String {
    text.replace(&folder.display().to_string(), "[aside]")
}

#[test]
fn without_its_name_nothing_is_forgotten() {
    let project = applied();
    let before = project.state("prod.sim");
    let refused = project.run(&["reset", "prod", "--simulate"]);
    assert_snapshot!("reset_refused", refused.steady());
    let other = project.run(&["reset", "prod", "--simulate", "--confirm", "pord"]);
    assert_eq!(other.code, 4);
    assert!(other.stderr.contains("--confirm says \"pord\""), "{}", other.all());
    assert_eq!(
        project.run(&["reset", "prod", "--confirm", "prod"]).code,
        64,
        "of real machines nothing is remembered"
    );
    assert_eq!(project.run(&["reset", "staging", "--simulate", "--confirm", "staging"]).code, 64);
    assert_eq!(project.state("prod.sim"), before);
}

#[test]
fn somebody_who_works_on_it_is_not_disturbed() {
    let project = applied();
    let lock = std::fs::File::open(project.path().join("state/prod.sim/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let ran = project.run(&["reset", "prod", "--simulate", "--confirm", "prod"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stderr.contains("another nix8s works on this cluster"), "{}", ran.all());
}

#[test]
fn what_is_forgotten_can_be_put_back() {
    let project = applied();
    let before = project.state("prod.sim");
    let ran = project.run(&["reset", "prod", "--simulate", "--confirm", "prod"]);
    let aside = aside(&project);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_snapshot!(
        "reset_done",
        without_time(&ran.all(), &aside).replace(&project.path().display().to_string(), "[project]")
    );
    let left: Vec<String> = project
        .state("prod.sim")
        .keys()
        .map(|p| p.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["kind", "lock", "world.jsonl"]);
    assert!(project.run(&["status", "--simulate"]).stderr.contains("Nothing is remembered yet"));
    for entry in std::fs::read_dir(&aside).unwrap() {
        let entry = entry.unwrap();
        std::fs::rename(entry.path(), project.path().join("state/prod.sim").join(entry.file_name())).unwrap();
    }
    let mut after = project.state("prod.sim");
    let lock = project.path().join("state/prod.sim/lock");
    after.insert(lock.clone(), before[&lock].clone());
    assert_eq!(after, before);
}

#[test]
fn machines_that_carry_our_mark_are_taken_over_and_not_erased() {
    let project = applied();
    let before = installations(&project);
    assert_eq!(project.run(&["reset", "prod", "--simulate", "--confirm", "prod"]).code, 0);
    let plan = project.run(&["plan", "--simulate"]);
    assert!(!plan.stdout.contains("install"), "{}", plan.all());
    let ran = project.run(&["apply", "--simulate", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(installations(&project), before, "the same installations run");
    let events = project.run(&["events", "--simulate", "-o", "json"]).stdout;
    for effect in ["install", "init", "join", "clean", "drain"] {
        assert!(!events.contains(&format!("{{\"{effect}\":")), "{effect}: {events}");
    }
    assert_eq!(project.run(&["plan", "--simulate", "--detailed-exitcode"]).code, 0);
}

#[test]
fn a_machine_that_shows_its_mark_from_an_installer_is_refused_with_an_explanation() {
    let project = applied();
    assert_eq!(project.run(&["reset", "prod", "--simulate", "--confirm", "prod"]).code, 0);
    world(&project, |w| alter::boot_installer(w, &"prod-w1".parse().unwrap()));
    let before = installations(&project);
    // Nor is it a new one, of which somebody says that all may be erased.
    for flags in [&[][..], &["--erase", "all-new"]] {
        let ran = project.run(&[&["apply", "--simulate", "--yes"], flags].concat());
        assert_eq!(ran.code, 4, "{}", ran.all());
        let why = "prod-w1 runs an installer, and its disk is installed as prod/prod-w1: boot its disk";
        assert!(ran.stdout.contains(why), "{}", ran.all());
        assert_eq!(installations(&project), before);
    }
}

#[test]
fn the_context_goes_if_it_is_ours() {
    let project = applied();
    let home = project.path().join("home");
    let own = home.join(".kube/config");
    let run = |args: &[&str]| {
        let mut command = project.command(args);
        crate::project::Ran::from(command.env("HOME", &home).output().unwrap())
    };
    let kept = std::fs::read_to_string(project.path().join("state/prod.sim/k8s/kubeconfig")).unwrap();
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(&own, &kept).unwrap();
    let refused = run(&["reset", "prod", "--simulate"]);
    assert!(refused.stderr.contains(&format!("its context in {}", own.display())), "{}", refused.all());
    assert_eq!(std::fs::read_to_string(&own).unwrap(), kept);
    let ran = run(&["reset", "prod", "--simulate", "--confirm", "prod", "-o", "json"]);
    assert_eq!(ran.json()["contexts"][0], own.display().to_string());
    assert!(!std::fs::read_to_string(&own).unwrap().contains("prod"));
    let backup = aside(&project).join("users-kubeconfig-0");
    assert_eq!(std::fs::read_to_string(backup).unwrap(), kept);
}
