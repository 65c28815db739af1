//! `config import`: configurations of earlier designs, and what becomes of them.

use std::path::PathBuf;

use crate::project::Project;
use crate::project::Ran;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../nix8s-core/tests/import")).join(name)
}

/// An empty folder with a fixture in it.
fn project(name: &str) -> (Project, String) {
    let project = Project::new("");
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    let file = name.rsplit('/').next().unwrap().to_owned();
    project.write(&file, &std::fs::read(fixture(name)).unwrap());
    (project, file)
}

fn import(project: &Project, design: &str, file: &str) -> Ran {
    project.run(&["config", "import", "--from", design, file, "--write", "nix8s.yaml"])
}

#[test]
fn an_imported_configuration_is_printed_and_what_is_lost_is_listed() {
    let (project, file) = project("cluster-nix/function.json");
    let ran = project.run(&["config", "import", "--from", "cluster-nix", &file]);
    insta::assert_snapshot!(ran.all());
}

#[test]
fn the_full_example_of_the_kubeadm_design_becomes_a_configuration_of_today() {
    let (project, file) = project("cluster-config/full.json");
    insta::assert_snapshot!(project.run(&["config", "import", "--from", "cluster-config", &file]).all());
}

#[test]
fn a_hive_becomes_a_configuration_of_today() {
    let (project, file) = project("hive/hive.json");
    insta::assert_snapshot!(project.run(&["config", "import", "--from", "hive", &file]).all());
}

#[test]
fn imported_configurations_converge_where_nothing_waits_for_a_later_version() {
    for (name, design) in [
        ("cluster-config/minimal.json", "cluster-config"),
        ("cluster-nix/ha.json", "cluster-nix"),
        ("cluster-nix/function.json", "cluster-nix"),
    ] {
        let (project, file) = project(name);
        let ran = import(&project, design, &file);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.all());
        let ran = project.run(&["apply", "--simulate", "--yes"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.all());
    }
}

#[test]
fn other_imported_configurations_converge_but_for_what_they_wait_for() {
    for (name, design, waiting) in [
        (
            "cluster-config/full.json",
            "cluster-config",
            &[
                "worker-cloud-01, worker-cloud-02: does not answer yet",
                "worker-external, worker-legacy: runs an installer",
            ][..],
        ),
        (
            "cluster-config/hybrid.json",
            "cluster-config",
            &["legacy-node runs an installer", "special-node runs an installer"],
        ),
        (
            "cluster-config/every-key.json",
            "cluster-config",
            &["worker-cloud-01 does not answer yet", "worker-2 runs an installer"],
        ),
        ("hive/hive.json", "hive", &["nas runs an installer"]),
        ("hive/folder.json", "hive", &["storage runs an installer"]),
    ] {
        let (project, file) = project(name);
        let ran = import(&project, design, &file);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let ran = project.run(&["apply", "--simulate", "--yes"]);
        let end = ran.stdout.split_once(" waits: ").map_or("", |(_, end)| end);
        let waits: Vec<&str> = end.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!((ran.code, waits.len()), (1, waiting.len()), "{name}: {}", ran.all());
        for what in waiting {
            assert!(waits.iter().any(|line| line.contains(what)), "{name}: {what}: {}", ran.all());
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    let (project, file) = project("cluster-nix/ha.json");
    project.write("nix8s.yaml", b"mine");
    let ran = import(&project, "cluster-nix", &file);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert_eq!(std::fs::read(project.path().join("nix8s.yaml")).unwrap(), b"mine");
}

#[test]
fn the_list_comes_in_json_too() {
    let (project, file) = project("cluster-nix/function.json");
    let ran = project.run(&["config", "import", "--from", "cluster-nix", &file, "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    let document = ran.json();
    assert_eq!(document["config"]["clusters"]["home"]["distribution"], "k3s");
    let paths: Vec<&str> =
        document["notes"].as_array().unwrap().iter().map(|note| note["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["clusterToken", "machine-ssh-private-key", "nodes", "vip"]);
}

#[test]
fn c_16_hostile_names_are_errors_of_the_result_and_stay_texts() {
    let (project, _) = project("cluster-nix/ha.json");
    let hostile =
        br#"{"name": "x", "vip": "$(id)", "controlPlane": [{"name": "a\"; b = ${x}", "ip": "10.0.0.1"}]}"#;
    let ran = project.run_reading(&["config", "import", "--from", "cluster-nix", "-"], hostile);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stdout.contains(r#""a\"; b = ${x}":"#), "{}", ran.all());
    assert!(ran.stderr.contains("is not a DNS label"), "{}", ran.all());
}

#[test]
fn without_nix_a_nix_file_is_not_read_and_it_is_said_what_to_do() {
    let (project, file) = project("cluster-nix/ha.nix");
    let ran = project.run(&["config", "import", "--from", "cluster-nix", &file]);
    assert_eq!(ran.code, 5, "{}", ran.all());
    assert!(ran.stderr.contains("could not run nix") && ran.stderr.contains("hint:"), "{}", ran.all());
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let (project, _) = project("cluster-nix/ha.json");
    let ran = project.run_reading(&["config", "import", "--from", "hive", "-"], b"{\"a\": [}");
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("<stdin>:1:"), "{}", ran.all());
}

/// A program called nix that notes its arguments and prints a recorded answer.
fn recorded_nix(project: &Project, answer: &str) {
    use std::os::unix::fs::PermissionsExt;
    project.write("answer.json", answer.as_bytes());
    project.write("bin/nix", b"#!/bin/sh\nfor argument; do echo \"$argument\"; done > arguments\nread -r line < answer.json\necho \"$line\"\n");
    let nix = project.path().join("bin/nix");
    std::fs::set_permissions(nix, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nix_files_are_read_through_nix_and_their_paths_are_those_of_the_folder() {
    let (project, file) = project("hive/hive.nix");
    let here = project.path().canonicalize().unwrap();
    let alpha = format!(
        r#"{{"alpha": {{"imports": ["{0}/alpha.nix", "/elsewhere/x.nix"], "deployment": {{"targetHost": "10.0.0.1"}}}}}}"#,
        here.display()
    );
    recorded_nix(&project, &alpha);
    let mut command = project.command(&["config", "import", "--from", "hive", &file]);
    let output = command.env("PATH", project.path().join("bin")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("- ./alpha.nix") && stdout.contains("- /elsewhere/x.nix"), "{stdout}");
    let arguments = std::fs::read_to_string(project.path().join("arguments")).unwrap();
    assert!(arguments.contains(&format!("--file\n{}/hive.nix\n--apply\n", here.display())), "{arguments}");
}
