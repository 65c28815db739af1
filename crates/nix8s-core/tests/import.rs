//! Importers against the examples of earlier designs: each key is honoured, waits for a later version, or is named.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use nix8s_core::import::Design;
use nix8s_core::import::Imported;
use nix8s_core::import::Note;
use nix8s_core::import::Why;
use nix8s_core::import::import;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use serde_json::Value;
use serde_json::json;

fn fixture(design: Design, name: &str) -> Value {
    let path = format!("{}/tests/import/{}/{name}.json", env!("CARGO_MANIFEST_DIR"), design.as_str());
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&bytes).expect("the fixture is JSON")
}

fn imported(design: Design, document: &Value) -> Imported {
    import(design, "earlier.json", document.to_string().as_bytes()).expect("the document can be read")
}

fn show(notes: &[Note]) -> String {
    let line = |n: &Note| format!("{} {}: {}\n    {}\n", n.why.as_str(), n.path, n.message, n.help);
    notes.iter().map(line).collect()
}

const FIXTURES: &[(Design, &str)] = &[
    (Design::ClusterConfig, "minimal"),
    (Design::ClusterConfig, "full"),
    (Design::ClusterConfig, "hybrid"),
    (Design::ClusterConfig, "every-key"),
    (Design::ClusterNix, "ha"),
    (Design::ClusterNix, "function"),
    (Design::Hive, "hive"),
    (Design::Hive, "folder"),
];

#[test]
fn every_example_of_an_earlier_design_imports_without_errors() {
    for (design, name) in FIXTURES {
        let imported = imported(*design, &fixture(*design, name));
        assert_eq!(imported.problems, [], "{name}: {:#}", imported.document);
        insta::assert_snapshot!(format!("{}__{name}", design.as_str()), show(&imported.notes));
    }
}

/// A place in a document: keys and indices.
type Place = Vec<Result<String, usize>>;

/// Every place where something is said: leaves, and lists without anything below.
fn leaves(value: &Value, at: &Place, all: &mut Vec<Place>) {
    let mut below = |step, value| leaves(value, &[at.as_slice(), &[step]].concat(), all);
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(Ok(key.clone()), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(Err(index), value)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => all.push(at.clone()),
    }
}

fn without(document: &Value, place: &[Result<String, usize>]) -> Value {
    let mut document = document.clone();
    let (last, above) = place.split_last().expect("the document is a map");
    let at = place_in(&mut document, above);
    match (at, last) {
        (Value::Object(map), Ok(key)) => drop(map.remove(key)),
        (Value::Array(items), Err(index)) => drop(items.remove(*index)),
        (at, last) => panic!("{last:?} in {at}"),
    }
    document
}

/// A machine with a file of its own keeps it, as a module: what is not read out of it is still there.
fn stays_in_its_file(path: &str) -> bool {
    path.contains("._value")
}

fn altered(document: &Value, place: &[Result<String, usize>]) -> Value {
    let mut document = document.clone();
    let at = place_in(&mut document, place);
    *at = match &*at {
        Value::Bool(truth) => json!(!truth),
        Value::Number(_) => json!(4711),
        Value::String(text) => json!(format!("{text}x")),
        other => other.clone(),
    };
    document
}

fn printed(place: &[Result<String, usize>]) -> String {
    place.iter().fold(String::new(), |path, step| {
        let plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        match step {
            Err(index) => format!("{path}[{index}]"),
            Ok(key) if path.is_empty() => key.clone(),
            Ok(key) if plain(key) => format!("{path}.{key}"),
            Ok(key) => format!("{path}.{key:?}"),
        }
    })
}

