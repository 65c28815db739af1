//! Completions as a shell asks for them, and man pages.

use crate::project::Project;
use crate::project::SMALL;

/// What fish is told for the last word of a line: names without their help.
fn told(project: &Project, line: &[&str]) -> Vec<String> {
    let mut command = project.command(&[&["--", "nix8s"], line].concat());
    let output = command.env("COMPLETE", "fish").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn machines_of_the_configuration_are_completed() {
    let project = Project::new(SMALL);
    assert_eq!(told(&project, &["node", "show", "prod-"]), ["prod-cp1", "prod-w1", "prod-w2"]);
    assert_eq!(told(&project, &["apply", "--node", "prod-c"]), ["prod-cp1"]);
    assert_eq!(told(&project, &["apply", "--erase", "prod-w1:"]), ["prod-w1:all", "prod-w1:foreign"]);
    assert_eq!(told(&project, &["status", "pr"]), ["prod"]);
    assert_eq!(told(&project, &["explain", "rule-16"]), ["rule-16"]);
    assert_eq!(told(&project, &["comp"]), ["completions"]);
}

#[test]
fn machines_of_the_named_configuration_and_those_that_are_only_remembered_are_completed() {
    let project = Project::new(SMALL);
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    project.write("nix8s.yaml", b"this is: [not a configuration");
    assert_eq!(told(&project, &["node", "show", "prod-"]), Vec::<String>::new());
    let remembered = told(&project, &["--simulate", "node", "show", "prod-"]);
    assert_eq!(remembered, ["prod-cp1", "prod-w1", "prod-w2"]);
    project.write("other.yaml", SMALL.replace("w1:", "w7:").as_bytes());
    let named = told(&project, &["--config", "other.yaml", "node", "show", "prod-w"]);
    assert_eq!(named, ["prod-w2", "prod-w7"]);
}

#[test]
fn every_shell_gets_a_script_that_asks_nix8s() {
    let project = Project::new(SMALL);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = project.run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(ran.stdout.contains("nix8s") && ran.stdout.contains("COMPLETE"), "{}", ran.all());
    }
    let ran = project.run(&["completions", "fsh"]);
    assert!(ran.code == 64 && ran.stderr.contains("'fish'"), "{}", ran.all());
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let project = Project::new(SMALL);
    let ran = project.run(&["man", "man1"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for page in ["nix8s.1", "nix8s-apply.1", "nix8s-node-reinstall.1", "nix8s-explain.1"] {
        let text = std::fs::read_to_string(project.path().join("man1").join(page)).unwrap();
        assert!(text.contains(".SH EXTRA") || text.contains("Example"), "{page}: {text}");
    }
    let printed = project.run(&["man"]).stdout;
    assert!(printed.contains(".TH nix8s 1"), "{printed}");
    assert_eq!(printed, project.run(&["man"]).stdout, "the same binary prints the same page");
    let ran = project.run(&["man", "/proc/no/such"]);
    assert!(ran.code == 1 && ran.stderr.contains("/proc/no/such"), "{}", ran.all());
}
