//! Tables in documents name everything that the code's lists name.

use crate::repository::Repository;

/// A list in the code and the document that explains it.
struct Table {
    source: &'static str,
    document: &'static str,
    /// Where in the source the list begins and ends.
    begins: &'static str,
    ends: &'static str,
    /// The name on a line of the list, as the document writes it.
    name: fn(&str) -> Option<String>,
}

const TABLES: &[Table] = &[
    Table {
        source: "crates/nix8s-core/src/plan/effect.rs",
        document: "docs/plan.md",
        begins: "pub fn as_str(",
        ends: "\n    }\n",
        name: |line| quoted(line).map(|name| format!("| `{name}` |")),
    },
    Table {
        source: "crates/nix8s-core/src/plan/wait.rs",
        document: "docs/plan.md",
        begins: "pub enum Cause {",
        ends: "\n}\n",
        name: |line| variant(line).map(|name| format!("| `{name}` |")),
    },
    Table {
        source: "crates/nix8s-core/src/plan/rule.rs",
        document: "docs/safety.md",
        begins: "pub const RULES",
        ends: "};",
        name: |line| quoted(line).map(|name| format!("| **{name}** |")),
    },
    Table {
        source: "crates/nix8s/src/error.rs",
        document: "docs/exit-codes.md",
        begins: "pub fn code(",
        ends: "\n    }\n",
        name: |line| line.split_once("=> ").map(|(_, code)| format!("| {} |", code.trim_end_matches(','))),
    },
];

/// Complains about names that a document lacks.
pub fn check(repository: &Repository) -> Vec<String> {
    TABLES.iter().flat_map(|table| missing(repository, table)).collect()
}

fn missing(repository: &Repository, table: &Table) -> Vec<String> {
    let Some(source) = repository.file(table.source) else {
        return vec![format!("{}: there is no such file", table.source)];
    };
    let Some((_, list)) = source.text.split_once(table.begins) else {
        return vec![format!("{}: there is no `{}`", table.source, table.begins)];
    };
    let list = list.split(table.ends).next().unwrap_or_default();
    let document = repository.file(table.document).map_or("", |file| file.text.as_str());
    let names: Vec<String> = list.lines().filter_map(table.name).collect();
    if names.is_empty() {
        return vec![format!("{}: nothing is listed after `{}`", table.source, table.begins)];
    }
    let lacking = names.into_iter().filter(|name| !document.contains(name.as_str()));
    lacking.map(|name| format!("{}: lacks `{name}` of {}", table.document, table.source)).collect()
}

/// The text between quotes.
fn quoted(line: &str) -> Option<String> {
    line.split('"').nth(1).map(str::to_owned)
}

/// A variant without fields, `LikeThis,` as `like-this`.
fn variant(line: &str) -> Option<String> {
    let name = line.trim().strip_suffix(',')?;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    Some(kebab)
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn a_name_that_the_document_lacks_is_found() {
        let source = (
            "crates/nix8s-core/src/plan/wait.rs",
            "pub enum Cause {\n    /// A.\n    NotReady,\n    Pause,\n}\n",
        );
        let whole = with(&[source, ("docs/plan.md", "| `not-ready` | a |\n| `pause` | b |\n")]);
        assert_eq!(missing(&whole, &TABLES[1]), Vec::<String>::new());
        let part = with(&[source, ("docs/plan.md", "| `pause` | b |\n")]);
        assert_eq!(missing(&part, &TABLES[1]).len(), 1);
    }
}
