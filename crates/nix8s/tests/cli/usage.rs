//! Help, version, wrong usage, and output that nobody reads.

use std::process::Stdio;

use crate::project::Project;
use crate::project::SMALL;

#[test]
fn version_is_one_line_or_one_document() {
    let project = Project::new(SMALL);
    let version = env!("CARGO_PKG_VERSION");
    for args in [&["version"][..], &["--version"]] {
        let ran = project.run(args);
        assert_eq!((ran.code, ran.stdout), (0, format!("nix8s {version}\n")));
    }
    assert_eq!(project.run(&["version", "-o", "json"]).json()["nix8s"], version);
}

#[test]
fn help_shows_every_command() {
    insta::assert_snapshot!(Project::new(SMALL).run(&["--help"]).all());
}

#[test]
fn help_of_every_command_has_an_example() {
    let project = Project::new(SMALL);
    let commands = [
        "validate",
        "config show",
        "plan",
        "apply",
        "rehearse",
        "status",
        "events",
        "node list",
        "node show",
        "node delete",
        "node undelete",
        "node rebuild",
        "node reinstall",
        "node retry",
        "explain",
        "completions",
        "man",
    ];
    for command in commands {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let ran = project.run(&args);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(ran.stdout.contains(&format!("nix8s {command}")), "{}", ran.all());
    }
}

#[test]
fn wrong_usage_exits_with_64() {
    let project = Project::new(SMALL);
    let wrong: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["plan", "--frobnicate"],
        &["plan", "--seed", "3"],
        &["--faults", "many", "validate"],
        &["plan", "--simulate", "--pace", "0"],
        &["plan", "--simulate", "--pace", "NaN"],
        &["validate", "-q", "-v"],
        &["node"],
        &["-o", "xml", "version"],
    ];
    for args in wrong {
        let ran = project.run(args);
        assert_eq!(ran.code, 64, "{args:?}: {}", ran.all());
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}

#[test]
fn a_mistyped_command_is_met_with_the_nearest() {
    let ran = Project::new(SMALL).run(&["aply"]);
    assert!(ran.stderr.contains("'apply'"), "{}", ran.all());
}

#[test]
fn real_machines_need_nix_and_the_refusal_says_how_to_simulate() {
    let project = Project::new(SMALL);
    for command in ["plan", "apply"] {
        let ran = project.run(&[command]);
        assert_eq!(ran.code, 5, "{}", ran.all());
        assert!(ran.stderr.contains("`--simulate` does all of it"), "{}", ran.all());
        let error = project.run(&[command, "-o", "json"]).json();
        assert_eq!(error["error"]["kind"], "program");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let project = Project::new(SMALL);
    for args in [&["validate"][..], &["config", "show"], &["--help"], &["version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = project.command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let project = Project::new(SMALL);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = project.command(&["config", "show"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not write to stdout"), "{output:?}");
}

#[test]
fn colour_is_used_where_it_is_wanted() {
    let project = Project::new("clusters: 3\n");
    let coloured = |args: &[&str], no_color: Option<&str>| {
        let mut command = project.command(args);
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        command.output().unwrap().stdout.contains(&0x1b)
    };
    assert!(!coloured(&["validate"], None), "stdout is no terminal here");
    assert!(coloured(&["validate", "--color", "always"], None));
    assert!(
        coloured(&["validate", "--color", "always"], Some("1")),
        "the flag is nearer than the environment"
    );
    assert!(!coloured(&["validate", "--color", "never"], None));
    assert!(!coloured(&["validate", "-o", "json", "--color", "always"], None), "programs read no colour");
}

#[test]
fn a_password_for_sudo_is_asked_for_by_those_who_reach_machines() {
    let project = Project::new(SMALL);
    let ran = project.run(&["plan", "--simulate", "--ask-sudo-password"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    let ran = project.run(&["secrets", "logins", "prod"]);
    assert_eq!(ran.code, 64, "keys are for programs: {}", ran.all());
}
