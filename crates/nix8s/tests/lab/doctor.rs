//! `doctor` and `support` with a real sshd, Nix and journal.

use std::collections::BTreeMap;
use std::io::Read;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use nix8s_lab::Lab;
use serde_json::Value;

use crate::place::configure;
use crate::place::done;
use crate::place::nix8s;

/// What is said of a machine, or of this computer, by what was examined.
fn findings(lab: &Lab, code: i32) -> BTreeMap<String, Vec<(String, String)>> {
    let ran = nix8s(lab, &["doctor", "-o", "json"]);
    assert_eq!(ran.code, code, "{}\n{}", ran.stdout, ran.stderr);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for finding in document["clusters"][0]["findings"].as_array().unwrap() {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let about = format!("{} {}", text("machine"), text("check"));
        all.entry(about).or_default().push((text("verdict"), text("text")));
    }
    all
}

#[test]
fn doctor_finds_what_is_in_the_way_of_real_hosts() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    configure(&lab);
    lab.flake(r#"{ "prod": { "versions": ["1.34.2"], "machines": { "cp1": {}, "w1": {} } } }"#);
    done(&lab, "cp -r flake/. .");
    let found = findings(&lab, 0);
    // Hosts of the lab have the libraries of this computer; NixOS has not.
    let is_well = |(verdict, text): &(String, String)| verdict == "ok" || text.contains("cannot start it");
    assert!(found[" program"].iter().all(is_well), "{found:#?}");
    assert!(found[" program"].iter().any(|(_, text)| text.starts_with("nix 2.")), "{found:#?}");
    // The operator's disk has two gigabytes.
    let (verdict, text) = &found[" space"][0];
    assert!(verdict == "warning" && text.starts_with("/nix has 1."), "{found:#?}");
    for machine in ["prod-cp1", "prod-w1"] {
        let ssh = &found[&format!("{machine} ssh")][0];
        assert!(ssh.0 == "ok" && ssh.1.ends_with("(an installer)"), "{found:#?}");
        assert_eq!(found[&format!("{machine} clock")][0].0, "ok", "{found:#?}");
        assert!(!found.contains_key(&format!("{machine} space")), "an installer is in memory: {found:#?}");
    }
    assert_eq!(found[" port"][0].1, "the cluster has not begun, and no API server is asked for");

    // One is installed, on a disk that is too small for anything; the other has another key.
    done(&lab, "nixos-anywhere --flake ./flake#cp1 --target-host root@cp1 --copy-host-keys");
    lab.host("cp1").wait_for_boot();
    lab.host("w1").lie();
    for socket in std::fs::read_dir(lab.home().join("nix8s")).into_iter().flatten() {
        std::fs::remove_file(socket.unwrap().path()).unwrap();
    }
    let found = findings(&lab, 1);
    assert!(found["prod-cp1 ssh"][0].1.ends_with("(NixOS 26.05)"), "{found:#?}");
    let nix =
        found["prod-cp1 space"].iter().find(|(_, text)| text.starts_with("prod-cp1: /nix has ")).unwrap();
    assert_eq!(nix.0, "problem", "its disk has half a gigabyte: {found:#?}");
    let (verdict, text) = &found["prod-w1 ssh"][0];
    let other = "prod-w1 shows another SSH host key than the one we know: SHA256:";
    assert!(verdict == "problem" && text.starts_with(other), "{found:#?}");

    // Gates are asked of what is installed, and of nothing else.
    let ran = nix8s(&lab, &["status", "--probe", "-o", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let gates: Value = serde_json::from_str(&ran.stdout).unwrap();
    let says = |machine: &str| -> Vec<String> {
        let gates = gates["gates"][0]["machines"][machine].as_array().unwrap().iter();
        gates
            .map(|gate| format!("{} {}", gate["gate"].as_str().unwrap(), gate["says"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(says("prod-cp1"), ["installed yes", "Ready not-asked", "etcd no"]);
    assert_eq!(says("prod-w1"), ["installed not-asked"]);

    lab.host("w1").cut();
    let text = &findings(&lab, 1)["prod-w1 ssh"][0].1;
    assert!(text.starts_with("prod-w1 does not answer at "), "{text}");
}

#[test]
fn a_bundle_has_the_ends_of_journals_and_no_secret_in_them() {
    let Some(lab) = Lab::start_or_skip(&["cp1"]) else { return };
    configure(&lab);
    let identity = Identity::generate();
    std::fs::write(lab.home().join("keys.txt"), identity.to_string().expose_secret()).unwrap();
    let said = "joining with K10abcdef0123456789::server:hunter2 as https://me:hunter2@cp1";
    lab.host("cp1").sh(&format!(
        "systemd-run --quiet --wait --unit nix8s-said sh -c 'echo a harmless line; echo {said}'
         systemd-run --quiet --wait --unit other-said sh -c 'echo a line of somebody else'"
    ));
    let recipient = identity.to_public().to_string();
    let ran = nix8s(&lab, &["support", "--out", "b.age", "--recipient", &recipient]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "b.age\n"), "{}", ran.stderr);
    let sealed = std::fs::read(lab.home().join("b.age")).unwrap();
    let reader = age::Decryptor::new(&sealed[..]).unwrap().decrypt(std::iter::once(&identity as _)).unwrap();
    let mut journal = String::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(reader)).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("machines/prod-cp1/journal.txt") {
            entry.read_to_string(&mut journal).unwrap();
        }
    }
    assert!(journal.contains("a harmless line") && journal.contains("joining with (removed)"), "{journal}");
    assert!(!journal.contains("hunter2") && !journal.contains("somebody else"), "{journal}");
}

#[test]
fn a_cluster_that_runs_is_reached_and_its_gates_hold() {
    let Some(lab) = Lab::start_or_skip(&["cp1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    configure(&lab);
    lab.flake(r#"{ "prod": { "versions": ["1.34.2"], "machines": { "prod-cp1": { "k3s": "server" } } } }"#);
    done(
        &lab,
        "mark='{\"cluster\":\"prod\",\"machine\":\"prod-cp1\",\"installation\":\"i1\",\"booted\":true}'
         mkdir -p extra/var/lib/nix8s; echo \"$mark\" > extra/var/lib/nix8s/identity.json
         nixos-anywhere --flake ./flake#prod-cp1 --target-host root@cp1 --copy-host-keys --extra-files extra",
    );
    lab.host("cp1").wait_for_boot();
    done(&lab, "echo 'cluster-init: true' | ssh cp1 'cat > /var/lib/nix8s/k3s.yaml'");
    kubernetes.wait_until(
        "/api/v1/nodes/prod-cp1",
        r#".status.conditions[] | select(.type == "Ready").status == "True""#,
    );
    let fetched = nix8s(&lab, &["kubeconfig"]);
    assert_eq!(fetched.code, 0, "{}", fetched.stderr);

    // It is not remembered here: the control plane says that the cluster exists.
    let found = findings(&lab, 1);
    let address = lab.host("cp1").address().to_owned();
    assert_eq!(
        found[" port"],
        [("ok".to_owned(), format!("the API server can be reached at {address}:6443"))]
    );
    assert!(found[" kubeconfig"][0].1.contains("its certificate ends on 20"), "{found:#?}");
    let gates = nix8s(&lab, &["status", "--probe", "-v"]);
    assert_eq!(gates.code, 0, "{}\n{}", gates.stdout, gates.stderr);
    for gate in ["holds      installed", "holds      Ready", "holds      etcd"] {
        assert!(gates.stdout.contains(gate), "{}", gates.stdout);
    }
}
