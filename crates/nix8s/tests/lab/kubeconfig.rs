//! `nix8s kubeconfig`, from a control plane that is one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use nix8s_lab::Lab;

/// Runs nix8s as the operator, in a project with one control plane.
fn nix8s(lab: &Lab, arguments: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new("bash");
    command.args(["-euc", &format!("cd project; exec {} {arguments}", env!("CARGO_BIN_EXE_nix8s"))]);
    command.envs(environment.iter().copied());
    lab.operator(&command).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_fetched_kubeconfig_works_from_here_and_a_failing_fetch_leaves_it() {
    let Some(lab) = Lab::start_or_skip(&["cp1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    let cp1 = lab.host("cp1");
    let project = lab.home().join("project");
    fs::create_dir(&project).unwrap();
    let configuration = |address: &str| {
        let yaml = format!(
            "nodes:\n  metal: {{ install: {{ disk: /dev/sda }} }}\nclusters:\n  prod:\n    version: '1.34'\n    \
             provisioner: nixos-anywhere\n    members:\n      cp1: {{ node: metal, role: control-plane, ip: {address} }}\n\
             provisioning:\n  nixos-anywhere: {{}}\n"
        );
        fs::write(project.join("nix8s.yaml"), yaml).unwrap();
    };
    // What stands for k3s hands out the control plane's own kubeconfig, for 127.0.0.1 as the real one does.
    configuration(cp1.address());
    let json = |output: &Output| said(output).trim().to_owned();
    assert_eq!(json(&nix8s(&lab, "-o json kubeconfig prod --check", &[])), "\"missing\"");

    cp1.sh("mkdir -p /etc/rancher/k3s; umask 077; cp /etc/lab/kubeconfig /etc/rancher/k3s/k3s.yaml
        grep -q 127.0.0.1 /etc/rancher/k3s/k3s.yaml");
    let fetched = said(&nix8s(&lab, "kubeconfig", &[]));
    let kept = lab.home().join(".local/state/nix8s/prod/k8s/kubeconfig");
    assert_eq!(fetched, format!("export KUBECONFIG={}\n", kept.display()));
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains(&format!("server: https://{}:6443", cp1.address())), "c_10: {text}");
    assert_eq!(mode(&kept), 0o600);

    // Nobody answers there yet: whether it works is not known, and that is not the same as stale.
    let unknown = nix8s(&lab, "-o json kubeconfig prod --check", &[]);
    assert_eq!(unknown.status.code(), Some(1));
    // The lab has its API server elsewhere.
    let api = kubernetes.address();
    cp1.sh(&format!(
        "systemd-run --quiet --unit=api systemd-socket-activate --listen=6443 \\
        /usr/lib/systemd/systemd-socket-proxyd {api}:6443
        until ss --listening --tcp --numeric | grep -q :6443; do sleep 0.1; done"
    ));
    assert_eq!(json(&nix8s(&lab, "-o json kubeconfig prod --check", &[])), "\"works\"");
    // For another address, and for another cluster.
    fs::write(&kept, text.replace(cp1.address(), "10.9.9.9")).unwrap();
    assert_eq!(json(&nix8s(&lab, "-o json kubeconfig prod --check", &[])), "\"stale\"");
    let authority =
        text.split("certificate-authority-data: ").nth(1).unwrap().split_whitespace().next().unwrap();
    let other = include_str!("../../../nix8s-engine/src/real/kube/tests/authority.txt").trim();
    fs::write(&kept, text.replace(authority, other)).unwrap();
    assert_eq!(json(&nix8s(&lab, "-o json kubeconfig prod --check", &[])), "\"stale\"");
    said(&nix8s(&lab, "kubeconfig prod", &[]));
    assert_eq!(json(&nix8s(&lab, "-o json kubeconfig prod --check", &[])), "\"works\"");

    let own = lab.home().join("own/config");
    fs::create_dir(lab.home().join("own")).unwrap();
    let theirs = "apiVersion: v1\nkind: Config\ncurrent-context: home\ncontexts: [{ name: home, context: { cluster: home } }]\n";
    fs::write(&own, theirs).unwrap();
    let environment = [("KUBECONFIG", own.to_str().unwrap())];
    said(&nix8s(&lab, "kubeconfig prod --merge", &environment));
    let merged = fs::read_to_string(&own).unwrap();
    assert!(merged.contains("current-context: home") && merged.contains("name: prod"), "{merged}");
    assert_eq!(mode(&own), 0o600);
    let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let backups: Vec<_> = names(own.parent().unwrap()).into_iter().filter(|path| *path != own).collect();
    assert_eq!(backups.len(), 1, "{backups:?}");
    assert_eq!(fs::read_to_string(&backups[0]).unwrap(), theirs);
    // Once more changes nothing, and needs no backup.
    said(&nix8s(&lab, "kubeconfig prod --merge", &environment));
    assert_eq!(names(own.parent().unwrap()).len(), 2);

    said(&nix8s(&lab, "kubeconfig prod --out out.yaml", &[]));
    let out = project.join("out.yaml");
    assert_eq!((fs::read_to_string(&out).unwrap(), mode(&out)), (text.clone(), 0o600));

    // x_27: whatever goes wrong, what is there stays.
    cp1.sh("echo rubbish > /etc/rancher/k3s/k3s.yaml");
    let failed = nix8s(&lab, "kubeconfig prod --out out.yaml", &[]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("it is no kubeconfig"), "{failed:?}");
    cp1.sh("rm /etc/rancher/k3s/k3s.yaml");
    assert_eq!(nix8s(&lab, "kubeconfig prod", &[]).status.code(), Some(1));
    for path in [&kept, &out] {
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
    assert_eq!(fs::read_to_string(&own).unwrap(), merged);
}
