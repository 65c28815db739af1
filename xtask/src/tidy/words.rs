//! Words that do not belong: paths of the computer that a file was written on, and promises without a date.

use crate::repository::Repository;

/// Complains about them.
pub fn check(repository: &Repository) -> Vec<String> {
    let here = repository.root.to_string_lossy().into_owned();
    // In pieces, so that this file does not find itself.
    let homes = [concat!("/ho", "me/"), concat!("/Use", "rs/")];
    let promises = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut complaints = Vec::new();
    for file in &repository.files {
        // Users' configurations name users' folders.
        let homes: &[&str] =
            if file.path.starts_with("examples/") || file.path.contains("/tests/") { &[] } else { &homes };
        for (line, number) in file.text.lines().zip(1..) {
            if line.contains(&here) || homes.iter().any(|home| line.contains(home)) {
                complaints.push(format!("{}:{number}: a path of somebody's computer", file.path));
            }
            if promises.iter().any(|promise| line.contains(promise)) {
                complaints.push(format!("{}:{number}: do it, or say in an issue why not yet", file.path));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn paths_of_a_computer_and_promises_are_found() {
        let promise = concat!("// TO", "DO later\n");
        let path = "see /somewhere/checkout/src\n";
        assert_eq!(check(&with(&[("a.rs", promise), ("b.md", path), ("c.md", "see src\n")])).len(), 2);
    }
}
