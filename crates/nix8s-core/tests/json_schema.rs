//! `config schema`: an editor accepts what nix8s accepts, and marks what it refuses.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use nix8s_core::input::json;
use nix8s_core::input::parse::parse;
use nix8s_core::input::report::Report;
use nix8s_core::input::schema::json_schema::json_schema;
use serde_json::Value;

fn read(name: &str, bytes: &[u8]) -> Value {
    let mut report = Report::on(vec![Some(name.to_owned())]);
    let tree = parse(0, bytes, &mut report).unwrap_or_else(|| panic!("{name} is no YAML"));
    json::value(&tree)
}

/// Where an editor would mark something.
fn marks(document: &Value) -> Vec<String> {
    let schema = jsonschema::draft202012::new(&json_schema()).expect("the schema is one");
    schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_is_a_json_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&json_schema()));
}

#[test]
fn every_example_is_accepted() {
    let folder = format!("{}/../../examples", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("there are examples") {
        let path = entry.expect("the folder can be read").path();
        let name = path.display().to_string();
        let document = read(&name, &std::fs::read(&path).expect("it can be read"));
        assert_eq!(marks(&document), Vec::<String>::new(), "{name}");
        seen += 1;
    }
    assert!(seen >= 9, "{seen} examples");
}

#[test]
fn what_nix8s_refuses_is_marked() {
    for (text, place) in [
        ("nodes: { a: { instal: {} } }", "/nodes/a"),
        ("nodes: { a: { role: boss } }", "/nodes/a/role"),
        ("nodes: { a: { network: { dhcp: 'yes' } } }", "/nodes/a/network/dhcp"),
        ("clusters: { a: { upgrade: { maxUnavailable: 0 } } }", "/clusters/a/upgrade/maxUnavailable"),
        ("clusters: { a: { ha: { port: 70000 } } }", "/clusters/a/ha/port"),
        ("clusters: { a: { members: { b: { ip: [10.0.0.1] } } } }", "/clusters/a/members/b/ip"),
        ("clusters: { a: { k3s: { disable: [null] } } }", "/clusters/a/k3s/disable/0"),
        (
            "clusters: { a: { helm: { charts: { b: { chart: a/b, wait: 1 } } } } }",
            "/clusters/a/helm/charts/b/wait",
        ),
        ("provisioning: { ipxe: {} }", "/provisioning"),
        ("clusterz: {}", ""),
        ("[]", ""),
    ] {
        let marks = marks(&read("wrong.yaml", text.as_bytes()));
        assert!(marks.iter().any(|mark| mark.starts_with(&format!("{place}: "))), "{text}: {marks:#?}");
    }
}

#[test]
fn what_nix8s_lets_pass_is_not_marked() {
    for text in [
        "{}",
        "nodes: { a: { x-rack: b7, install: null } }",
        "clusters: { a: { version: 1.34, x-owner: [ops] } }",
        "clusters: { a: { members: { b: { node: { extends: c } } } } }",
        "provisioning: { nixos-anywhere: { kexec: true } }",
        "provisioning: { nixos-anywhere: { kexec: { enable: true } } }",
    ] {
        assert_eq!(marks(&read("right.yaml", text.as_bytes())), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn older_spellings_and_secrets_are_told_apart() {
    let schema = json_schema();
    let cluster = &schema["properties"]["clusters"]["additionalProperties"]["properties"];
    assert_eq!(cluster["helmPackages"]["deprecated"], true);
    assert_eq!(cluster["secrets"]["properties"]["token"]["writeOnly"], true);
    assert_eq!(cluster["secrets"]["properties"]["file"].get("writeOnly"), None);
    let said = |key: &str| cluster[key]["description"].as_str().unwrap_or_default().to_owned();
    assert!(said("manifests").contains("a later version carries it out"), "{}", said("manifests"));
    assert!(said("helmPackages").contains("today: helm"), "{}", said("helmPackages"));
}

#[test]
fn every_key_says_what_it_is_for() {
    fn walk(schema: &Value, path: &str, silent: &mut Vec<String>) {
        for (key, below) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if below["description"].as_str().is_none_or(str::is_empty) {
                silent.push(path.clone());
            }
            // An older spelling says what it is today, where everything below it is described.
            if below["deprecated"] != true {
                walk(below, &path, silent);
            }
        }
        for (step, below) in [("*", &schema["additionalProperties"]), ("[]", &schema["items"])] {
            if below.is_object() {
                walk(below, &format!("{path}.{step}"), silent);
            }
        }
    }
    let mut silent = Vec::new();
    walk(&json_schema(), "", &mut silent);
    assert!(silent.is_empty(), "{silent:#?}");
}
