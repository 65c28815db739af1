//! Hostile and broken sources: each is a clear problem, and never a panic or a hang.

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;

fn source(name: &str, at: At, bytes: impl Into<Vec<u8>>) -> Source {
    Source { name: name.to_owned(), at, bytes: bytes.into() }
}

/// What is said about one source: `line:column code message`.
fn said(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    said_of(&[source("x.yaml", At::Document, bytes)])
}

fn said_of(sources: &[Source]) -> Vec<String> {
    let loaded = load(sources);
    let line = |d: nix8s_core::input::Diagnostic| {
        let place = d.place.map_or_else(String::new, |p| format!("{}:{}:{} ", p.file, p.line, p.column));
        format!("{place}{} {}", d.code, d.message)
    };
    loaded.diagnostics.into_iter().map(line).collect()
}

#[test]
fn a_file_of_100_mb_is_refused_at_once() {
    assert_eq!(said(vec![b'a'; 100_000_000]), ["x.yaml:1:1 N8S-0003 is 95 MiB large; the limit is 64 MiB"]);
}

#[test]
fn nesting_10_000_deep_is_refused_in_every_style() {
    let flow = "[".repeat(10_000);
    let maps = "{a: ".repeat(10_000);
    let json = "{\"a\":".repeat(10_000);
    let dashes = "- ".repeat(10_000);
    let blocks: String = (0..10_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let closed = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [flow, maps, json, dashes, blocks, closed] {
        let said = said(text.clone());
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("N8S-0007"), "{text:.20}: {said:?}");
    }
}

#[test]
fn depth_that_aliases_add_up_is_refused() {
    let mut text = String::from("x-0: &a0 [1]\n");
    for level in 1..200 {
        text.push_str(&format!("x-{level}: &a{level} [*a{}]\n", level - 1));
    }
    let said = said(text);
    assert!(said[0].contains("N8S-0007"), "{said:?}");
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..40 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!("x-{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
    }
    let said = said(text);
    assert!(said[0].contains("N8S-0008 aliases copy more than 200000 values"), "{said:?}");
}

#[test]
fn more_values_than_memory_should_take_are_refused() {
    let said = said(format!("x-a: [{}]", "0,".repeat(9_000_000)));
    assert!(said[0].contains("N8S-0008"), "{said:?}");
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    let said = said("x-a: &a [*a]\n");
    assert_eq!(said, ["x.yaml:1:10 N8S-0004 refers to a value that contains itself"]);
}

#[test]
fn nul_bytes_and_other_encodings_are_refused_with_their_place() {
    assert_eq!(said(b"nodes: {}\n  \0".to_vec()), ["x.yaml:2:3 N8S-0002 contains a NUL byte"]);
    assert_eq!(
        said("ä: \u{e4}\nb: ".bytes().chain([0xff]).collect::<Vec<u8>>()),
        ["x.yaml:2:4 N8S-0001 is not UTF-8"]
    );
    assert!(said(b"\xff\xfen\0o\0".to_vec())[0].contains("N8S-0002"));
}

#[test]
fn keys_that_are_no_texts_are_refused() {
    for text in ["? [a, b]\n: c\n", "{[a]: b}", "{{a: b}: c}", "x-a: &a b\n*a : c\n"] {
        let said = said(text);
        assert!(said[0].contains("N8S-0009"), "{text}: {said:?}");
    }
}

#[test]
fn json_is_read_by_the_same_parser_tabs_and_escapes_too() {
    let text = "{\r\n\t\"nodes\":\t{\"w\": {\"role\": \"worker\", \"nixos\": {\"a\": \"\\u00e4\\/\\n\\\"\"}}},\n\t\"nodez\": 1\n}";
    let said = said(text);
    assert!(said.iter().any(|line| line == "x.yaml:3:2 N8S-0020 unknown key \"nodez\""), "{said:?}");
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_key() {
    assert!(said("\u{feff}nodes: {}\n")[0].contains("N8S-0109"));
}

#[test]
fn more_than_1000_problems_are_counted() {
    let members: String = (0..5000).map(|i| format!("      m{i}: {{ wrong: 1 }}\n")).collect();
    let said = said(format!("clusters:\n  c:\n    version: \"1.34\"\n    members:\n{members}"));
    assert_eq!(said.len(), 1001);
    assert!(said[1000].contains("N8S-0012"), "{}", said[1000]);
}

#[test]
fn a_chain_of_10_000_templates_is_resolved_without_recursion() {
    let mut text = String::from("nodes:\n  t0: { role: worker }\n");
    for i in 1..10_000 {
        text.push_str(&format!("  t{i}: {{ extends: t{} }}\n", i - 1));
    }
    assert_eq!(said(text).len(), 1, "only that there are no clusters");
}

#[test]
fn a_key_in_two_sources_is_refused_and_both_places_are_named() {
    let sources = [
        source("nodes/a.yaml", At::Node("a".to_owned()), "role: worker\n"),
        source("clusters/c.yaml", At::Cluster("c".to_owned()), "version: '1.34'\nmembers: {}\n"),
        source(
            "nix8s.d/more.yaml",
            At::Document,
            "nodes:\n  a: { role: none }\n  b: { role: none }\nclusters: { c: { members: { x: { node: b, ip: 10.0.0.1, provisioner: manual } } } }\n",
        ),
        source("policy.yaml", At::Key("policy".to_owned()), "erase: false\n"),
        source("nix8s.d/policy.yaml", At::Document, "policy: { erase: false, remove: true }\n"),
    ];
    insta::assert_snapshot!(said_of(&sources).join("\n"), @r#"
    nix8s.d/more.yaml:2:3 N8S-0011 "a" is given here and at nodes/a.yaml:1:1
    nix8s.d/policy.yaml:1:11 N8S-0011 "erase" is given here and at policy.yaml:1:1
    "#);
}

#[test]
fn a_folder_of_sources_is_one_document() {
    let sources = [
        source("nodes/a.yaml", At::Node("a".to_owned()), "role: control-plane\n"),
        source(
            "clusters/c.yaml",
            At::Cluster("c".to_owned()),
            "version: '1.34'\nmembers: { cp: { node: a, ip: 10.0.0.1 } }\n",
        ),
        source(
            "nix8s.d/more.yaml",
            At::Document,
            "clusters: { c: { members: { w: { node: a, role: worker, ip: 10.0.0.2 } } } }\n",
        ),
        source("provisioning.yaml", At::Key("provisioning".to_owned()), "manual: {}\n"),
    ];
    let loaded = load(&sources);
    assert_eq!(loaded.diagnostics, []);
    let fleet = loaded.fleet.expect("nothing was reported");
    let names: Vec<&str> =
        fleet.clusters.values().flat_map(|c| c.machines.keys()).map(|name| name.as_str()).collect();
    assert_eq!(names, ["c-cp", "c-w"]);
}
