//! What a machine knows about itself, from an installer to a member of a cluster.

use std::path::Path;

use nix8s_lab::Host;
use nix8s_lab::Lab;
use serde_json::Value;
use serde_json::json;

use crate::place::NIX8S;
use crate::place::done;

/// What `nix8s on-node probe` prints there.
fn probe(host: &Host<'_>) -> Value {
    let ran = host.run(&["/usr/local/sbin/nix8s", "on-node", "probe"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_host_says_what_it_is_through_its_life() {
    let Some(lab) = Lab::start_or_skip(&["cp1"]) else { return };
    let cp1 = lab.host("cp1");
    cp1.put(Path::new(NIX8S), "/usr/local/sbin/nix8s");
    let is = probe(&cp1);
    assert_eq!(is["os"], "installer");
    assert_eq!(is["hardware"]["macs"], json!(["02:00:00:80:00:0b"]));
    let disk = json!([{ "paths": ["/dev/sda", "/dev/disk/by-id/ata-LAB-cp1"], "serial": "LAB-cp1", "size": 64_000_000_000u64,
        "content": "empty" }]);
    assert_eq!(is["hardware"]["disks"], disk);
    assert_eq!((&is["mark"], &is["running"], &is["kubelet"]), (&Value::Null, &Value::Null, &json!(false)));

    lab.flake(r#"{ "prod": { "versions": ["1.34.2"], "machines": { "cp1": { "k3s": "server" } } } }"#);
    let mark = r#"{"cluster":"prod","machine":"cp1","installation":"i1","booted":false}"#;
    done(
        &lab,
        &format!(
            "mkdir -p extra/var/lib/nix8s; echo '{mark}' > extra/var/lib/nix8s/identity.json
             nixos-anywhere --flake ./flake#cp1 --target-host root@cp1 --copy-host-keys --extra-files extra"
        ),
    );
    cp1.wait_for_boot();
    let is = probe(&cp1);
    assert_eq!(is["os"], json!({ "nix-os": { "release": "26.05" } }));
    assert_eq!((&is["mark"]["installation"], &is["mark"]["booted"]), (&json!("i1"), &json!(true)));
    assert_eq!(is["hardware"]["disks"][0]["content"], "ours");
    let wanted = done(&lab, "nix eval --json './flake#nix8sSystems.prod.\"1.34.2\".cp1'");
    assert_eq!(is["running"], serde_json::from_str::<Value>(&wanted).unwrap());
    assert_eq!(
        (&is["kubelet"], &is["datastore"], &is["components"]),
        (&json!(false), &json!(false), &json!("v1.34.2+k3s1"))
    );

    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    done(&lab, "echo 'cluster-init: true' | ssh cp1 'cat > /var/lib/nix8s/k3s.yaml'");
    kubernetes.wait_until("/api/v1/nodes/cp1", r#".status.nodeInfo.kubeletVersion == "v1.34.2+k3s1""#);
    let is = probe(&cp1);
    assert_eq!((&is["kubelet"], &is["datastore"]), (&json!(true), &json!(true)));
    // Its etcd, which says of itself that it is well.
    let member = &is["etcd"][0];
    assert_eq!((&member["name"], &member["healthy"]), (&json!("cp1"), &json!(true)), "{is}");
}
