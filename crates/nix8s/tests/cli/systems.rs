//! The flake that a project in YAML gets, through a nix that notes what it is asked.

use serde_json::Value;

use crate::project::Project;
use crate::project::Ran;
use crate::project::SMALL;

/// Notes its words, makes a lock of a version that stands in a file, and evaluates to nothing.
const NIX: &str = r#"here=${0%/*}
echo "$*" >> "$here/asked"
for last; do :; done
case "$*" in
  *"flake metadata"*) read -r sum rest <<END
$(/usr/bin/cksum "${last#path:}/document.json")
END
    echo "{\"locked\":{\"narHash\":\"$sum\"},\"locks\":{\"nodes\":{}}}" ;;
  *"flake lock"*|*"flake update"*) /bin/cp "$here/lock" "${last#path:}/flake.lock" ;;
  *) echo '{}' ;;
esac"#;

fn lock(revision: &str, day: u32) -> String {
    let at = day * 86400;
    format!(
        r#"{{"nodes":{{"nixpkgs":{{"locked":{{"rev":"{revision}","lastModified":{at}}}}}}},"version":7}}"#
    )
}

fn project(yaml: &str) -> Project {
    let project = Project::new(yaml);
    project.programs(&[("nix", NIX)]);
    project.write("bin/lock", lock("aaaa", 1).as_bytes());
    project
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    Ran::from(command.env("PATH", project.path().join("bin")).output().unwrap())
}

/// What nix was asked since the last time.
fn asked(project: &Project) -> Vec<String> {
    let path = project.path().join("bin/asked");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    project.write("bin/asked", b"");
    let here = project.path().canonicalize().unwrap();
    let plain =
        text.replace(here.to_str().unwrap(), "HERE").replace(project.path().to_str().unwrap(), "HERE");
    plain.lines().map(|line| line.replace("--extra-experimental-features nix-command flakes ", "")).collect()
}

fn document(project: &Project) -> Value {
    let text = std::fs::read(project.path().join("state/prod/flake/document.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_project_in_yaml_gets_a_flake_and_a_lock_and_is_evaluated_when_it_changes() {
    let yaml =
        SMALL.replace("version: '1.34'", "version: 1.30\n    secrets: { token: hunter2hunter2hunter2 }");
    let yaml = yaml.replace("interface: eth0 }", "interface: eth0 }\n    nixosModules: [./modules/rack.nix]");
    let project = project(&yaml);
    project.write("modules/rack.nix", b"{ imports = [ ./shelf.nix ]; }");
    project.write("modules/shelf.nix", b"{ }");
    project.write("flake.nix", b"{ outputs = { self }: { devShells = { }; }; }");
    let first = run(&project, &["plan", "prod"]);
    assert_eq!(first.code, 0, "{}", first.all());
    assert!(first.stderr.contains("Wrote nix8s.lock: nixpkgs aaaa of 1970-01-02"), "{}", first.all());
    let flake = "path:HERE/state/prod/flake";
    let metadata = format!("flake metadata --json --no-write-lock-file {flake}");
    let eval = format!(
        "eval --json {flake}#nix8sSystems.prod.\"1.30\" --option eval-cache false --apply all: {{ inherit (all) \"prod-cp1\" \"prod-w1\" \"prod-w2\" ; }}"
    );
    assert_eq!(asked(&project), [format!("flake lock {flake}"), metadata.clone(), eval]);

    let files = project.state("prod");
    let has = |name: &str| files.keys().any(|path| path.ends_with(name));
    for name in [
        "flake/flake.nix",
        "flake/nix/lib/default.nix",
        "flake/project/modules/shelf.nix",
        "flake/flake.lock",
    ] {
        assert!(has(name), "{name}: {:?}", files.keys());
    }
    assert!(!has("flake/nix/tests/default.nix"));
    let secret = b"hunter2hunter2hunter2";
    let leaky: Vec<_> =
        files.iter().filter(|(_, bytes)| bytes.windows(secret.len()).any(|part| part == secret)).collect();
    assert!(leaky.is_empty(), "{leaky:?}");
    let document_before = document(&project);
    assert_eq!(document_before["clusters"]["prod"]["version"], "1.30", "and not 1.3");
    assert_eq!(document_before["clusters"]["prod"]["members"]["w1"]["network"]["interface"], "eth0");

    // Nothing has changed: nothing is evaluated.
    assert_eq!(run(&project, &["plan", "prod"]).code, 0);
    assert_eq!(asked(&project), std::slice::from_ref(&metadata));
    // What says nothing about systems changes none.
    project.write("nix8s.yaml", format!("{yaml}policy: {{ maxAffected: 3 }}\n").as_bytes());
    assert_eq!(run(&project, &["plan", "prod"]).code, 0);
    assert_eq!(asked(&project), [metadata]);
    project.write("nix8s.yaml", yaml.replace("eth0", "eno1").as_bytes());
    assert_eq!(run(&project, &["plan", "prod"]).code, 0);
    assert_eq!(asked(&project).len(), 2);
    assert_eq!(document(&project)["clusters"]["prod"]["members"]["w1"]["network"]["interface"], "eno1");
}

#[test]
fn the_lock_is_moved_by_update_and_by_nothing_else() {
    let project = project(SMALL);
    assert_eq!(run(&project, &["plan"]).code, 0);
    project.write("bin/lock", lock("bbbb", 2).as_bytes());
    assert_eq!(run(&project, &["plan"]).code, 0);
    let kept = || std::fs::read_to_string(project.path().join("nix8s.lock")).unwrap();
    assert_eq!(kept(), lock("aaaa", 1));
    let moved = run(&project, &["update"]);
    assert_eq!(
        moved.all(),
        "exit 0\n--- stderr\nnix8s.lock had nixpkgs aaaa of 1970-01-02.\nIt has nixpkgs bbbb of 1970-01-03. `nix8s plan` says what that changes.\n"
    );
    assert_eq!(kept(), lock("bbbb", 2));
    let again = run(&project, &["update"]);
    assert!(again.stderr.contains("is as new as it can be"), "{}", again.all());
    // Who copies the project elsewhere gets the same.
    std::fs::remove_dir_all(project.path().join("state")).unwrap();
    asked(&project);
    assert_eq!(run(&project, &["plan"]).code, 0);
    assert!(!asked(&project).iter().any(|words| words.contains("flake lock")));
    let used = std::fs::read_to_string(project.path().join("state/prod/flake/flake.lock")).unwrap();
    assert_eq!(used, lock("bbbb", 2));
}

#[test]
fn a_flake_of_the_user_that_gives_systems_is_taken() {
    let project = project(SMALL);
    project.write("flake.nix", b"{ outputs = { self, nix8s }: nix8s.lib.fromDocument { } { }; }");
    assert_eq!(run(&project, &["plan"]).code, 0);
    assert!(!project.path().join("nix8s.lock").exists());
    assert!(asked(&project).iter().all(|words| words.contains(" HERE") && !words.contains("path:")));
    let ran = run(&project, &["update"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("`nix flake update`"), "{}", ran.all());
}

#[test]
fn a_module_outside_of_the_project_is_refused() {
    let yaml = SMALL.replace("interface: eth0 }", "interface: eth0 }\n    nixosModules: [../rack.nix]");
    let ran = run(&project(&yaml), &["plan"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("../rack.nix is not in the folder of the configuration"), "{}", ran.all());
}
