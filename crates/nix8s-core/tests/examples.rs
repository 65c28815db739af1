//! The examples: each loads, and what is said about it is what is meant.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use nix8s_core::input::At;
use nix8s_core::input::Diagnostic;
use nix8s_core::input::Loaded;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use nix8s_core::input::parse::parse;
use nix8s_core::input::report::Report;
use nix8s_core::input::schema::DOCUMENT;
use nix8s_core::input::schema::walk::known_paths;
use nix8s_core::input::schema::walk::used_paths;

fn example(name: &str) -> Loaded {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    load(&[Source { name: name.to_owned(), at: At::Document, bytes }])
}

fn show(diagnostics: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let place =
            d.place.as_ref().map_or(String::new(), |p| format!("{}:{}:{} ", p.file, p.line, p.column));
        let severity = if d.severity == Severity::Error { "error" } else { "warning" };
        let help = d.help.as_ref().map_or(String::new(), |help| format!("\n    help: {help}"));
        format!("{severity} {} {place}{}: {}{help}\n", d.code, d.path, d.message)
    };
    diagnostics.iter().map(line).collect()
}

macro_rules! examples {
    ($($test:ident $file:literal)*) => {$(
        #[test]
        fn $test() {
            let loaded = example($file);
            assert!(loaded.fleet.is_some(), "{}", show(&loaded.diagnostics));
            insta::assert_snapshot!(show(&loaded.diagnostics));
        }
    )*};
}

examples! {
    the_minimal_example_loads "minimal.yaml"
    the_ha_example_loads "ha.yaml"
    the_lima_example_loads "lima.yaml"
    the_demo_loads "demo-ha.yaml"
    the_minimal_kubeadm_cluster_loads "kubeadm-minimal.yaml"
    the_full_kubeadm_cluster_loads "kubeadm-full.yaml"
    the_hybrid_kubeadm_cluster_loads "kubeadm-hybrid.yaml"
    the_fleet_loads "fleet.yaml"
    the_example_of_every_key_loads "every-key.yaml"
}

/// `dir` and `provider` of terraform exclude each other, as do `mode: bgp` and nothing: these the file cannot hold.
const ELSEWHERE: &[&str] = &["provisioning.terraform.dir"];

#[test]
fn every_key_that_is_known_is_in_the_example_of_every_key() {
    let path = format!("{}/../../examples/every-key.yaml", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the example is there");
    let mut report = Report::on(vec![Some("every-key.yaml".to_owned())]);
    let tree = parse(0, &bytes, &mut report).expect("the example is YAML");
    let used = used_paths(&tree, &DOCUMENT);
    let known = known_paths(&DOCUMENT);
    // A template written into a member takes the same keys as one in `nodes`.
    let inline = "clusters.*.members.*.node.";
    let missing: Vec<&String> = known
        .iter()
        .filter(|path| {
            !used.contains(*path) && !path.starts_with(inline) && !ELSEWHERE.contains(&path.as_str())
        })
        .collect();
    assert!(missing.is_empty(), "not in every-key.yaml: {missing:#?}");
    assert!(known.len() > 300, "{} keys are known", known.len());
}

#[test]
fn examples_with_disks_by_id_have_no_warnings() {
    for name in ["demo-ha.yaml", "fleet.yaml"] {
        let said = show(&example(name).diagnostics);
        assert!(!said.contains("N8S-0104"), "{said}");
    }
    assert_eq!(show(&example("demo-ha.yaml").diagnostics), "");
}
