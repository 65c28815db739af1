//! `init`: a configuration that explains itself, is valid, and comes up.

use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::project::Project;
use crate::project::Ran;

fn empty() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    project
}

/// Runs it with a home that is not in the project.
fn run(project: &Project, home: &TempDir, args: &[&str]) -> Ran {
    let ran = Ran::from(project.command(args).env("HOME", home.path()).output().unwrap());
    let path = |text: String| text.replace(home.path().to_str().unwrap(), "[home]");
    Ran { code: ran.code, stdout: path(ran.stdout), stderr: path(ran.stderr) }
}

fn init(project: &Project) -> Ran {
    run(project, &TempDir::new().unwrap(), &["init"])
}

/// Every file below a folder, with its text.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut files, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                files.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn a_new_configuration_is_valid_without_warnings_and_converges() {
    let project = empty();
    let ran = init(&project);
    insta::assert_snapshot!(ran.all());
    let ran = project.run(&["validate"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "The configuration is valid: 1 cluster, 5 machines.\n"),
        "{}",
        ran.all()
    );
    let ran = project.run(&["apply", "--simulate", "--yes", "--faults", "some"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("home is as configured"), "{}", ran.all());
}

/// What the workflow runs must succeed for the project that it comes with.
#[test]
fn what_the_workflow_runs_succeeds() {
    let project = empty();
    init(&project);
    let workflow = std::fs::read_to_string(project.path().join(".github/workflows/nix8s.yaml")).unwrap();
    let lines = workflow.lines().filter_map(|line| line.trim().strip_prefix("run: nix8s "));
    let commands: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    assert_eq!(
        commands.iter().map(|command| command[0]).collect::<Vec<_>>(),
        ["validate", "plan", "rehearse"]
    );
    for command in commands {
        let ran = project.run(&command);
        assert_eq!(ran.code, 0, "{command:?}: {}", ran.all());
    }
}

