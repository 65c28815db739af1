//! `.sops.yaml`: to whom a file is encrypted when the configuration does not say (facts: 12.2).

use regex_lite::Regex;

use crate::input::parse::parse;
use crate::input::report::Report;
use crate::input::tree::Tree;

/// Why its recipients cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no YAML.
    #[error("it is no YAML")]
    NotYaml,
    /// No rule is for this file.
    #[error("none of its rules is for this file")]
    NoRule,
    /// A pattern is none.
    #[error("its pattern {0:?} cannot be read")]
    Pattern(String),
    /// It names what is no age key: only sops can honour that.
    #[error("the rule for this file has {0}, which only sops can honour")]
    OnlySops(String),
}

/// The age recipients of the first rule for a file, whose path is relative to the folder of `.sops.yaml`.
///
/// # Errors
/// When there is none, or it asks for more than age recipients.
pub fn recipients(text: &str, file: &str) -> Result<Vec<String>, Unusable> {
    let tree = parse(0, text.as_bytes(), &mut Report::default()).ok_or(Unusable::NotYaml)?;
    for rule in tree.get("creation_rules").map(Tree::items).unwrap_or_default() {
        if let Some(pattern) = rule.get("path_regex").and_then(Tree::text) {
            let matches = Regex::new(&pattern).map_err(|_| Unusable::Pattern(pattern.to_string()))?;
            if !matches.is_match(file) {
                continue;
            }
        }
        return of_rule(rule);
    }
    Err(Unusable::NoRule)
}

fn of_rule(rule: &Tree) -> Result<Vec<String>, Unusable> {
    let mut all = age(rule);
    let groups = rule.get("key_groups").map(Tree::items).unwrap_or_default();
    if groups.len() > 1 {
        return Err(Unusable::OnlySops("several key groups".to_owned()));
    }
    all.extend(groups.iter().flat_map(age));
    let known = ["path_regex", "age", "key_groups"];
    let mut keys = rule.entries().iter().chain(groups.iter().flat_map(Tree::entries));
    match keys.find(|entry| !known.contains(&&*entry.key)) {
        Some(entry) => Err(Unusable::OnlySops(format!("`{}`", entry.key))),
        None if all.is_empty() => Err(Unusable::NoRule),
        None => Ok(all),
    }
}

/// A list, or a text with commas.
fn age(keys: &Tree) -> Vec<String> {
    let Some(age) = keys.get("age") else { return Vec::new() };
    let items = age.items().iter().filter_map(Tree::text);
    let texts: Vec<_> = age.text().into_iter().chain(items).collect();
    texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(|key| key.trim().to_owned())
        .filter(|k| !k.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "creation_rules:\n  - path_regex: ^secrets/prod\\.yaml$\n    age: age1a, age1b\n  \
                        - path_regex: ^secrets/\n    key_groups:\n      - age: [age1c]\n  - path_regex: pgp\n    pgp: X\n    age: age1d\n";

    #[test]
    fn the_first_rule_that_matches_counts() {
        assert_eq!(recipients(TEXT, "secrets/prod.yaml"), Ok(vec!["age1a".to_owned(), "age1b".to_owned()]));
        assert_eq!(recipients(TEXT, "secrets/other.yaml"), Ok(vec!["age1c".to_owned()]));
        assert_eq!(recipients(TEXT, "elsewhere.yaml"), Err(Unusable::NoRule));
        assert_eq!(
            recipients("creation_rules: [{ path_regex: '(', age: x }]", "a"),
            Err(Unusable::Pattern("(".to_owned()))
        );
    }

    #[test]
    fn what_only_sops_can_honour_is_refused() {
        assert_eq!(recipients(TEXT, "pgp.yaml"), Err(Unusable::OnlySops("`pgp`".to_owned())));
        let shamir = "creation_rules: [{ key_groups: [{ age: [a] }, { age: [b] }] }]";
        assert_eq!(recipients(shamir, "x"), Err(Unusable::OnlySops("several key groups".to_owned())));
    }
}
