//! `init`: a configuration that explains itself, is valid, and comes up.

use crate::project::Project;

fn empty() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    project
}

#[test]
fn a_new_configuration_is_valid_without_warnings_and_converges() {
    let project = empty();
    let ran = project.run(&["init"]);
    insta::assert_snapshot!(ran.all(), @r"
    exit 0
    --- stdout
    nix8s.yaml
    README.md
    .gitignore
    secrets/.gitignore
    --- stderr
    Read nix8s.yaml, which explains itself, and try it: `nix8s apply --simulate`.
    ");
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

/// A comment that shows a key is a promise that the key works.
#[test]
fn what_the_new_configuration_comments_out_is_valid_too() {
    let project = empty();
    project.run(&["init"]);
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
        let ran = project.run(&["init"]);
        assert_eq!(ran.code, 4, "{}", ran.all());
        assert!(ran.stderr.contains(there), "{}", ran.all());
        assert_eq!(std::fs::read(project.path().join(there)).unwrap(), b"mine");
        let files = std::fs::read_dir(project.path()).unwrap().count();
        assert_eq!(files, 1, "{there}: something was written");
    }
}

#[test]
fn another_folder_is_made_and_named() {
    let project = empty();
    let ran = project.run(&["init", "a/b", "-o", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.all());
    let files: Vec<String> = serde_json::from_value(ran.json()["written"].clone()).unwrap();
    assert_eq!(files, ["a/b/nix8s.yaml", "a/b/README.md", "a/b/.gitignore", "a/b/secrets/.gitignore"]);
    assert!(files.iter().all(|file| project.path().join(file).is_file()));
}

#[test]
fn x_11_credentials_stay_out_of_the_repository() {
    let project = empty();
    project.run(&["init"]);
    let ignored = std::fs::read_to_string(project.path().join(".gitignore")).unwrap();
    for pattern in ["*kubeconfig*", "/keys/", "*.key"] {
        assert!(ignored.lines().any(|line| line == pattern), "{pattern} is not ignored");
    }
    let secrets = std::fs::read_to_string(project.path().join("secrets/.gitignore")).unwrap();
    assert!(secrets.lines().any(|line| line == "*"), "{secrets}");
}
