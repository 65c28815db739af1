//! The book's table of contents has every page of docs, once.

use super::links::beside;
use super::links::prose;
use super::links::targets;
use crate::repository::Repository;

/// The table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Complains about pages that no reader of the book would find, or would find twice.
pub fn check(repository: &Repository) -> Vec<String> {
    let Some(summary) = repository.file(SUMMARY) else {
        return vec![format!("there is no {SUMMARY}")];
    };
    let named: Vec<String> = prose(&summary.text)
        .flat_map(|(line, _)| targets(line))
        .map(|target| beside(SUMMARY, target).to_string_lossy().into_owned())
        .collect();
    let pages =
        repository.ending(".md").filter(|file| file.path.starts_with("docs/") && file.path != SUMMARY);
    pages
        .filter_map(|page| match named.iter().filter(|name| **name == page.path).count() {
            0 => Some(format!("{}: {SUMMARY} does not name it", page.path)),
            1 => None,
            times => Some(format!("{}: {SUMMARY} names it {times} times", page.path)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn a_page_that_is_not_in_the_book_is_found() {
        let pages = [("docs/a.md", ""), ("docs/b/c.md", ""), ("README.md", "")];
        let summary = |text| (SUMMARY, text);
        let [a, c, readme] = pages;
        assert_eq!(
            check(&with(&[a, c, readme, summary("- [A](a.md)\n  - [C](b/c.md)\n")])),
            Vec::<String>::new()
        );
        assert_eq!(check(&with(&[a, c, summary("- [A](a.md)\n")])).len(), 1);
        assert_eq!(check(&with(&[a, summary("- [A](a.md)\n- [A](a.md)\n")])).len(), 1);
        assert_eq!(check(&with(&[a])).len(), 1);
    }
}
