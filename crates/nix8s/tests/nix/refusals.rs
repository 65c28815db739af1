//! Every refusal that stands in the Nix sources has a case that makes it fire, with its path and its sentence.
//!
//! The list is made from the sources: a new assertion or `throw` without a case fails here.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use super::ROOT;
use super::command;
use super::evaluate;

/// A sentence of the sources: what stands between the values that are filled in.
#[derive(Debug, PartialEq)]
struct Sentence {
    file: String,
    parts: Vec<String>,
}

impl Sentence {
    fn is_in(&self, text: &str) -> bool {
        let mut rest = text;
        self.parts.iter().all(|part| {
            let found = rest.find(part.as_str());
            if let Some(at) = found {
                rest = &rest[at + part.len()..];
            }
            found.is_some()
        })
    }
}

/// The literal that begins at a quote: its parts, and what comes after it.
fn literal(text: &str) -> (Vec<String>, &str) {
    let mut parts = vec![String::new()];
    let mut rest = &text[1..];
    while !rest.starts_with('"') {
        if let Some(value) = rest.strip_prefix("${") {
            rest = &value[braces(value)..];
            parts.push(String::new());
            continue;
        }
        let mut letters = rest.chars();
        let letter = match letters.next() {
            Some('\\') => letters.next(),
            letter => letter,
        };
        parts.last_mut().expect("there is one").push(letter.expect("the literal ends"));
        rest = letters.as_str();
    }
    (parts, &rest[1..])
}

