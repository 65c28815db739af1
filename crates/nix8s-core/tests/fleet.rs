//! What documents mean: defaults, sharing between machines, digests of systems, features that come later.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use std::sync::Arc;

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use nix8s_core::input::resolved_document;
use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_core::model::HaMode;
use nix8s_core::model::Machine;
use nix8s_core::model::Parts;
use nix8s_core::model::Provisioner;

fn source(text: &str) -> Vec<Source> {
    vec![Source { name: "x.yaml".to_owned(), at: At::Document, bytes: text.as_bytes().to_vec() }]
}

fn fleet(text: &str) -> Fleet {
    let loaded = load(&source(text));
    loaded.fleet.unwrap_or_else(|| panic!("{:#?}\n{text}", loaded.diagnostics))
}

fn cluster(text: &str) -> Arc<Cluster> {
    fleet(text).clusters.into_values().next().expect("the document has a cluster")
}

const PRELUDE: &str = "
nodes:
  cp: { role: control-plane, install: { disk: /dev/disk/by-id/a } }
  w: { role: worker, install: { disk: /dev/disk/by-id/a }, kubernetes: { labels: { a: b } } }
provisioning: { nixos-anywhere: { ssh: { user: ops, sudo: passwordless, port: 2222 } } }
clusters:
  prod:
    version: \"1.34\"
";

fn with(cluster_keys: &str, worker_keys: &str) -> String {
    let keys: String = cluster_keys.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "{PRELUDE}{keys}    members:\n      cp: {{ node: cp, ip: 10.0.0.1 }}\n      w1: {{ node: w, ip: 10.0.0.2{worker_keys} }}\n      w2: {{ node: w, ip: 10.0.0.3 }}\n"
    )
}

fn machine(cluster: &Cluster, name: &str) -> Arc<Machine> {
    Arc::clone(&cluster.machines[&name.parse().expect("a name")])
}

#[test]
fn the_smallest_document_has_every_default() {
    let cluster = cluster(&with("", ""));
    let mut shown = serde_json::to_value(&*cluster).expect("a cluster is JSON");
    shown["machines"] = "…".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).expect("it is JSON"));
    let w1 = machine(&cluster, "prod-w1");
    assert_eq!((w1.ssh.user.as_str(), w1.ssh.port, w1.ssh.host.as_deref()), ("ops", 2222, Some("10.0.0.2")));
    assert_eq!(w1.provisioner, Provisioner::NixosAnywhere);
}

#[test]
fn machines_without_overrides_share_everything() {
    let cluster = cluster(&with("", ""));
    let (w1, w2) = (machine(&cluster, "prod-w1"), machine(&cluster, "prod-w2"));
    assert!(Arc::ptr_eq(&w1.parts, &w2.parts));
    assert!(Arc::ptr_eq(&w1.node, &w2.node));
    assert!(Arc::ptr_eq(&w1.disks, &w2.disks));
}

#[test]
fn an_override_of_one_thing_shares_the_others() {
    let cluster = cluster(&with("", ", network: { mac: \"02:00:00:00:00:01\" }"));
    let (w1, w2) = (machine(&cluster, "prod-w1"), machine(&cluster, "prod-w2"));
    assert!(Arc::ptr_eq(&w1.node, &w2.node) && Arc::ptr_eq(&w1.disks, &w2.disks));
    assert_eq!(w1.mac.expect("it is set").to_string(), "02:00:00:00:00:01");
}

#[test]
fn a_mac_address_that_several_machines_have_identifies_none() {
    let shared = with("", "").replace("kubernetes:", "network: { mac: \"02:00:00:00:00:01\" }, kubernetes:");
    let cluster = cluster(&shared);
    assert_eq!(machine(&cluster, "prod-w1").mac, None);
}

/// The parts of w1's system that differ between two documents.
fn differs(one: &str, other: &str) -> Vec<&'static str> {
    let parts = |text: &str| (*machine(&cluster(text), "prod-w1").parts).clone();
    let (Parts { kernel, initrd, kubernetes, disks, network, rest }, other) = (parts(one), parts(other));
    [
        ("kernel", kernel != other.kernel),
        ("initrd", initrd != other.initrd),
        ("kubernetes", kubernetes != other.kubernetes),
        ("disks", disks != other.disks),
        ("network", network != other.network),
        ("rest", rest != other.rest),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(part, _)| part)
    .collect()
}