#[test]
fn the_private_key_is_in_no_file_of_the_project_and_the_recipient_is_where_it_is_needed() {
    for form in ["yaml", "flake"] {
        let (project, home) = (empty(), TempDir::new().unwrap());
        let ran = run(&project, &home, &["init", "--format", form, "-o", "json"]);
        let document = ran.json();
        assert_eq!(document["identity"]["path"], "[home]/.config/nix8s/age/keys.txt");
        let key = std::fs::read_to_string(home.path().join(".config/nix8s/age/keys.txt")).unwrap();
        let secret = key.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
        let recipient = document["identity"]["recipient"].as_str().unwrap();
        assert!(key.contains(recipient), "{key}");
        let mut named = Vec::new();
        for (path, text) in files(project.path()) {
            assert!(!text.contains("AGE-SECRET-KEY") && !text.contains(secret), "{}", path.display());
            assert!(!text.contains("RECIPIENT"), "{}", path.display());
            if text.contains(recipient) {
                named.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
        named.sort();
        let configuration = if form == "yaml" { "nix8s.yaml" } else { "flake.nix" };
        assert_eq!(named, [".sops.yaml", configuration]);
    }
}

#[test]
fn a_second_project_is_for_the_same_identity() {
    let home = TempDir::new().unwrap();
    let recipient = |_| {
        let project = empty();
        let ran = run(&project, &home, &["init", "-o", "json"]);
        (ran.json()["identity"]["recipient"].clone(), ran.json()["identity"]["new"].clone())
    };
    let [first, second] = [0, 1].map(recipient);
    assert_eq!((&first.0, first.1, second.1), (&second.0, true.into(), false.into()));
}

#[test]
fn without_a_home_nothing_is_written() {
    let project = empty();
    let ran = project.run(&["init"]);
    assert_eq!((ran.code, files(project.path()).len()), (1, 0), "{}", ran.all());
    assert!(ran.stderr.contains("neither $XDG_CONFIG_HOME nor $HOME"), "{}", ran.all());
}

#[test]
fn a_flake_project_says_what_comes_next() {
    let ran = run(&empty(), &TempDir::new().unwrap(), &["init", "--format", "flake", "clusters/home"]);
    insta::assert_snapshot!(ran.all());
}

/// The flake is evaluated with stand-ins for its inputs, which take the options as they are written.
#[test]
fn the_flake_of_a_new_project_is_a_valid_configuration() {
    let Some(nix) = crate::flake::real_nix() else {
        eprintln!("SKIPPED: there is no nix, neither $NIX8S_NIX nor on the PATH");
        return;
    };
    let (project, home) = (empty(), TempDir::new().unwrap());
    run(&project, &home, &["init", "--format", "flake"]);
    let stubs = TempDir::new().unwrap();
    let mut text = std::fs::read_to_string(project.path().join("flake.nix")).unwrap();
    for (name, url, outputs) in [
        ("nixpkgs", "github:NixOS/nixpkgs/nixos-26.05", "{ lib = { }; }"),
        (
            "flake-parts",
            "github:hercules-ci/flake-parts",
            "{ lib.mkFlake = { inputs }: module: assert builtins.length module.imports == 1; { inherit (module) nix8s; }; }",
        ),
        ("nix8s", "github:nix8s/nix8s", "{ flakeModules.default = { }; }"),
    ] {
        let folder = stubs.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let nixpkgs = format!("\"path:{}\"", stubs.path().join("nixpkgs").display());
        let inputs = if name == "nixpkgs" {
            String::new()
        } else {
            format!("inputs.nixpkgs.url = {nixpkgs}; inputs.nixpkgs-lib.url = {nixpkgs};")
        };
        std::fs::write(folder.join("flake.nix"), format!("{{ {inputs} outputs = _: {outputs}; }}")).unwrap();
        assert!(text.contains(&format!("\"{url}\"")), "{url}");
        text = text.replace(&format!("\"{url}\""), &format!("\"path:{}\"", folder.display()));
    }
    project.write("flake.nix", text.as_bytes());
    std::fs::create_dir_all(stubs.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(nix, stubs.path().join("bin/nix")).unwrap();
    let mut command = project.command(&["validate"]);
    let ran =
        Ran::from(command.env("PATH", stubs.path().join("bin")).env("HOME", home.path()).output().unwrap());
    assert_eq!(ran.all(), "exit 0\n--- stdout\nThe configuration is valid: 1 cluster, 5 machines.\n");
}

/// A comment that shows a key is a promise that the key works.
#[test]
fn what_the_new_configuration_comments_out_is_valid_too() {
    let project = empty();
    init(&project);
    let text = std::fs::read_to_string(project.path().join("nix8s.yaml")).unwrap();
    let mut shown = 0;
    let uncommented: Vec<String> = text
        .lines()
        .map(|line| {
            let indent = line.len() - line.trim_start().len();
            let Some(rest) = line.trim_start().strip_prefix("# ") else { return line.to_owned() };
            let key = rest.trim_start().split(':').next().unwrap_or_default();
            let is_key =
                rest.contains(':') && !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
            if !is_key {
                return line.to_owned();
            }
            shown += 1;
            format!("{}{rest}", &line[..indent])
        })
        .collect();
    assert!(shown >= 9, "{shown} lines: {uncommented:#?}");
    project.write("nix8s.yaml", uncommented.join("\n").as_bytes());
    let ran = project.run(&["validate"]);
    assert_eq!(ran.code, 0, "{}\n{}", uncommented.join("\n"), ran.all());
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_written() {
    for there in ["nix8s.yaml", "README.md", "secrets/.gitignore", "flake.nix", "nix8s.json"] {
        let project = empty();
        project.write(there, b"mine");
        let ran = init(&project);
        assert_eq!(ran.code, 4, "{}", ran.all());
        assert!(ran.stderr.contains(there), "{}", ran.all());
        assert_eq!(std::fs::read(project.path().join(there)).unwrap(), b"mine");
        let files = std::fs::read_dir(project.path()).unwrap().count();
        assert_eq!(files, 1, "{there}: something was written");
    }
}

#[test]
fn another_folder_is_made_and_named() {
    let (project, home) = (empty(), TempDir::new().unwrap());
    let ran = run(&project, &home, &["init", "a/b", "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    let written: Vec<String> = serde_json::from_value(ran.json()["written"].clone()).unwrap();
    let names = [
        "nix8s.yaml",
        "README.md",
        ".github/workflows/nix8s.yaml",
        ".gitignore",
        ".sops.yaml",
        "secrets/.gitignore",
    ];
    assert_eq!(written, names.map(|name| format!("a/b/{name}")));
    assert!(written.iter().all(|file| project.path().join(file).is_file()));
}

#[test]
fn x_11_credentials_stay_out_of_the_repository() {
    let project = empty();
    init(&project);
    let ignored = std::fs::read_to_string(project.path().join(".gitignore")).unwrap();
    for pattern in ["*kubeconfig*", "/keys/", "*.key"] {
        assert!(ignored.lines().any(|line| line == pattern), "{pattern} is not ignored");
    }
    let secrets = std::fs::read_to_string(project.path().join("secrets/.gitignore")).unwrap();
    assert!(secrets.lines().any(|line| line == "*"), "{secrets}");
}
