//! The changelog has a place for what comes next.

use crate::repository::Repository;

/// Complains when there is no Unreleased section above the releases.
pub fn check(repository: &Repository) -> Vec<String> {
    let Some(changelog) = repository.file("CHANGELOG.md") else {
        return vec!["there is no CHANGELOG.md".to_owned()];
    };
    let first = changelog.text.lines().find(|line| line.starts_with("## "));
    if first == Some("## [Unreleased]") {
        Vec::new()
    } else {
        vec!["CHANGELOG.md: the first section is not `## [Unreleased]`".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn a_changelog_without_a_place_for_what_comes_next_is_found() {
        assert!(
            check(&with(&[("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n")])).is_empty()
        );
        assert_eq!(check(&with(&[("CHANGELOG.md", "# Changelog\n\n## [0.1.0]\n")])).len(), 1);
        assert_eq!(check(&with(&[])).len(), 1);
    }
}
