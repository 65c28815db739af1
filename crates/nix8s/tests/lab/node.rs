//! What a person asks of single machines, on real hosts.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use nix8s_lab::Host;
use nix8s_lab::Kubernetes;
use nix8s_lab::Lab;

use crate::place::done;

/// A configuration of a control plane and a worker, beside a flake with their systems.
fn configure(lab: &Lab, template: &str, provisioner: &str) {
    let address = |name: &str| lab.host(name).address().to_owned();
    let yaml = format!(
        "nodes:\n  metal: {{ install: {{ {template} }} }}\nclusters:\n  prod:\n    version: v1.34.2+k3s1\n    distribution: k3s\n    \
         gates: {{ soak: 0s, retries: 1, timeout: 5s }}\n    provisioner: {provisioner}\n    members:\n      \
         cp1: {{ node: metal, role: control-plane, ip: {} }}\n      w1: {{ node: metal, role: worker, ip: {} }}\n\
         provisioning:\n  {provisioner}: {{}}\npolicy: {{ remove: true }}\n",
        address("prod-cp1"),
        address("prod-w1"),
    );
    std::fs::write(lab.home().join("flake/nix8s.yaml"), yaml).unwrap();
}

/// One control plane and one worker, whose systems are those of the flake beside it.
fn systems(lab: &Lab) {
    lab.flake(
        r#"{ "prod": { "versions": ["v1.34.2+k3s1"], "machines": {
            "prod-cp1": { "k3s": "server" }, "prod-w1": { "k3s": "agent" } } } }"#,
    );
}

fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    lab.operator(&command)
}

