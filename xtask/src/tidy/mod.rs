//! What the compiler and clippy do not check. Each check is a file here and a row in [`CHECKS`].

mod changelog;
mod dependencies;
mod examples;
pub mod links;
mod lists;
mod sources;
mod summary;
mod tables;
mod words;

use std::process::ExitCode;

use crate::repository::Repository;

/// A check: what it is called, and every complaint that it has.
pub struct Check {
    name: &'static str,
    run: fn(&Repository) -> Vec<String>,
}

/// Every check.
const CHECKS: &[Check] = &[
    Check { name: "changelog", run: changelog::check },
    Check { name: "dependencies", run: dependencies::check },
    Check { name: "examples", run: examples::check },
    Check { name: "links", run: links::check },
    Check { name: "lists", run: lists::check },
    Check { name: "sources", run: sources::check },
    Check { name: "summary", run: summary::check },
    Check { name: "tables", run: tables::check },
    Check { name: "words", run: words::check },
];

/// Runs every check and prints what is not in order.
pub fn run() -> ExitCode {
    let repository = Repository::read();
    let mut complaints = 0;
    for check in CHECKS {
        for complaint in (check.run)(&repository) {
            eprintln!("tidy: {}: {complaint}", check.name);
            complaints += 1;
        }
    }
    if complaints == 0 {
        println!("tidy: {} files are in order.", repository.files.len());
        ExitCode::SUCCESS
    } else {
        eprintln!("tidy: {complaints} complaints.");
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let repository = Repository::read();
        let complaints: Vec<String> = CHECKS.iter().flat_map(|check| (check.run)(&repository)).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    /// A repository of files made up for a test.
    pub fn with(files: &[(&str, &str)]) -> Repository {
        let files = files
            .iter()
            .map(|(path, text)| crate::repository::File {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        Repository { root: "/somewhere/checkout".into(), files }
    }
}
