//! Exports: YAML to YAML means the same, and other tools get what they know.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use nix8s_core::export::cluster_nix;
use nix8s_core::export::colmena;
use nix8s_core::import::Design;
use nix8s_core::import::import;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use nix8s_core::input::resolved_document;
use nix8s_core::input::written_document;
use serde_json::Value;
use serde_json::json;

fn source(name: &str, bytes: Vec<u8>) -> [Source; 1] {
    [Source { name: name.to_owned(), at: At::Document, bytes }]
}

fn example(name: &str) -> [Source; 1] {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    source(name, std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn fleet(sources: &[Source]) -> Value {
    let loaded = load(sources);
    let fleet = loaded.fleet.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let mut fleet = serde_json::to_value(fleet).expect("a fleet can be written");
    for cluster in fleet["clusters"].as_object_mut().into_iter().flat_map(|clusters| clusters.values_mut()) {
        for later in cluster["later"].as_array_mut().into_iter().flatten() {
            // Where a feature is named first depends on the order of the members, which means nothing.
            later["path"] = Value::Null;
        }
    }
    fleet
}

/// The resolved document, and the written one.
fn both(sources: &[Source]) -> (Value, Value) {
    let resolved = resolved_document(sources).0.expect("the example has no errors");
    (resolved, written_document(sources).0.expect("the example has no errors").document)
}

#[test]
fn a_written_document_means_the_same_fleet() {
    let folder = format!("{}/../../examples", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("there are examples")
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let before = example(&name);
        let written = written_document(&before).0.expect("the example has no errors");
        let after = source(&name, written.document.to_string().into_bytes());
        // Secrets are left out, and the fleet of the example without them is what comes back.
        let open = |line: &&str| {
            ["token:", "agentToken:", "accessKey:", "secretKey:"]
                .iter()
                .any(|key| line.trim().starts_with(key))
        };
        let text = String::from_utf8(before[0].bytes.clone()).expect("the example is UTF-8");
        let closed: Vec<&str> = text.lines().filter(|line| !open(line)).collect();
        assert_eq!(text.lines().count() - closed.len(), written.secrets.len(), "{name}");
        let closed = source(&name, closed.join("\n").into_bytes());
        assert!(fleet(&after) == fleet(&closed), "{name} means something else");
        let again = written_document(&after).0.expect("it has none now");
        assert_eq!(again.document, written.document, "{name}");
    }
}

#[test]
fn what_removes_and_what_looks_like_a_number_is_kept() {
    let text = b"nodes: { a: { boot: { kernelParams: [quiet] } } }\n\
        clusters: { c: { provisioner: manual, version: 1.30, x-y: 1.50, gates: { promql: [{ url: 'http://a', query: b, below: 1.50 }] },\
        members: { m: { node: a, boot: null, role: none, ip: 10.0.0.1 } } } }\n";
    let written = written_document(&source("x.yaml", text.to_vec())).0;
    let document = written.map(|written| written.document);
    let Some(document) = document else {
        panic!("{:#?}", written_document(&source("x.yaml", text.to_vec())).1);
    };
    let cluster = &document["clusters"]["c"];
    assert_eq!(cluster["version"], "1.30");
    assert_eq!(cluster["gates"]["promql"][0]["below"], json!(1.5));
    assert_eq!(cluster["members"]["m"].get("boot"), Some(&Value::Null));
}

#[test]
fn quotes_around_a_number_change_nothing() {
    let text = |version: &str, host: &str, release: &str| {
        let text = format!(
            "nodes: {{ a: {{ install: {{ disk: /dev/sda }}, extensions: {{ zfs: {{ hostId: {host} }} }}, stateVersion: {release} }} }}\n\
             clusters: {{ c: {{ provisioner: nixos-anywhere, version: {version},\n\
             members: {{ m: {{ node: a, role: control-plane, ip: 10.0.0.1 }} }} }} }}\nprovisioning: {{ nixos-anywhere: {{}} }}\n"
        );
        source("x.yaml", text.into_bytes())
    };
    let bare = text("1.30", "8425e349", "26.10");
    assert_eq!(fleet(&bare), fleet(&text("'1.30'", "'8425e349'", "'26.10'")));
    assert_eq!(both(&bare).0["clusters"]["c"]["members"]["m"]["stateVersion"], "26.10");
}

#[test]
fn secrets_are_left_out_and_named() {
    let written = written_document(&example("every-key.yaml")).0.expect("the example has no errors");
    assert_eq!(
        written.secrets,
        [
            "clusters.full.secrets.token",
            "clusters.full.secrets.agentToken",
            "clusters.full.etcd.snapshot.s3.accessKey",
            "clusters.full.etcd.snapshot.s3.secretKey",
        ]
    );
    assert!(!written.document.to_string().contains("inline-secrets-are-a-warning"));
}

#[test]
fn a_cluster_is_written_as_cluster_nix() {
    let (resolved, written) = both(&example("ha.yaml"));
    let exported = cluster_nix::export("prod", &resolved["clusters"]["prod"], &written);
    insta::assert_snapshot!(exported.text);
    let paths: Vec<&str> = exported.notes.iter().map(|note| note.path.as_str()).collect();
    for path in ["nodes.agent-gpu.extensions", "clusters.prod.version", "provisioning"] {
        assert!(paths.contains(&path), "{path}: {paths:#?}");
    }
}

#[test]
fn c_02_the_written_cluster_nix_is_an_attribute_set_and_comes_back_the_same() {
    let path = format!("{}/tests/import/cluster-nix/ha.json", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the fixture is there");
    let imported = import(Design::ClusterNix, "cluster.nix", &bytes).expect("it is JSON");
    let document = source("x.json", imported.document.to_string().into_bytes());
    let (resolved, written) = both(&document);
    let name = "production-cluster";
    let exported = cluster_nix::export(name, &resolved["clusters"][name], &written);
    let nix =
        std::fs::read_to_string(format!("{}/tests/import/cluster-nix/ha.nix", env!("CARGO_MANIFEST_DIR")));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&exported.text), words(&nix.expect("the fixture is there")));
}

#[test]
fn c_16_names_from_outside_stay_texts_in_cluster_nix() {
    let cluster = json!({
        "distribution": "k3s",
        "ha": { "vip": "\"; abort ${x}" },
        "members": { "a": { "role": "control-plane", "name": "a\"; b", "ip": "${builtins.abort 1}" } },
    });
    let text = cluster_nix::export("${x}", &cluster, &json!({})).text;
    insta::assert_snapshot!(text, @r#"
    {
      name = "\${x}";
      vip = "\"; abort \${x}";

      controlPlane = [
        { name = "a\"; b"; ip = "\${builtins.abort 1}"; }
      ];

      workers = [
      ];
    }
    "#);
}

#[test]
fn a_cluster_is_written_as_a_hive() {
    let (resolved, written) = both(&example("ha.yaml"));
    let exported = colmena::export("prod", &resolved["clusters"]["prod"], &written);
    insta::assert_snapshot!(exported.text);
    let paths: Vec<&str> = exported.notes.iter().map(|note| note.path.as_str()).collect();
    assert!(paths.contains(&"clusters.prod.ha") && paths.contains(&"nodes.agent-gpu.install"), "{paths:#?}");
}
