//! The corpus that pins resolution: the same files are evaluated by Nix.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use std::path::PathBuf;

use nix8s_core::input::At;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::resolved_members;
use serde_json::Value;
use serde_json::json;

fn cases() -> Vec<PathBuf> {
    let folder = format!("{}/tests/resolve", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    all.sort();
    all
}

fn run(case: &Value) -> Result<(), String> {
    let bytes = serde_json::to_vec(&case["document"]).expect("it was JSON");
    let source = Source { name: "case.json".to_owned(), at: At::Document, bytes };
    let (resolved, diagnostics) = resolved_members(&[source]);
    let errors: Vec<Value> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| json!({ "code": diagnostic.code, "path": diagnostic.path }))
        .collect();
    let wanted = case.get("errors").cloned().unwrap_or_else(|| json!([]));
    if json!(errors) != wanted {
        return Err(format!("errors {errors:?}, wanted {wanted}"));
    }
    match case.get("resolved") {
        Some(wanted) if *wanted != resolved => Err(format!("resolved {resolved}\n  wanted {wanted}")),
        _ => Ok(()),
    }
}

#[test]
fn the_corpus_resolves_as_it_says() {
    let mut failures = Vec::new();
    let all = cases();
    for path in &all {
        let case: Value =
            serde_json::from_slice(&std::fs::read(path).expect("it can be read")).expect("it is JSON");
        let keys: Vec<&String> = case.as_object().expect("a case is a map").keys().collect();
        let says = case.get("resolved").is_some() != case.get("errors").is_some();
        assert!(says && keys.len() == 3 && case["description"].is_string(), "{}: {keys:?}", path.display());
        if let Err(why) = run(&case) {
            failures.push(format!("{}: {why}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(all.len() >= 25, "the corpus has {} cases", all.len());
}
