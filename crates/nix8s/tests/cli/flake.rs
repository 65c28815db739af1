//! Configurations in Nix: a flake's output `nix8s`, through a recorded nix, and through a real one where there is one.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;
use crate::project::Ran;

/// The document of `FLAKE`, as Nix 2.26 prints it.
const DOCUMENT: &str = r#"{"clusters":{"prod":{"members":{"cp1":{"ip":"10.0.0.11","node":"metal","role":"control-plane"},"w1":{"ip":"10.0.0.21","node":"metal","role":"worker"}},"provisioner":"nixos-anywhere","version":"1.34"}},"nodes":{"metal":{"install":{"disk":"/dev/sda"},"network":{"interface":"eth0"}}},"provisioning":{"nixos-anywhere":{}}}"#;

const FLAKE: &str = r#"{
  outputs = { self }: {
    nix8s = {
      nodes.metal = { install.disk = "/dev/sda"; network.interface = "eth0"; };
      clusters.prod = {
        version = "1.34";
        provisioner = "nixos-anywhere";
        members.cp1 = { node = "metal"; role = "control-plane"; ip = "10.0.0.11"; };
        members.w1 = { node = "metal"; role = "worker"; ip = "10.0.0.21"; };
      };
      provisioning.nixos-anywhere = { };
    };
  };
}
"#;

/// A folder with a flake and no YAML.
fn flake() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    project.write("flake.nix", FLAKE.as_bytes());
    project
}

