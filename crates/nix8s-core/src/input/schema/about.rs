//! What each key is for, in a sentence: for `nix8s explain`, for editors and for the reference.

use super::DOCUMENT;
use super::Key;
use super::Kind;
use super::walk::Below;
use super::walk::each_key;

/// `path: sentence`, one a line. The first part of some paths stands for every place at which the same table may stand:
/// see [`PLACES`].
const TEXT: &str = include_str!("keys.txt");

/// What the first part of a line stands for: tables that stand in several places are described once. Tried in order, so
/// the longer places come first.
const PLACES: &[(&str, &[&str])] = &[
    ("ssh", &["provisioning.*.ssh", "machine.ssh"]),
    ("lima", &["provisioning.lima", "machine.lima"]),
    (
        "script",
        &[
            "bootstrap.phases.*.activationScripts.*",
            "bootstrap.activationScripts.*",
            "clusters.*.members.*.scripts[]",
            "clusters.*.scripts[]",
        ],
    ),
    ("machine", &["clusters.*.members.*.node", "clusters.*.members.*", "nodes.*"]),
    ("distribution", &["clusters.*.k3s", "clusters.*.kubeadm", "clusters.*.k0s"]),
    ("provisioner", &["provisioning.*"]),
];

/// Every key with its path, in the order of the tables: those of [`super::walk::known_paths`], and older spellings.
pub fn keys() -> Vec<(String, &'static Key)> {
    let mut all = Vec::new();
    each_key(&DOCUMENT, "", &mut |path, key| {
        all.push((path.to_owned(), key));
        Below::Look
    });
    all
}

/// The keys that may stand below a key, in it or in what it lists.
pub fn keys_below(kind: &'static Kind) -> Vec<&'static str> {
    let insides = kind.insides().into_iter().flat_map(|(_, below)| keys_below(below));
    kind.keys().into_iter().map(|key| key.name).chain(insides).collect()
}

/// What a key is for, by its path as [`super::walk::known_paths`] spells it.
pub fn about(path: &str) -> Option<&'static str> {
    exact(path).or_else(|| {
        PLACES.iter().find_map(|(word, places)| {
            places.iter().find_map(|place| {
                let rest = strip(path, place)?;
                about(&format!("{word}.{rest}"))
            })
        })
    })
}

/// The path under which a key is described: its own, or that in a table which stands in several places.
pub fn described_as(path: &str) -> String {
    if exact(path).is_some() {
        return path.to_owned();
    }
    let shared = PLACES.iter().find_map(|(word, places)| {
        places.iter().find_map(|place| strip(path, place).map(|rest| format!("{word}.{rest}")))
    });
    // Older spellings are described nowhere: they keep their own path unless their table has one.
    match shared.map(|path| described_as(&path)) {
        Some(shared) if about(path).is_some() || !shared.starts_with("provisioner.") => shared,
        _ => path.to_owned(),
    }
}

/// The part of a path below a place; `*` in the place stands for any one part.
fn strip<'p>(path: &'p str, place: &str) -> Option<&'p str> {
    let mut rest = path;
    for part in place.split('.') {
        let (first, below) = rest.split_once('.')?;
        if part != "*" && part != first {
            return None;
        }
        rest = below;
    }
    Some(rest)
}

fn exact(path: &str) -> Option<&'static str> {
    let line = |line: &'static str| line.split_once(": ").filter(|(key, _)| *key == path);
    TEXT.lines().find_map(line).map(|(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::walk::known_paths;
    use super::*;

    #[test]
    fn every_key_says_what_it_is_for() {
        let lacking: Vec<String> =
            known_paths(&DOCUMENT).into_iter().filter(|path| about(path).is_none()).collect();
        assert_eq!(lacking, Vec::<String>::new());
    }

    #[test]
    fn every_sentence_is_of_a_key_and_ends_as_sentences_do() {
        let said: BTreeSet<&str> = known_paths(&DOCUMENT).iter().filter_map(|path| about(path)).collect();
        for line in TEXT.lines().filter(|line| !line.is_empty()) {
            let (_, sentence) = line.split_once(": ").expect("a line is a path and a sentence");
            assert!(said.contains(sentence), "no key is described by: {line}");
            assert!(sentence.ends_with('.'), "{line}");
        }
    }
}