#[track_caller]
fn nix8s(lab: &Lab, args: &[&str]) -> String {
    let output: Output = command(lab, args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{all}");
    all
}

/// An apply that goes on, until it is stopped.
struct Apply {
    running: Child,
    log: PathBuf,
}

impl Apply {
    fn begin(lab: &Lab) -> Self {
        let log = lab.home().join("apply.log");
        let (out, errors) = (File::create(&log).unwrap(), File::options().append(true).open(&log).unwrap());
        let mut apply = command(lab, &["apply", "--yes"]);
        let running = apply.stdin(Stdio::null()).stdout(out).stderr(errors).spawn().unwrap();
        Self { running, log }
    }
}

impl Drop for Apply {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
        if std::thread::panicking() {
            println!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

const READY: &str =
    r#"[.items[].status.conditions[] | select(.type == "Ready") | .status] == ["True", "True"]"#;

fn installation(host: &Host<'_>) -> String {
    let mark: serde_json::Value =
        serde_json::from_str(&host.read("/var/lib/nix8s/identity.json").unwrap()).unwrap();
    mark["installation"].as_str().unwrap().to_owned()
}

fn uid(kubernetes: &Kubernetes<'_>) -> String {
    let node = kubernetes.ask("GET", "/api/v1/nodes/prod-w1", "").unwrap();
    let node: serde_json::Value = serde_json::from_str(&node).unwrap();
    node["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// etcd is the lab's own and not the machine's, so the control plane's gates, which want its vote, are not waited for.
#[test]
fn a_reinstalled_worker_leaves_is_erased_and_joins_again() {
    let Some(lab) = Lab::start_or_skip(&["prod-cp1", "prod-w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    systems(&lab);
    configure(&lab, "disk: /dev/sda", "nixos-anywhere");
    nix8s(&lab, &["init", "../other"]);
    let apply = Apply::begin(&lab);
    kubernetes.wait_until("/api/v1/nodes", READY);
    drop(apply);
    let w1 = lab.host("prod-w1");
    let (before, node) = (installation(&w1), uid(&kubernetes));
    w1.sh("touch /var/lib/nix8s/from-before");

    nix8s(&lab, &["node", "reinstall", "w1"]);
    let plan = nix8s(&lab, &["plan"]);
    assert!(plan.contains("delete-node:prod-w1") && plan.contains("! prod-w1: install NixOS"), "{plan}");
    let apply = Apply::begin(&lab);
    let again = format!(
        r#".metadata.uid != "{node}" and ([.status.conditions[] | select(.type == "Ready") | .status] == ["True"])"#
    );
    kubernetes.wait_until("/api/v1/nodes/prod-w1", &again);
    drop(apply);
    assert_ne!(installation(&w1), before);
    assert_eq!(w1.read("/var/lib/nix8s/from-before"), None);

    // New keys reach the machines, and what they replace is forgotten.
    let public = |name: &str| nix8s(&lab, &["secrets", "show", "--public", "--only", name]);
    let key = |text: &str| text.split(' ').nth(1).unwrap().to_owned();
    let (deploy, host) = (key(&public("deploy-key")), key(&public("host-key/prod-w1")));
    nix8s(&lab, &["secrets", "rotate", "--only", "deploy-key", "--only", "host-key/prod-w1"]);
    lab.host("prod-cp1").cut();
    let ran = command(&lab, &["secrets", "deliver"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(
        w1.read("/etc/ssh/nix8s_authorized_keys").unwrap().contains(&deploy),
        "one machine does not know the new key yet"
    );
    lab.host("prod-cp1").mend();
    let told = nix8s(&lab, &["secrets", "deliver"]);
    assert!(
        told.contains("Delivered to prod-cp1 and prod-w1.")
            && told.contains("deploy-key")
            && told.contains("replaced is forgotten."),
        "{told}"
    );
    let (new, shown) = (key(&public("deploy-key")), key(&public("host-key/prod-w1")));
    assert!(new != deploy && shown != host);
    for machine in lab.hosts() {
        let keys = machine.read("/etc/ssh/nix8s_authorized_keys").unwrap();
        assert!(keys.contains(&new) && !keys.contains(&deploy), "{keys}");
    }
    assert!(w1.read("/etc/ssh/ssh_host_ed25519_key.pub").unwrap().contains(&shown));
    let known = done(&lab, "cat ~/.local/state/nix8s/prod/known_hosts");
    assert!(known.contains(&shown) && !known.contains(&host), "{known}");
    done(&lab, "rm -rf /tmp/nix8s-0");
    let plan = nix8s(&lab, &["plan"]);
    assert!(!plan.contains("host key") && !plan.contains("does not let us in"), "{plan}");
    tokens_are_changed(&lab);
}

/// What k3s answers to a server with its token (`/v1-k3s/token` and `/v1-k3s/config`): the lab's k3s has no such thing.
const SUPERVISOR: &str = r#"#!/bin/sh
[ "$1" = --config ] || exec /usr/bin/curl "$@"
asked=$(cat)
[ "$(printf '%s\n' "$asked" | sed -n 's/^user = "server:\(.*\)"$/\1/p')" = "$(cat /var/lib/datastore-token)" ] || { printf 401; exit; }
new=$(printf '%s\n' "$asked" | sed -n 's/^data = .*newToken\\":\\"\([^\\]*\)\\".*/\1/p')
[ -z "$new" ] || printf %s "$new" > /var/lib/datastore-token
printf 200
"#;

/// New tokens reach the datastore and the machines, and k3s reads them, once.
fn tokens_are_changed(lab: &Lab) {
    let (cp1, w1) = (lab.host("prod-cp1"), lab.host("prod-w1"));
    let token = |host: &Host<'_>, name: &str| host.read(&format!("/var/lib/nix8s/secrets/{name}")).unwrap();
    let began =
        |host: &Host<'_>| host.sh("systemctl show --property=ExecMainStartTimestampMonotonic k3s.service");
    cp1.sh(&format!(
        "cat > /usr/local/bin/curl <<'END'\n{SUPERVISOR}END\nchmod 755 /usr/local/bin/curl
        cat /var/lib/nix8s/secrets/token > /var/lib/datastore-token"
    ));
    let before = (token(&cp1, "token"), token(&w1, "agent-token"));
    let started = began(&cp1);
    nix8s(lab, &["secrets", "rotate", "--only", "token", "--only", "agent-token"]);

    cp1.cut();
    let ran = command(lab, &["secrets", "deliver"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && said.contains("Nothing was changed"), "{said}");
    cp1.mend();
    assert_eq!((token(&cp1, "token"), began(&cp1)), (before.0.clone(), started.clone()));

    w1.cut();
    let ran = command(lab, &["secrets", "deliver"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    w1.mend();
    let new = token(&cp1, "token");
    assert_ne!(new, before.0);
    assert_eq!(cp1.sh("cat /var/lib/datastore-token"), new);
    let restarted = began(&cp1);
    assert_ne!(restarted, started);
    assert_eq!(token(&w1, "agent-token"), before.1, "it was not there");

    done(lab, "rm -rf /tmp/nix8s-0");
    let told = nix8s(lab, &["secrets", "deliver"]);
    assert!(told.contains("What token and agent-token replaced is forgotten."), "{told}");
    assert_eq!(token(&w1, "agent-token"), token(&cp1, "agent-token"));
    assert_ne!(token(&w1, "agent-token"), before.1);
    assert_eq!(began(&cp1), restarted, "it has read them already");
    for secret in [new, before.0, before.1] {
        let (program, log) = ("journalctl --no-pager", "/var/log");
        let found =
            cp1.sh(&format!("{{ {program}; cat {log}/* 2> /dev/null; }} | grep -c -F '{secret}' || :"));
        assert_eq!(found, "0", "no token is logged");
    }
}

/// Makes a host run NixOS that nobody else has to do with.
fn installed_by_hand(lab: &Lab, host: &Host<'_>) {
    let name = host.name();
    let machine = format!(r#"{{ "{name}": {{ "release": "25.11" }} }}"#);
    lab.flake(&format!(r#"{{ "own": {{ "versions": ["v1.34.2+k3s1"], "machines": {machine} }} }}"#));
    let system = format!("./flake#nixosConfigurations.{name}.config.system.build.toplevel");
    let system = done(lab, &format!("nix build --no-link --print-out-paths {system}"));
    done(lab, &format!("nix copy --no-check-sigs --to ssh-ng://{name} {system}"));
    host.sh(&format!(
        "nix-env -p /nix/var/nix/profiles/system --set {system}; {system}/bin/switch-to-configuration switch
        ln -sfn {system} /run/booted-system; mkdir -p /var/lib/nix8s; touch /var/lib/from-before"
    ));
}

#[test]
fn machines_that_run_nixos_already_are_taken_over_and_nothing_is_erased() {
    let Some(lab) = Lab::start_or_skip(&["prod-cp1", "prod-w1"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    lab.hosts().for_each(|host| installed_by_hand(&lab, &host));
    systems(&lab);
    configure(&lab, "enable: false", "nixos-rebuild");
    nix8s(&lab, &["init", "../other"]);
    let plan = nix8s(&lab, &["plan"]);
    assert!(plan.contains("adopt:prod-w1") && plan.contains("nothing is erased"), "{plan}");
    let apply = Apply::begin(&lab);
    kubernetes.wait_until("/api/v1/nodes", READY);
    drop(apply);
    for host in lab.hosts() {
        assert!(!installation(&host).is_empty());
        assert!(host.read("/var/lib/from-before").is_some());
        assert!(host.read("/etc/ssh/nix8s_authorized_keys").unwrap().starts_with("ssh-ed25519 "));
        let system = format!("./flake#nix8sBuilds.prod.\"v1.34.2+k3s1\".{}", host.name());
        let wanted = done(&lab, &format!("nix build --no-link --print-out-paths '{system}'"));
        assert_eq!(host.sh("readlink -f /run/current-system"), wanted);
        assert_eq!(host.sh("readlink -f /nix/var/nix/profiles/system"), wanted, "it is booted, too");
    }
    let w1 = lab.host("prod-w1");
    let secrets = "stat -c '%a %U %n' /var/lib/nix8s/secrets /var/lib/nix8s/secrets/*";
    assert_eq!(
        w1.sh(secrets),
        "700 root /var/lib/nix8s/secrets\n600 root /var/lib/nix8s/secrets/agent-token"
    );

    // From now on it lets in the deploy key alone, and nix8s has it.
    w1.sh("echo 'AuthorizedKeysFile /etc/ssh/nix8s_authorized_keys' > /etc/ssh/sshd_config.d/only.conf; systemctl restart ssh");
    done(&lab, "rm -rf /tmp/nix8s-0; ! ssh -o BatchMode=yes prod-w1 true 2> /dev/null");
    let plan = nix8s(&lab, &["plan"]);
    assert!(!plan.contains("does not let us in"), "{plan}");
    done(&lab, "rm -rf /tmp/nix8s-0; mv flake/secrets .");
    let plan = nix8s(&lab, &["plan"]);
    assert!(plan.contains("prod-w1 is there and does not let us in"), "{plan}");
}
