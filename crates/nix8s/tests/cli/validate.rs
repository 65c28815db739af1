//! `validate` and `config show`.

use crate::project::Project;
use crate::project::SMALL;

/// Three mistakes and something that may be meant.
const MISTAKES: &str = "\
nodes:
  metal:
    instal: { disk: /dev/sda }
clusters:
  prod:
    version: '1.34'
    provisioner: manual
    members:
      cp1: { node: metal, role: control-plane, ip: 10.0.0.300 }
      w1: { node: metl, role: worker, ip: 10.0.0.21 }
";

#[test]
fn a_good_configuration_is_valid() {
    insta::assert_snapshot!(Project::new(SMALL).run(&["validate"]).all());
}

#[test]
fn every_mistake_is_shown_at_once_with_its_place_and_what_would_be_right() {
    let project = Project::new(MISTAKES);
    let ran = project.run(&["validate"]);
    insta::assert_snapshot!(ran.all());
    let json = project.run(&["validate", "-o", "json"]);
    assert_eq!(json.code, 3);
    let document = json.json();
    assert_eq!(document["valid"], false);
    let lines: Vec<_> =
        document["problems"].as_array().unwrap().iter().map(|p| p["place"]["line"].as_u64()).collect();
    for line in [3, 9, 10] {
        assert!(lines.contains(&Some(line)), "{document:#}");
    }
}

#[test]
fn other_commands_show_the_errors_too_and_exit_with_3() {
    let project = Project::new(MISTAKES);
    for args in [&["plan", "--simulate"][..], &["config", "show"], &["apply", "--simulate", "--yes"]] {
        let ran = project.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{args:?}: {}", ran.all());
        assert!(ran.stderr.contains("10.0.0.300"), "{args:?}: {}", ran.all());
    }
    let error = project.run(&["plan", "--simulate", "-o", "json"]).json();
    assert_eq!(error["error"]["kind"], "configuration");
    assert!(error["error"]["problems"].as_array().is_some_and(|problems| problems.len() >= 3), "{error:#}");
}

#[test]
fn a_missing_configuration_says_where_it_was_looked_for() {
    let project = Project::new(SMALL);
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    let ran = project.run(&["validate"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("nix8s.yaml") && ran.stderr.contains("--config"), "{}", ran.all());
    let ran = project.run(&["validate", "--config", "nowhere.yaml"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("nowhere.yaml"), "{}", ran.all());
}

#[test]
fn stdin_is_a_configuration_too() {
    let ran = Project::new("").run_reading(&["validate", "--config", "-"], SMALL.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = Project::new("").run_reading(&["validate", "--config", "-"], MISTAKES.as_bytes());
    assert!(ran.stdout.contains("<stdin>:9:"), "{}", ran.all());
}

#[test]
fn config_show_fills_in_templates_and_defaults() {
    let project = Project::new(SMALL);
    insta::assert_snapshot!(project.run(&["config", "show"]).all());
    let json = project.run(&["config", "show", "prod", "-o", "json"]).json();
    assert!(json["config"]["clusters"]["prod"].is_object(), "{json:#}");
}

#[test]
fn config_show_reads_back_as_the_same_configuration() {
    let project = Project::new(SMALL);
    let shown = project.run(&["config", "show"]);
    let again = project.run_reading(&["config", "show", "--config", "-"], shown.stdout.as_bytes());
    assert_eq!(again.all(), shown.all());
}

#[test]
fn an_unknown_cluster_is_met_with_the_nearest() {
    let ran = Project::new(SMALL).run(&["config", "show", "pord"]);
    assert_eq!(ran.code, 64);
    assert!(ran.stderr.contains("Did you mean prod?"), "{}", ran.all());
}
