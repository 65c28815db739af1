//! `support`: secrets are planted wherever a bundle is made from, and none is in it.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use crate::project::Project;
use crate::project::Ran;
use crate::project::SMALL;

/// Whatever could stand in a journal, in an error message or in a configuration. `PLANTED` is in each secret part.
const PLANTED: &[&str] = &[
    "-----BEGIN RSA PRIVATE KEY-----\nPLANTEDaAAAAAAAAAAAA\nPLANTEDbBBBBBBBBBBBB\n-----END RSA PRIVATE KEY-----",
    "joins with K1090af90af90af90af90af90af90af90af90af90af90af90af90af90af90af90af::server:PLANTEDc",
    "fetching https://user:PLANTEDd@git.example.org/repository failed",
    "export DB_PASSWORD=PLANTEDe",
    "{\"password\":\"PLANTEDf\",\"user\":\"me\"}",
    "Authorization: Bearer PLANTEDg.PLANTEDh",
    "root:$6$salt$PLANTEDi:19000::",
    "k3s server --token PLANTEDj --server https://10.0.0.11:6443",
    "proxy http://PLANTEDk@proxy.example.org:3128",
    "aws_secret_access_key = PLANTEDl",
    "curl -u me:PLANTEDm https://registry.example.org",
    "connecting with --password 'PLANTEDn PLANTEDo'",
    "password: PLANTEDp, with PLANTEDq",
];

/// A bootstrap token of kubeadm, which has no room for a mark.
const BOOTSTRAP: &str = "abcdef.0123456789abcdef";

fn script(project: &Project, name: &str, text: &str) {
    project.write(&format!("bin/{name}"), format!("#!/bin/sh\n{text}\n").as_bytes());
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path().join("bin").join(name), mode).unwrap();
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    let home = project.path();
    command.env("HOME", home).env("TMPDIR", home).env("XDG_RUNTIME_DIR", home);
    command.env("SOPS_AGE_KEY_FILE", home.join("keys.txt"));
    command.env("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", home.join("bin").display()));
    Ran::from(command.output().unwrap())
}

/// What is in a bundle, by path below its folder.
fn unpacked(path: &Path, identity: &Identity) -> BTreeMap<String, String> {
    let sealed = std::fs::read(path).unwrap();
    let decryptor = age::Decryptor::new(&sealed[..]).unwrap();
    let reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).unwrap();
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(reader)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let (folder, name) = path.split_once('/').unwrap();
        assert!(folder.starts_with("nix8s-support-prod-"), "{path}");
        let (name, mut text) = (name.to_owned(), String::new());
        entry.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}