#[test]
fn every_key_of_an_earlier_document_is_honoured_or_named() {
    let mut forgotten = Vec::new();
    for (design, name) in FIXTURES {
        let document = fixture(*design, name);
        let whole = imported(*design, &document);
        let mut all = Vec::new();
        leaves(&document, &Vec::new(), &mut all);
        assert!(all.len() > 3, "{name} has {} leaves", all.len());
        for place in all {
            let path = printed(&place);
            // A mark of the Nix side belongs to the key above it.
            let path = path.strip_suffix("._nix8s").unwrap_or(&path);
            if stays_in_its_file(path) {
                continue;
            }
            // A flag that says what holds anyway shows when it says the opposite.
            let changed = [without(&document, &place), altered(&document, &place)];
            let honoured = changed.iter().any(|changed| {
                let after = imported(*design, changed);
                after.document != whole.document || after.notes != whole.notes
            });
            let named = |note: &Note| {
                note.path == path
                    || path.strip_prefix(&note.path).is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            if !honoured && !whole.notes.iter().any(named) {
                forgotten.push(format!("{name}: {path}"));
            }
        }
    }
    assert!(forgotten.is_empty(), "neither honoured nor named: {forgotten:#?}");
}

#[test]
fn unknown_keys_are_named_wherever_they_stand() {
    let mut lost = Vec::new();
    for (design, name) in FIXTURES {
        let document = fixture(*design, name);
        let mut places = Vec::new();
        maps(&document, &Vec::new(), &mut places);
        for place in places {
            let mut changed = document.clone();
            let at = place_in(&mut changed, &place);
            at["brandNewKey"] = json!("never seen");
            let after = imported(*design, &changed);
            let path = printed(&place);
            let said = after.notes.iter().any(|note| {
                let above = path == note.path || path.starts_with(&format!("{}.", note.path));
                note.path.contains("brandNewKey") || (above && matches!(note.why, Why::Left | Why::Secret))
            });
            let kept = after.document.to_string().contains("brandNewKey");
            if !said && !kept && !stays_in_its_file(&path) {
                lost.push(format!("{name}: {path}"));
            }
        }
    }
    assert!(lost.is_empty(), "a new key is lost in {lost:#?}");
}

/// Whatever stands in place of a value: it is carried over, an error of the result, or named.
#[test]
fn values_of_another_kind_are_not_lost_either() {
    let mut lost = Vec::new();
    for (design, name) in FIXTURES {
        let document = fixture(*design, name);
        let mut places = Vec::new();
        leaves(&document, &Vec::new(), &mut places);
        maps(&document, &Vec::new(), &mut places);
        for place in places.iter().filter(|place| !place.is_empty()) {
            let path = printed(place);
            for value in [json!("brand-new"), json!(["brand-new"]), json!({ "brand-new": 4711 })] {
                let mut changed = document.clone();
                *place_in(&mut changed, place) = value.clone();
                let Ok(after) = import(*design, "earlier.json", changed.to_string().as_bytes()) else {
                    continue;
                };
                let said = after.notes.iter().any(|note| {
                    note.path == path
                        || note.message.contains("brand-new")
                        || note.path.starts_with(&format!("{path}."))
                        || note.path.starts_with(&format!("{path}["))
                        || path.starts_with(&format!("{}.", note.path))
                        || path.starts_with(&format!("{}[", note.path))
                });
                let kept = after.document.to_string().contains("brand-new");
                if !said && !kept && !stays_in_its_file(&path) {
                    lost.push(format!("{name}: {path}: {value}"));
                }
            }
        }
    }
    assert!(lost.is_empty(), "lost without a word: {lost:#?}");
}

fn place_in<'d>(document: &'d mut Value, place: &[Result<String, usize>]) -> &'d mut Value {
    place.iter().fold(document, |at, step| match step {
        Ok(key) => &mut at[key.as_str()],
        Err(index) => &mut at[*index],
    })
}

/// Every map, marks of the Nix side left out.
fn maps(value: &Value, at: &Place, all: &mut Vec<Place>) {
    let mut below = |step, value| maps(value, &[at.as_slice(), &[step]].concat(), all);
    match value {
        Value::Object(map) if map.contains_key("_nix8s") => {}
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| below(Ok(key.clone()), value));
            all.push(at.clone());
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(Err(index), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_secret_is_carried_over() {
    let document = fixture(Design::ClusterConfig, "every-key");
    let imported = imported(Design::ClusterConfig, &document);
    let text = imported.document.to_string();
    assert!(!text.contains("not-a-real-secret") && !text.contains("$6$"), "{text}");
    let secrets = imported.notes.iter().filter(|note| note.why == Why::Secret);
    let paths: Vec<&str> = secrets.map(|note| note.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "clusterConfig.provisioners.nixos-anywhere.nodes.worker1.nixos.users.users.ops.hashedPassword",
            "clusterConfig.provisioners.terraform.backend.secret_key",
        ]
    );
}

/// The notes whose path ends so.
fn said<'n>(imported: &'n Imported, end: &str) -> &'n Note {
    let mut notes = imported.notes.iter().filter(|note| note.path.ends_with(end));
    notes.next().unwrap_or_else(|| panic!("nothing about {end}: {:#?}", imported.notes))
}

