//! Every code, rule, wait and exit code has a page, and examples of codes do what their pages say.

use std::collections::BTreeSet;

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;

use super::*;

/// The codes that a set of sources is met with.
fn codes_of(sources: &[Source]) -> BTreeSet<&'static str> {
    load(sources).diagnostics.iter().map(|problem| problem.code).collect()
}

fn source(bytes: impl Into<Vec<u8>>) -> Vec<Source> {
    vec![Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes: bytes.into() }]
}

/// What the commands in the scenes of these codes make: too large for a page, or no text.
fn made(code: &str) -> Option<Vec<Source>> {
    Some(match code {
        "N8S-0001" => source(b"nodes: {} # caf\xe9\n".to_vec()),
        "N8S-0002" => source(b"backup\0\0\0".to_vec()),
        "N8S-0003" => source(vec![b'a'; 65 << 20]),
        "N8S-0007" => source("[".repeat(200) + &"]".repeat(200)),
        "N8S-0008" => {
            let mut text = String::from("x-0: &a0 [lol, lol, lol, lol]\n");
            for level in 1..30 {
                let below = format!("*a{}", level - 1);
                text.push_str(&format!("x-{level}: &a{level} [{}]\n", [below.as_str(); 4].join(", ")));
            }
            source(text)
        }
        "N8S-0012" => {
            let members: String = (0..4999).map(|i| format!("      m{i}: {{ wrong: 1 }}\n")).collect();
            source(format!("clusters:\n  c:\n    version: \"1.34\"\n    members:\n{members}"))
        }
        _ => return None,
    })
}

#[test]
fn the_wrong_example_of_each_code_has_the_problem_and_the_mended_one_has_none() {
    for page in codes() {
        let example = page.example.as_ref().unwrap_or_else(|| panic!("{} has no example", page.id));
        match example {
            Example::Documents(_) => {
                let wrong = codes_of(&example.sources(Side::Wrong));
                assert!(wrong.contains(page.id.as_str()), "{}: the wrong one has {wrong:?}", page.id);
                let right = load(&example.sources(Side::Right));
                assert!(right.diagnostics.is_empty(), "{}: {:#?}", page.id, right.diagnostics);
                assert!(right.fleet.is_some(), "{}", page.id);
            }
            Example::Scene { .. } => {
                let sources =
                    made(&page.id).unwrap_or_else(|| panic!("{}: nothing makes its scene", page.id));
                assert!(codes_of(&sources).contains(page.id.as_str()), "{}", page.id);
            }
            Example::Excerpt(_) => panic!("{}: a code's example is a document or a scene", page.id),
        }
    }
}

#[test]
fn every_page_says_why_and_has_an_example() {
    for page in all() {
        assert!(!page.title.is_empty() && !page.text.is_empty(), "{}", page.id);
        let words: usize = page.text.iter().map(|text| text.split(' ').count()).sum();
        assert!(words > 3, "{}: {:?}", page.id, page.text);
        let older = page.kind == Kind::Key && !page.see.is_empty();
        let inline = page.id.starts_with("clusters.*.members.*.node.");
        let elsewhere = ["provisioning.terraform.dir"].contains(&page.id.as_str());
        let below_older = page.title == "an older spelling.";
        assert!(page.example.is_some() || older || inline || elsewhere || below_older, "{}", page.id);
    }
}

#[test]
fn every_wait_has_a_page_and_every_section_is_of_something() {
    let source = include_str!("../../../nix8s-core/src/plan/wait.rs");
    let list = source.split("pub enum Cause {").nth(1).and_then(|rest| rest.split("\n}\n").next()).unwrap();
    let variants = list.lines().filter(|line| line.trim_start().starts_with(char::is_uppercase)).count();
    assert_eq!(waits().len(), variants);
    for page in waits() {
        let cause: Result<Cause, _> = serde_json::from_value(page.id.clone().into());
        assert!(cause.is_ok(), "{} is no cause", page.id);
    }
    let codes: Vec<&str> = code::ALL.iter().map(|code| code.id).collect();
    assert_eq!(section::order(include_str!("codes.txt")), codes);
    let rules: Vec<String> = RULES.iter().map(|row| row.number.to_string()).collect();
    assert_eq!(section::order(include_str!("rules.txt")), rules);
    let exits: Vec<String> = Exit::ALL.iter().map(|exit| exit.code().to_string()).collect();
    assert_eq!(section::order(include_str!("exits.txt")), exits);
}

#[test]
fn pages_are_found_by_what_people_type() {
    let ids = |word: &str| find(word).into_iter().map(|page| page.id).collect::<Vec<_>>();
    assert_eq!(ids("n8s-0030"), ["N8S-0030"]);
    assert_eq!(ids("0030"), ["N8S-0030"]);
    assert_eq!(ids("rule 4"), ["rule 4"]);
    assert_eq!(ids("rule-4"), ["rule 4"]);
    assert_eq!(ids("etcd keeps its majority"), ["rule 4"]);
    assert_eq!(ids("64"), ["exit 64"]);
    assert_eq!(ids("usage"), ["exit 64"]);
    assert_eq!(ids("not-ready"), ["not-ready"]);
    assert_eq!(ids("clusters.prod.ha.vip"), ["clusters.*.ha.vip"]);
    assert_eq!(ids("ha.vip"), ["clusters.*.ha.vip"]);
    assert_eq!(ids("maxAffected"), ["policy.maxAffected"]);
    assert_eq!(ids("version"), ["clusters.*.version"]);
    assert_eq!(ids("upgrade.maxParallel"), ["clusters.*.upgrade.maxParallel"]);
    assert_eq!(ids("ssh.user").len(), 1, "a table that stands in several places has one page");
    assert_eq!(ids("nonsense"), Vec::<String>::new());
}
