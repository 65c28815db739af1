//! What inputs are made from: the examples, and the cases of the other tests.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            files(&path, endings, found);
        } else if endings.contains(&ending) {
            found.push(path);
        }
    }
}

fn below(folder: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut found = Vec::new();
    files(&root, endings, &mut found);
    assert!(!found.is_empty(), "{folder} holds nothing to begin with");
    found.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Documents that are well or wrong.
pub fn documents() -> Vec<Vec<u8>> {
    let mut all = below("examples", &["yaml", "yml", "json"]);
    all.extend(below("crates/nix8s-core/tests/problems", &["txt", "yaml", "json"]));
    all.extend(cases().iter().map(|case| serde_json::to_vec(case).unwrap()));
    all
}

/// The documents of the cases that pin resolution.
pub fn cases() -> Vec<Value> {
    let cases = below("crates/nix8s-core/tests/resolve", &["json"]);
    cases.iter().map(|bytes| serde_json::from_slice::<Value>(bytes).unwrap()["document"].take()).collect()
}
