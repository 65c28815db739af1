//! Links between documents lead somewhere.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::repository::Repository;

/// Complains about relative links to files, folders and headings that do not exist.
pub fn check(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in repository.ending(".md") {
        for (line, number) in prose(&file.text) {
            for target in targets(line) {
                if let Some(why) = wrong(repository, &file.path, target) {
                    complaints.push(format!("{}:{number}: {target}: {why}", file.path));
                }
            }
        }
    }
    complaints
}

/// Lines outside fenced code, with their numbers.
pub fn prose(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut fenced = false;
    text.lines().zip(1..).filter(move |(line, _)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What `[text](target)` leads to.
pub fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn wrong(repository: &Repository, from: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { PathBuf::from(from) } else { beside(from, path) };
    let name = path.to_string_lossy();
    let Some(file) = repository.file(&name) else {
        let folder = format!("{name}/");
        let is_folder = repository.files.iter().any(|file| file.path.starts_with(&folder));
        return if is_folder && heading.is_empty() { None } else { Some("there is no such file") };
    };
    if heading.is_empty() || headings(&file.text).any(|found| found == heading) {
        None
    } else {
        Some("there is no such heading")
    }
}

/// A path as written in a document, relative to the root.
pub fn beside(from: &str, path: &str) -> PathBuf {
    let mut found = Path::new(from).parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                found.pop();
            }
            Component::Normal(name) => found.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    found
}

/// Anchors of a document's headings, as code hosts make them: lower case, spaces to dashes, punctuation dropped.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(line, _)| line.starts_with('#')).map(|(line, _)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let page = "# A page\n[a](b.md) [b](b.md#the-end) [c](../src) [d](https://nix8s.io) [e](#a-page)\n";
        let good = with(&[("docs/a.md", page), ("docs/b.md", "## The end\n"), ("src/x.rs", "")]);
        assert_eq!(check(&good), Vec::<String>::new());
        assert_eq!(check(&with(&[("docs/a.md", page)])).len(), 3);
    }

    #[test]
    fn code_is_not_searched_for_links() {
        assert!(check(&with(&[("a.md", "```\n[a](b.md)\n```\n")])).is_empty());
    }
}
