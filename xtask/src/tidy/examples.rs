//! Every example is named by a test.

use crate::repository::Repository;

/// Complains about examples that no test reads.
pub fn check(repository: &Repository) -> Vec<String> {
    let tests: Vec<_> = repository
        .ending(".rs")
        .filter(|file| file.path.contains("/tests/") && file.text.contains("examples"))
        .collect();
    let reads_all = tests.iter().any(|test| test.text.contains("read_dir"));
    repository
        .files
        .iter()
        .filter_map(|file| file.path.strip_prefix("examples/"))
        .filter(|example| [".yaml", ".yml", ".json"].iter().any(|ending| example.ends_with(ending)))
        .map(|example| example.split('/').next().expect("a split has a first part"))
        .filter(|example| !reads_all && !tests.iter().any(|test| test.text.contains(example)))
        .map(|example| format!("examples/{example}: no test reads it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn an_example_that_no_test_reads_is_found() {
        let example = ("examples/ha.yaml", "");
        assert_eq!(check(&with(&[example])).len(), 1);
        let test = ("crates/a/tests/examples.rs", "read(\"../../examples/ha.yaml\")");
        assert_eq!(check(&with(&[example, test])), Vec::<String>::new());
    }
}