/// A project with secrets and an identity, and machines that are this computer, with a journal of their own.
fn project(identity: &Identity) -> Project {
    let scripts = "bootstrap:\n  activationScripts:\n    first: { text: 'curl -u me:x --password PLANTEDscript https://a:PLANTEDurl@b' }\n";
    let project = Project::new(&format!("{SMALL}{scripts}"));
    project.write("keys.txt", format!("# mine\n{}\n", identity.to_string().expose_secret()).as_bytes());
    project.write(".ssh/known_hosts", b"");
    // Whoever logs in finds this computer: the last argument is a line for the login shell.
    script(
        &project,
        "ssh",
        "[ \"$1\" != -V ] || { echo OpenSSH_9.2p1 >&2; exit 0; }\nfor line; do :; done\nexec sh -c \"$line\"",
    );
    script(&project, "journalctl", &format!("cat '{}'", project.path().join("journal").display()));
    // Nothing of this computer's disks is of interest, or mounted.
    for name in ["lsblk", "mount", "curl", "nix", "nixos-anywhere"] {
        script(&project, name, "exit 1");
    }
    let ran = run(&project, &["secrets", "generate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    project
}

/// Puts texts into everything that a bundle is made from.
fn plant(project: &Project, texts: &[String]) {
    let mut journal = "2026-01-01 k3s[1]: a harmless line\n".to_owned();
    for line in texts.iter().flat_map(|text| text.lines()) {
        journal.push_str(&format!("2026-01-01 k3s[1]: {line}\n"));
    }
    journal.push_str(&texts.join("\n"));
    project.write("journal", journal.as_bytes());
    let mut events = String::new();
    for (at, text) in texts.iter().enumerate() {
        let what = serde_json::json!({ "run-ended": { "outcome": format!("a harmless outcome: {text}") } });
        let event = serde_json::json!({ "v": 1, "seq": at + 1, "at": "2026-01-01T00:00:00Z", "run": "r", "what": what });
        events.push_str(&format!("{event}\n"));
    }
    project.write("state/prod/kind", b"real\n");
    project.write("state/prod/events.jsonl", events.as_bytes());
    let state = serde_json::json!({ "said": texts, "more": { "of": texts.join(" ") } });
    project.write("state/prod/nodes/prod-w1/state.json", format!("{state:#}").as_bytes());
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: prod\n  cluster:\n    \
        server: https://10.0.0.11:6443\ncontexts:\n- name: prod\n  context: { cluster: prod, user: prod }\nusers:\n- name: prod\n  \
        user:\n    client-certificate-data: PLANTEDcertificate\n    client-key-data: PLANTEDkey\n    token: PLANTEDtoken\n";
    project.write("state/prod/k8s/kubeconfig", kubeconfig.as_bytes());
}

/// Repositories are fetched by the user's own nix and git, with the user's own keys; what they say may hold a token.
#[test]
fn n_09_no_secret_is_in_a_bundle_and_no_token_of_an_address() {
    let identity = Identity::generate();
    let project = project(&identity);
    let shown = run(&project, &["-o", "json", "secrets", "show", "--reveal"]).json();
    let secrets: Vec<String> = shown["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["value"].as_str().unwrap().to_owned())
        .collect();
    assert!(secrets.len() >= 6, "{shown}");
    let own = identity.to_string().expose_secret().to_owned();
    let planted = PLANTED.iter().map(|text| (*text).to_owned());
    let all: Vec<String> =
        secrets.iter().cloned().chain(planted).chain([BOOTSTRAP.to_owned(), own.clone()]).collect();
    plant(&project, &all);

    let ran = run(&project, &["support", "prod", "--out", "bundle.age"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "bundle.age\n"), "{}", ran.all());
    let files = unpacked(&project.path().join("bundle.age"), &identity);
    for path in [
        "versions.json",
        "configuration.yaml",
        "doctor.json",
        "state/events.jsonl",
        "state/k8s/kubeconfig",
        "state/nodes/prod-w1/state.json",
        "machines/prod-cp1/seen.json",
        "machines/prod-w2/journal.txt",
        "missing.txt",
    ] {
        assert!(files.contains_key(path), "{path} is not among {:?}\n{}", files.keys(), ran.stderr);
        assert!(ran.stderr.contains(path) && !files[path].is_empty(), "{path}: {}", ran.stderr);
    }
    assert!(files["missing.txt"].contains("plan.json: "), "there is no flake: {}", files["missing.txt"]);
    let lines = secrets
        .iter()
        .chain([&own])
        .flat_map(|text| text.lines())
        .filter(|line| line.len() >= 12 && !line.starts_with("-----"));
    let forbidden: Vec<&str> = lines.chain(["PLANTED", BOOTSTRAP]).collect();
    let said = [("stdout", &ran.stdout), ("stderr", &ran.stderr)];
    let told = files.iter().map(|(path, text)| (path.as_str(), text)).chain(said);
    for (path, text) in told {
        for secret in &forbidden {
            let at = text
                .find(secret)
                .map(|at| text[at.saturating_sub(80)..].chars().take(160).collect::<String>());
            assert_eq!(at, None, "{path} has {secret}");
        }
    }
    // What is no secret is what helps.
    assert!(files["machines/prod-w2/journal.txt"].contains("a harmless line"));
    assert_eq!(files["state/events.jsonl"].matches("a harmless outcome").count(), all.len());
    assert!(files["state/k8s/kubeconfig"].contains("server: https://10.0.0.11:6443"));
    assert!(files["configuration.yaml"].contains("10.0.0.21"));
    for line in files["state/events.jsonl"].lines() {
        let _: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_bundle_is_for_whoever_is_named_and_takes_no_file_s_place() {
    let (mine, theirs) = (Identity::generate(), Identity::generate());
    let project = project(&mine);
    let to = theirs.to_public().to_string();
    let args = ["support", "--out", "b.age", "--recipient", &to, "-o", "json"];
    let ran = run(&project, &args);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let document = ran.json();
    assert_eq!((&document["version"], &document["recipients"]), (&1.into(), &vec![to.clone()].into()));
    let path = project.path().join("b.age");
    let files = unpacked(&path, &theirs);
    assert_eq!(document["files"].as_array().unwrap().len(), files.len());
    let sealed = std::fs::read(&path).unwrap();
    let decryptor = age::Decryptor::new(&sealed[..]).unwrap();
    assert!(decryptor.decrypt(std::iter::once(&mine as &dyn age::Identity)).is_err());
    assert_eq!(run(&project, &args).code, 4);
    assert_eq!(std::fs::read(&path).unwrap(), sealed);
    let wrong = run(&project, &["support", "--out", "c.age", "--recipient", "somebody"]);
    assert_eq!(wrong.code, 3, "{}", wrong.all());
    assert!(!project.path().join("c.age").exists());
    assert_eq!(run(&project, &["support", "--plain"]).code, 64, "there is no bundle that anybody can read");
}