/// How long a value is, up to and with the brace that ends it.
fn braces(value: &str) -> usize {
    let mut depth = 1;
    let mut rest = value;
    while depth > 0 {
        match rest.as_bytes()[0] {
            b'"' => {
                rest = literal(rest).1;
                continue;
            }
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        let next = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
        rest = &rest[next..];
    }
    value.len() - rest.len()
}

/// What comes after the first argument of a function: a name, or something in parentheses.
fn after_argument(text: &str) -> &str {
    let mut rest = text.trim_start();
    if !rest.starts_with('(') {
        return rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    }
    let mut depth = 0;
    loop {
        match rest.as_bytes()[0] {
            b'"' => {
                rest = literal(rest).1;
                continue;
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        let next = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
        rest = &rest[next..];
        if depth == 0 {
            return rest;
        }
    }
}

/// The sentences that follow a word of the sources.
fn sentences(word: &str, file: &str, text: &str) -> Vec<Sentence> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices(word) {
        let mut rest = &text[at + word.len()..];
        // Not part of a longer word.
        let is_letter = |letter: char| letter.is_alphanumeric();
        if text[..at].ends_with(is_letter) || rest.starts_with(is_letter) {
            continue;
        }
        match word {
            "message =" => {
                // As far as the definition goes; there may be one sentence or another.
                while let Some(next) = rest.find(['"', ';']).filter(|next| rest.as_bytes()[*next] == b'"') {
                    let (parts, after) = literal(&rest[next..]);
                    all.push(parts);
                    rest = after;
                }
            }
            "refuse" => {
                // Where it is defined an equals sign follows.
                if rest.trim_start().starts_with('=') {
                    continue;
                }
                let rest = after_argument(rest).trim_start();
                assert!(
                    rest.starts_with('"'),
                    "{file}: refuse without a sentence: {}",
                    &rest[..40.min(rest.len())]
                );
                all.push(literal(rest).0);
            }
            _ => {
                let rest = rest.trim_start();
                if rest.starts_with('"') {
                    all.push(literal(rest).0);
                }
            }
        }
    }
    let says = |parts: &Vec<String>| parts.iter().any(|part| part.len() > 3);
    all.into_iter().filter(says).map(|parts| Sentence { file: file.to_owned(), parts }).collect()
}

/// Every Nix file but the tests', without comments.
fn sources() -> Vec<(String, String)> {
    let mut left = vec![PathBuf::from(ROOT).join("nix")];
    let mut all = Vec::new();
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let is_test = path.starts_with(Path::new(ROOT).join("nix/tests"));
            if path.is_dir() && !is_test {
                left.push(path);
            } else if path.extension().is_some_and(|ending| ending == "nix") {
                let text = std::fs::read_to_string(&path).expect("it can be read");
                let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                let name = path.strip_prefix(ROOT).expect("it is below").display().to_string();
                all.push((name, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    all
}

fn of_sources(words: &[&str]) -> Vec<Sentence> {
    let all = sources();
    let of = |(file, text): &(String, String)| {
        words.iter().flat_map(|word| sentences(word, file, text)).collect::<Vec<_>>()
    };
    all.iter().flat_map(of).collect()
}

fn without_case<'a>(sentences: &'a [Sentence], said: &[String]) -> Vec<&'a Sentence> {
    sentences.iter().filter(|sentence| !said.iter().any(|text| sentence.is_in(text))).collect()
}

#[test]
fn sentences_are_found_in_sources() {
    let source = r#"
      { assertion = a == "x"; message = if b then "${path}.a: no ${f "q" { c = 1; }} here" else "other \"word\""; }
      (refuse (a == (b ")")) "some ${text}")
      x = y or (throw "${path}: never");
    "#;
    let of =
        |word| sentences(word, "f", source).into_iter().map(|sentence| sentence.parts).collect::<Vec<_>>();
    assert_eq!(of("message ="), [vec!["", ".a: no ", " here"], vec!["other \"word\""]]);
    assert_eq!(of("refuse"), [vec!["some ", ""]]);
    assert_eq!(of("throw"), [vec!["", ": never"]]);
    let sentence = Sentence {
        file: String::new(),
        parts: vec![String::new(), ".a: no ".to_owned(), " here".to_owned()],
    };
    assert!(sentence.is_in("clusters.c.a: no 3 here, and more"));
    assert!(!sentence.is_in("clusters.c.a: no"));
}

#[test]
fn every_assertion_fires() {
    let expression = r#"
      let t = import (root + "/nix/tests/harness.nix") { inherit nixpkgs lib disko; }; in
      builtins.mapAttrs (_: t.refusals) (import (root + "/nix/tests/refusals.nix"))
    "#;
    let Some(fired) = evaluate(&json!({}), expression) else { return };
    let wanted = of_sources(&["message =", "refuse"]);
    assert!(wanted.len() > 40, "{}", wanted.len());
    let mut said = Vec::new();
    for (case, messages) in fired.as_object().expect("a map") {
        let messages =
            messages.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned());
        let messages = messages.collect::<Vec<_>>();
        assert!(
            without_case(&wanted, &messages).len() < wanted.len(),
            "{case}: nothing of ours: {messages:?}"
        );
        said.extend(messages);
    }
    let without = without_case(&wanted, &said);
    assert!(without.is_empty(), "nothing makes these fire; add to nix/tests/refusals.nix: {without:#?}");
}

/// What does not evaluate at all: documents, and with which path the sentence begins.
fn thrown() -> Vec<(Value, &'static str)> {
    let of = |cluster: Value, member: Value| {
        let mut all =
            json!({ "clusters": { "c": { "version": "1.32", "members": { "m": { "role": "worker" } } } } });
        let into = |at: &mut Value, from: Value| {
            let from = from.as_object().expect("a map").clone();
            at.as_object_mut().expect("a map").extend(from);
        };
        into(&mut all["clusters"]["c"], cluster);
        into(&mut all["clusters"]["c"]["members"]["m"], member);
        all
    };
    let with = |mut all: Value, key: &str, value: Value| {
        all[key] = value;
        all
    };
    vec![
        (
            of(json!({ "network": { "serviceCidr": "fd00::/108" } }), json!({})),
            "clusters.c.network.clusterDns: fd00::/108",
        ),
        (of(json!({ "version": "latest" }), json!({})), "clusters.c.version: \"latest\""),
        (
            with(of(json!({}), json!({})), "provisioning", json!({ "iso": {}, "lima": {} })),
            "clusters.c.members.m: several",
        ),
        (
            of(json!({}), json!({ "nixosModules": ["rack.nix"] })),
            "clusters.c.members.m.nixosModules: rack.nix",
        ),
        (
            of(json!({}), json!({ "install": { "disk": "/dev/sda" }, "disko": { "devices": {} } })),
            "clusters.c.members.m: install and disko",
        ),
        (of(json!({}), json!({ "role": null })), "clusters.c.members.m: no role"),
        (
            with(of(json!({}), json!({ "node": "gone" })), "nodes", json!({ "standard": {} })),
            "clusters.c.members.m.node: there is no template \"gone\"",
        ),
        (
            with(
                of(json!({}), json!({ "node": "a" })),
                "nodes",
                json!({ "a": { "extends": "b" }, "b": { "extends": "a" } }),
            ),
            "nodes.a.extends: the templates extend each other in a circle: a → b → a",
        ),
    ]
}

#[test]
fn every_throw_says_where_and_why() {
    let wanted = of_sources(&["throw"]);
    assert!(wanted.len() >= 8, "{wanted:?}");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cluster.nix"), "{ config, ... }: { name = \"c\"; }")
        .expect("it can be written");
    let mut cases = thrown();
    // C-02: as the operator wrote it.
    cases.push((json!({ "dir": folder.path() }), "cluster.nix: it is a function"));
    let mut said = Vec::new();
    for (document, begins) in cases {
        let expression = r#"
          let of = ours.systems { document = said; }; in
          if said ? dir then ours.fromClusterNix { dir = /. + said.dir; } else
          builtins.deepSeq (removeAttrs of.fleet [ "document" ]) of.nixosConfigurations.c-m.config.networking.hostName
        "#;
        let Some((mut nix, _folder)) = command(&document, expression) else { return };
        let output = nix.output().expect("nix can be started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{document} evaluates");
        assert!(stderr.contains(begins), "{document}: {stderr}");
        said.push(stderr);
    }
    let without = without_case(&wanted, &said);
    assert!(without.is_empty(), "nothing makes these be thrown; add to `thrown`: {without:#?}");
}