#[test]
fn a_change_touches_the_parts_of_the_system_that_it_belongs_to() {
    for (keys, parts) in [
        (", boot: { kernelParams: [quiet] }", vec!["kernel"]),
        (", hardware: { cpu: { vendor: amd } }", vec!["kernel"]),
        (", extensions: { drbd: { enable: true } }", vec!["kernel"]),
        (", extensions: { gpu: { enable: true, containerRuntime: true } }", vec!["kernel", "kubernetes"]),
        (", extensions: { monitoring: { enable: true } }", vec!["rest"]),
        (", install: { swapSize: 8G }", vec!["disks"]),
        (", install: { encryption: { enable: true, keyFile: k } }", vec!["initrd", "disks"]),
        (", network: { interface: eno2 }", vec!["network"]),
        (", network: { dhcp: false }", vec!["network"]),
        (", profiles: [minimal]", vec!["rest"]),
        (", nixosModules: [./x.nix]", vec!["rest"]),
        (", nixos: { services: { x: { enable: true } } }", vec!["rest"]),
        (", nixos: { boot: { x: 1 } }", vec!["kernel"]),
        (", stateVersion: \"26.05\"", vec!["rest"]),
        (", x-mine: 1", vec!["rest"]),
        (", ssh: { authorizedKeys: [ssh-ed25519 AAAA] }", vec!["rest"]),
        (", ssh: { user: root, port: 22, keyFile: k, jump: j }", vec![]),
        (", kubernetes: { labels: { x: y }, taints: [\"a=b:NoSchedule\"] }", vec![]),
        (", skip: true", vec![]),
    ] {
        assert_eq!(differs(&with("", ""), &with("", keys)), parts, "{keys}");
    }
    for (keys, parts) in [
        ("k3s: { extraArgs: { worker: [--x] } }", vec!["kubernetes"]),
        ("k3s: { extraArgs: { control-plane: [--x] } }", vec![]),
        ("network: { podCidr: 10.99.0.0/16 }", vec!["kubernetes"]),
        ("domain: example.com", vec!["kubernetes", "network"]),
        ("ha: { vip: 10.0.0.9 }", vec![]),
        ("upgrade: { pause: 1m }", vec![]),
        ("gates: { soak: 1m }", vec![]),
    ] {
        assert_eq!(differs(&with("", ""), &with(keys, "")), parts, "{keys}");
    }
    let newer = with("", "").replace("\"1.34\"", "\"1.35\"");
    assert_eq!(differs(&with("", ""), &newer), ["kubernetes"]);
}

#[test]
fn another_member_changes_no_machines_system() {
    let more = format!("{}      w3: {{ node: w, ip: 10.0.0.4 }}\n", with("", ""));
    assert_eq!(differs(&with("", ""), &more), Vec::<&str>::new());
}

#[test]
fn the_vip_decides_the_mode_unless_one_is_given() {
    let mode = |keys: &str| (cluster(&with(keys, "")).ha.mode, cluster(&with(keys, "")).ha.port);
    assert_eq!(mode(""), (HaMode::None, 6443));
    assert_eq!(mode("ha: { vip: 10.0.0.9 }"), (HaMode::Keepalived, 6443));
    assert_eq!(mode("distribution: kubeadm\nha: { vip: 10.0.0.9 }"), (HaMode::KubeVip, 6443));
    assert_eq!(mode("ha: { vip: 10.0.0.9, mode: haproxy }"), (HaMode::Haproxy, 8443));
    assert_eq!(mode("ha: { haproxy: { enable: true, vip: 10.0.0.9 } }"), (HaMode::Haproxy, 8443));
    assert_eq!(mode("ha: { enable: false }"), (HaMode::None, 6443));
}

#[test]
fn x_09_every_reader_sees_the_first_server_that_was_set() {
    let three = with("ha: { vip: 10.0.0.9, firstServer: w1 }", ", role: control-plane");
    assert_eq!(cluster(&three).ha.first_server.as_str(), "prod-w1");
    let older = with("ha: { vip: 10.0.0.9 }\nfirstServer: w1", ", role: control-plane");
    assert_eq!(cluster(&older).ha.first_server.as_str(), "prod-w1");
    let unset = with("ha: { vip: 10.0.0.9 }", ", role: control-plane");
    assert_eq!(cluster(&unset).ha.first_server.as_str(), "prod-cp");
}

