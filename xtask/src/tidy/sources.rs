//! Source files begin with a sentence, stay short and end their lines cleanly.

use crate::repository::File;
use crate::repository::Repository;

/// Lines in a source file, tests included. A file that grows past it answers more than one question.
const LINES_MAX: usize = 500;

/// Endings of files that people or programs outside made, kept byte for byte.
const VERBATIM: &[&str] = &[".snap", "LICENSE", ".lock"];

/// Complains about sources without their sentence, long files, trailing blanks and missing last line ends.
pub fn check(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in &repository.files {
        if file.path.ends_with(".rs") {
            source(file, &mut complaints);
        }
        let is_snapshot = file.path.contains("/tests/") && !file.path.ends_with(".rs");
        if !VERBATIM.iter().any(|ending| file.path.ends_with(ending)) && !is_snapshot {
            lines(file, &mut complaints);
        }
    }
    complaints
}

fn source(file: &File, complaints: &mut Vec<String>) {
    if !file.text.starts_with("//! ") {
        complaints
            .push(format!("{}: does not begin with a `//!` sentence that says what it answers", file.path));
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        complaints.push(format!("{}: {lines} lines, and {LINES_MAX} are the limit: split it", file.path));
    }
}

fn lines(file: &File, complaints: &mut Vec<String>) {
    for (line, number) in file.text.lines().zip(1..) {
        if line.ends_with([' ', '\t']) {
            complaints.push(format!("{}:{number}: blanks at the end of the line", file.path));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        complaints.push(format!("{}: the last line has no end", file.path));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn a_source_without_its_sentence_is_found() {
        assert!(check(&with(&[("a.rs", "//! Answers.\n")])).is_empty());
        assert_eq!(check(&with(&[("a.rs", "use std::fs;\n")])).len(), 1);
    }

    #[test]
    fn a_long_source_is_found_and_a_long_document_is_not() {
        let long = format!("//! Answers.\n{}", "//\n".repeat(LINES_MAX));
        assert_eq!(check(&with(&[("a.rs", &long)])).len(), 1);
        assert!(check(&with(&[("a.md", &long)])).is_empty());
    }

    #[test]
    fn blanks_at_the_end_and_a_missing_line_end_are_found() {
        assert_eq!(check(&with(&[("a.md", "text \nmore")])).len(), 2);
        assert!(check(&with(&[("a.snap", "text \nmore")])).is_empty());
    }
}