#[test]
fn c_02_cluster_nix_as_a_function_without_vip_has_its_machines() {
    let imported = imported(Design::ClusterNix, &fixture(Design::ClusterNix, "function"));
    assert_eq!(imported.document["clusters"]["home"]["members"]["cp-01"]["ip"], "10.0.0.11");
    assert_eq!(said(&imported, "vip").why, Why::Missing);
}

#[test]
fn c_03_the_key_of_the_machines_has_the_name_that_their_flake_reads() {
    let imported = imported(Design::ClusterNix, &fixture(Design::ClusterNix, "ha"));
    let ssh = &imported.document["provisioning"]["nixos-anywhere"]["ssh"];
    assert_eq!(ssh["keyFile"], "./machine-ssh-private-key");
}

#[test]
fn c_18_the_vrrp_router_of_a_running_cluster_is_kept_and_its_token_is_not() {
    let ha = imported(Design::ClusterNix, &fixture(Design::ClusterNix, "ha"));
    assert_eq!(ha.document["clusters"]["production-cluster"]["ha"]["vrrpId"], 51);
    let function = imported(Design::ClusterNix, &fixture(Design::ClusterNix, "function"));
    assert_eq!(said(&function, "clusterToken").why, Why::Secret);
    assert!(!function.document.to_string().contains("not-a-real-token"));
}

#[test]
fn d_06_kexec_and_building_are_settings_and_no_flags() {
    let full = imported(Design::ClusterConfig, &fixture(Design::ClusterConfig, "full"));
    let kind = &full.document["provisioning"]["nixos-anywhere"];
    assert_eq!((&kind["kexec"], &kind["buildOnRemote"]), (&json!(true), &json!(true)));
    assert_eq!(kind.get("extraFlags"), None);
}

#[test]
fn d_08_scripts_do_not_wait_for_steps_that_are_not_there() {
    let every = imported(Design::ClusterConfig, &fixture(Design::ClusterConfig, "every-key"));
    let script = &every.document["bootstrap"]["phases"]["custom-setup"]["activationScripts"]["setup-storage"];
    assert_eq!(script["deps"], json!(["check-network"]));
    assert_eq!(said(&every, "setup-storage.deps[1]").why, Why::Left);
}

#[test]
fn d_10_swap_and_mount_options_that_cannot_work_are_named() {
    let every = imported(Design::ClusterConfig, &fixture(Design::ClusterConfig, "every-key"));
    assert_eq!(every.document["nodes"]["worker"]["install"]["filesystem"]["options"], json!(["noatime"]));
    assert_eq!(every.document["nodes"]["worker"]["install"].get("swapSize"), None);
    assert_eq!(said(&every, "nodeConfigurations.worker.disko.partitions.swap").why, Why::Changed);
    assert_eq!(said(&every, "nodeConfigurations.worker.disko.filesystems.root.options[1]").why, Why::Left);
}

#[test]
fn d_11_an_address_that_is_none_is_named() {
    let every = imported(Design::ClusterConfig, &fixture(Design::ClusterConfig, "every-key"));
    let note = said(&every, "networking.interfaces.kubernetes.ipv4.addresses[0]");
    assert_eq!((note.why, note.message.as_str()), (Why::Left, "10.0.300.10 is no IP address"));
    assert!(!every.document.to_string().contains("10.0.300.10"));
}

#[test]
fn n_27_a_private_key_inside_a_document_is_not_carried_over() {
    let mut document = fixture(Design::ClusterConfig, "minimal");
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----\n";
    document["clusterConfig"]["provisioners"]["nixos-anywhere"]["defaults"]["ssh"]["keyFile"] = json!(key);
    let imported = imported(Design::ClusterConfig, &document);
    assert_eq!(said(&imported, "defaults.ssh.keyFile").why, Why::Secret);
    assert!(!imported.document.to_string().contains("PRIVATE KEY"));
}