#[test]
fn older_spellings_mean_what_todays_do() {
    for (older, today) in [
        ("k3s: { version: v1.33.1+k3s1 }", "version: v1.33.1+k3s1"),
        ("kubernetes: { version: \"1.33\" }", "version: \"1.33\""),
        (
            "k3s: { network: { clusterCidr: 10.99.0.0/16, clusterDns: 10.43.0.9 } }",
            "network: { podCidr: 10.99.0.0/16, clusterDns: 10.43.0.9 }",
        ),
        (
            "k3s: { extraArgs: { server: [--a], agent: [--b] } }",
            "k3s: { extraArgs: { control-plane: [--a], worker: [--b] } }",
        ),
        (
            "upgrade: { maxParallel: 3, serversFirst: true, pauseBetweenNodes: 5s }",
            "upgrade: { maxUnavailable: 3, controlPlanesFirst: true, pause: 5s }",
        ),
        ("helmPackages: { repos: { x: \"https://x\" } }", "helm: { repos: { x: \"https://x\" } }"),
    ] {
        let bare = |keys: &str| {
            with(keys, "").replacen(
                "    version: \"1.34\"\n",
                if keys.contains("version") { "" } else { "    version: \"1.34\"\n" },
                1,
            )
        };
        let json = |keys: &str| serde_json::to_value(&*cluster(&bare(keys))).expect("a cluster is JSON");
        assert_eq!(json(older), json(today), "{older}");
    }
}

#[test]
fn x_18_what_comes_later_is_said_once_per_feature() {
    let text =
        std::fs::read_to_string(format!("{}/../../examples/every-key.yaml", env!("CARGO_MANIFEST_DIR")));
    let fleet = fleet(&text.expect("the example is there"));
    let later: Vec<String> = fleet.clusters[&"full".parse().expect("a name")]
        .later
        .iter()
        .map(|later| format!("{}: {}", later.path, later.what))
        .collect();
    insta::assert_snapshot!(later.join("\n"));
}

#[test]
fn the_resolved_document_has_everything_but_secrets() {
    let keys = "secrets: { token: hunter2, agentToken: hunter3 }\netcd: { snapshot: { s3: { bucket: b, secretKey: hunter4, accessKey: hunter5 } } }\nk3s: { version: v1.33.1+k3s1 }";
    let text =
        with(keys, ", network: { mac: \"02:00:00:00:00:01\" }").replacen("    version: \"1.34\"\n", "", 1);
    let (document, _) = resolved_document(&source(&text));
    let shown =
        serde_json::to_string_pretty(&document.expect("the document is in order")).expect("it is JSON");
    assert!(!shown.contains("hunter"), "{shown}");
    insta::assert_snapshot!(shown);
}

/// Everything in a document that is not said to come later is part of the fleet: to change it changes the fleet.
#[test]
fn x_18_no_setting_of_a_machine_or_cluster_is_accepted_and_ignored() {
    let before = with("", "");
    let seen = |text: &str| serde_json::to_string(&fleet(text)).expect("a fleet is JSON");
    for keys in [
        ", network: { interface: eno9 }",
        ", network: { gateway: 10.0.0.254 }",
        ", network: { nameservers: [9.9.9.9] }",
        ", extensions: { storage: { enable: true } }",
        ", extensions: { zfs: { enable: true, hostId: 8425e349 } }",
        ", extensions: { drbd: { enable: true, devices: [/dev/disk/by-id/d] } }",
        ", hardware: { cpu: { updateMicrocode: true } }",
        ", boot: { loader: grub }",
        ", boot: { kernelModules: [x] }",
        ", install: { rootSize: 100G }",
        ", install: { filesystem: { options: [noatime] } }",
        ", system: aarch64-linux",
        ", ssh: { hostKey: ssh-ed25519 AAAA }",
        ", ssh: { rootLogin: no }",
        ", kubernetes: { annotations: { a: b } }",
        ", scripts: [{ name: a, when: pre-join, text: id }]",
    ] {
        assert_ne!(seen(&before), seen(&with("", keys)), "{keys}");
    }
    for keys in [
        "upgrade: { maxUnavailable: 3 }",
        "upgrade: { maxParallel: 3 }",
        "k3s: { disable: [traefik] }",
        "k3s: { config: { a: b } }",
        "k3s: { apiServerAddresses: [a.example.com] }",
        "etcd: { snapshot: { interval: 6h } }",
        "secrets: { encryptionAtRest: true }",
        "pki: { external: true, caCert: a }",
        "network: { mesh: wireguard }",
        "metallb: { enable: true, addresses: [10.9.0.0/24] }",
        "cozystack: { enable: true }",
        "gates: { units: [a.service] }",
        "scripts: [{ name: a, when: pre-join, text: id }]",
    ] {
        assert_ne!(seen(&before), seen(&with(keys, "")), "{keys}");
    }
}