/// Puts a program called nix there, which notes its arguments and gives a recorded answer.
fn record(project: &Project, status: i32, stdout: &str, stderr: &str) {
    project.write("bin/stdout", stdout.as_bytes());
    project.write("bin/stderr", stderr.as_bytes());
    let script = format!(
        "#!/bin/sh\nfor argument; do echo \"$argument\"; done > {0}/arguments\n/bin/cat {0}/stderr >&2\n/bin/cat {0}/stdout\nexit {status}\n",
        project.path().join("bin").display()
    );
    project.write("bin/nix", script.as_bytes());
    let nix = project.path().join("bin/nix");
    std::fs::set_permissions(nix, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    Ran::from(command.env("PATH", project.path().join("bin")).output().unwrap())
}

/// What is said, without where the test runs.
fn said(project: &Project, ran: &Ran) -> String {
    let here = project.path().canonicalize().unwrap();
    ran.all().replace(here.to_str().unwrap(), "[here]").replace(project.path().to_str().unwrap(), "[here]")
}

#[test]
fn a_flake_is_a_configuration_like_others() {
    let project = flake();
    record(&project, 0, DOCUMENT, "warning: creating lock file\n");
    let ran = run(&project, &["validate"]);
    assert_eq!(ran.all(), "exit 0\n--- stdout\nThe configuration is valid: 1 cluster, 2 machines.\n");
    let ran = run(&project, &["apply", "--simulate", "--yes"]);
    assert!(ran.stdout.contains("prod is as configured"), "{}", ran.all());
    let arguments = std::fs::read_to_string(project.path().join("bin/arguments")).unwrap();
    insta::assert_snapshot!(arguments.replace(project.path().canonicalize().unwrap().to_str().unwrap(), "[here]"), @r"
    --extra-experimental-features
    nix-command flakes
    eval
    --json
    --no-write-lock-file
    [here]#nix8s
    ");
}

#[test]
fn it_is_found_above_and_can_be_named_by_folder_or_file() {
    let project = flake();
    record(&project, 0, DOCUMENT, "");
    project.write("modules/disks.nix", b"{ }");
    for args in [&["validate", "--config", "."][..], &["validate", "--config", "flake.nix"], &["validate"]] {
        let mut command = project.command(args);
        command.env("PATH", project.path().join("bin"));
        if args.len() == 1 {
            command.current_dir(project.path().join("modules"));
        }
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.all());
    }
}

#[test]
fn problems_in_a_flake_have_the_path_of_the_key_and_no_line() {
    let project = flake();
    record(&project, 0, &DOCUMENT.replace("10.0.0.21", "10.0.0.300").replace("interface", "interfaec"), "");
    let ran = run(&project, &["validate"]);
    insta::assert_snapshot!(ran.all());
    let ran = run(&project, &["validate", "-o", "json"]);
    assert_eq!(ran.json()["problems"][0]["place"], serde_json::Value::Null, "{}", ran.all());
}

#[test]
fn fragments_beside_a_flake_belong_to_it_and_keep_their_places() {
    let project = flake();
    record(&project, 0, DOCUMENT, "");
    project.write(
        "nix8s.d/found.yaml",
        b"clusters: { prod: { members: { w2: { node: metal, role: worker, ip: 10.0.0.22 } } } }\n",
    );
    assert!(run(&project, &["validate"]).stdout.contains("3 machines"));
    project.write("nix8s.d/found.yaml", b"nodes:\n  metal: {}\n");
    insta::assert_snapshot!(run(&project, &["validate"]).all());
}

#[test]
fn yaml_wins_over_a_flake_beside_it() {
    let project = flake();
    record(&project, 1, "", "it is not asked");
    project.write("nix8s.yaml", crate::project::SMALL.as_bytes());
    let ran = run(&project, &["validate", "-v"]);
    insta::assert_snapshot!(ran.all(), @r"
    exit 0
    --- stdout
    The configuration is valid: 1 cluster, 3 machines.
    --- stderr
    flake.nix is not read: the YAML beside it wins. `--config flake.nix` reads it.
    ");
}

#[test]
fn without_nix_it_is_said_what_to_install() {
    let project = flake();
    let ran = run(&project, &["plan", "--simulate"]);
    insta::assert_snapshot!(said(&project, &ran), @r"
    exit 5
    --- stderr
    error: could not read the configuration: could not evaluate flake.nix: could not run nix: nix is not installed
    hint: Install Nix, 2.18 or newer: https://nixos.org/download, or your system's package `nix`.
    ");
}

/// Recorded from Nix 2.26.
#[test]
fn what_nix_refuses_is_told_with_its_last_lines_and_what_to_do() {
    let no_output = "error: flake 'path:/srv/x' does not provide attribute 'packages.x86_64-linux.nix8s', \
                     'legacyPackages.x86_64-linux.nix8s' or 'nix8s'\n       Did you mean nix9s?\n";
    let function = "error:\n       … while evaluating attribute 'f'\n         at /nix/store/0a-source/flake.nix:1:81:\n\
                    \n       error: cannot convert a function to JSON\n       at /nix/store/0a-source/flake.nix:1:85:\n";
    let untracked = "error: Path 'flake.nix' in the repository \"/srv/x\" is not tracked by Git.\n\n       \
                     To make it visible to Nix, run:\n\n       git -C \"/srv/x\" add \"flake.nix\"\n";
    let syntax = "error: syntax error, unexpected end of file\n       at /srv/x/flake.nix:3:1:\n";
    let mut all = String::new();
    for stderr in [no_output, function, untracked, syntax] {
        let project = flake();
        record(&project, 1, "", stderr);
        let ran = run(&project, &["validate"]);
        assert_eq!(ran.code, 3, "{}", ran.all());
        all.push_str(&said(&project, &ran));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_not_json_is_refused() {
    let project = flake();
    record(&project, 0, "Welcome to nix, the other program.\n", "");
    let ran = run(&project, &["validate"]);
    insta::assert_snapshot!(said(&project, &ran));
}

/// The real nix: `NIX8S_NIX`, or the one on the PATH.
pub fn real_nix() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || std::env::split_paths(&path).map(|dir| dir.join("nix")).find(|nix| nix.is_file());
    std::env::var_os("NIX8S_NIX").map(PathBuf::from).or_else(on_path)
}

#[test]
fn a_real_nix_gives_the_recorded_document() {
    let Some(nix) = real_nix() else {
        eprintln!("SKIPPED: there is no nix, neither $NIX8S_NIX nor on the PATH");
        return;
    };
    let project = flake();
    std::fs::create_dir_all(project.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(&nix, project.path().join("bin/nix")).unwrap();
    let evaluate = |args: &[&str]| {
        let mut command = project.command(args);
        let path =
            std::env::join_paths([project.path().join("bin"), PathBuf::from("/usr/bin"), "/bin".into()]);
        Ran::from(
            command.env("PATH", path.unwrap()).env("HOME", project.path().join("home")).output().unwrap(),
        )
    };
    let ran = evaluate(&["validate"]);
    assert_eq!((ran.code, ran.stdout.contains("2 machines")), (0, true), "{}", ran.all());
    assert!(!project.path().join("flake.lock").exists(), "reading writes nothing");
    let printed = Command::new(&nix)
        .args([
            "--extra-experimental-features",
            "nix-command flakes",
            "eval",
            "--json",
            "--no-write-lock-file",
        ])
        .arg(format!("{}#nix8s", project.path().canonicalize().unwrap().display()))
        .env("HOME", project.path().join("home"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim(), DOCUMENT);
    for (outputs, code, hint) in [
        ("{ nix9s = { }; }", 3, "The flake needs an output `nix8s`"),
        ("{ nix8s.f = x: x; }", 3, "functions and modules stay inside"),
        ("{ nix8s = throw \"no disk\"; }", 3, "no disk"),
        ("{ nix8s = [ 1 ]; }", 3, "should be a map"),
    ] {
        project.write("flake.nix", format!("{{ outputs = _: {outputs}; }}").as_bytes());
        let ran = evaluate(&["plan", "--simulate"]);
        assert_eq!((ran.code, ran.stderr.contains(hint)), (code, true), "{}", ran.all());
    }
}