#[test]
fn x_06_a_key_that_evaluating_has_copied_into_the_store_is_named() {
    let mut document = fixture(Design::ClusterConfig, "minimal");
    let stored = "/nix/store/4wm5rgmx1vgrqmvjb8j0xnjrnzllbk8q-deploy";
    document["clusterConfig"]["provisioners"]["nixos-anywhere"]["defaults"]["ssh"]["keyFile"] = json!(stored);
    let imported = imported(Design::ClusterConfig, &document);
    let note = said(&imported, "defaults.ssh.keyFile");
    assert!(note.message.contains("everybody on that computer can read"), "{}", note.message);
    assert!(!imported.document.to_string().contains("/nix/store"));
}

#[test]
fn machines_keep_the_names_that_a_running_cluster_knows_them_by() {
    for (design, name, cluster, machine) in [
        (Design::ClusterConfig, "full", "prod-cluster", "worker-gpu-01"),
        (Design::ClusterNix, "ha", "production-cluster", "cp-02"),
        (Design::Hive, "hive", "hive", "beta"),
    ] {
        let imported = imported(design, &fixture(design, name));
        let member = &imported.document["clusters"][cluster]["members"][machine];
        assert_eq!(member["name"], machine, "{name}");
    }
}

/// What is read out of a document ends in the fleet, in a problem, or in a wait for a later version. Nothing in it is
/// accepted and ignored.
#[test]
fn every_key_that_was_carried_over_is_honoured_or_waited_for() {
    for name in ["full", "minimal", "hybrid", "every-key"] {
        let document = imported(Design::ClusterConfig, &fixture(Design::ClusterConfig, name)).document;
        let (whole, later) = meaning(&document);
        let mut all = Vec::new();
        leaves(&document, &Vec::new(), &mut all);
        let mut ignored = Vec::new();
        for place in all {
            let path = printed(&place);
            let changed = [without(&document, &place), altered(&document, &place)];
            let honoured = changed.iter().any(|changed| meaning(changed).0 != whole);
            // A feature is named once, at its first place: what is below that, or belongs to it, waits with it.
            let waits = |at: &String| path.strip_prefix(at).is_some_and(|rest| rest.starts_with(['.', '[']));
            if !honoured && !later.iter().any(waits) && !waits_with_its_provisioner(&document, &place, &later)
            {
                ignored.push(path);
            }
        }
        // The machine of this template has a list of its own.
        ignored.retain(|path| path != "nodes.control-plane.nixos.boot.kernelParams[0]");
        assert!(ignored.is_empty(), "{name}: neither honoured nor waited for: {ignored:#?}\n{later:#?}");
    }
}

/// Settings of a provisioner that no machine uses, or that comes later or is to do more later.
fn waits_with_its_provisioner(document: &Value, place: &[Result<String, usize>], later: &[String]) -> bool {
    let steps: Vec<&str> = place.iter().filter_map(|step| step.as_deref().ok()).collect();
    let is_later = |kind: &str| {
        let at = format!("provisioning.{kind}");
        later.iter().any(|path| *path == at || path.starts_with(&format!("{at}.")))
    };
    match steps.as_slice() {
        ["provisioning", kind, ..] => {
            let used = document["clusters"].to_string().contains(&format!("\"provisioner\":\"{kind}\""));
            !used || is_later(kind)
        }
        ["clusters", _, "members", _, kind @ ("terraform" | "lima"), ..] => is_later(kind),
        _ => false,
    }
}

/// Everything that a document comes to, and the places of what a later version carries out.
fn meaning(document: &Value) -> (String, Vec<String>) {
    let bytes = document.to_string().into_bytes();
    let source = Source { name: "nix8s.json".to_owned(), at: At::Document, bytes };
    let loaded = load(&[source]);
    let clusters = loaded.fleet.iter().flat_map(|fleet| fleet.clusters.values());
    let later = clusters.flat_map(|cluster| cluster.later.iter().map(|later| later.path.clone())).collect();
    let problems: Vec<_> = loaded.diagnostics.iter().map(|problem| (problem.code, &problem.path)).collect();
    (format!("{:?} {problems:?}", loaded.fleet), later)
}
