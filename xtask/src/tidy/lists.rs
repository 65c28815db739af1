//! Folders and their lists agree: a file that no list names is dead code or a forgotten row.

use crate::repository::File;
use crate::repository::Repository;

/// Folders in which each file is one row of a list in `mod.rs`, and files in them that are not rows.
const ROWS: &[(&str, &[&str])] = &[
    ("crates/nix8s-core/src/distribution", &[]),
    ("crates/nix8s-core/src/provision", &[]),
    // What reconcilers share.
    ("crates/nix8s-core/src/reconcile", &["cx", "forecast", "heal", "out", "row", "text", "turn"]),
];

/// Complains about source files that nobody names, and about rows that their list lacks.
pub fn check(repository: &Repository) -> Vec<String> {
    let mut complaints = orphans(repository);
    for (folder, others) in ROWS {
        rows(repository, folder, others, &mut complaints);
    }
    complaints
}

fn orphans(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in repository.ending(".rs").filter(|file| file.path.contains("/src/")) {
        orphan(repository, file, &mut complaints);
    }
    complaints
}

/// The parts of a path that matter here: its folder and its name without the ending.
fn parts(path: &str) -> (&str, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder, name.trim_end_matches(".rs"))
}

fn orphan(repository: &Repository, file: &File, complaints: &mut Vec<String>) {
    let (folder, name) = parts(&file.path);
    let (folder, module) = match name {
        "lib" | "main" => return,
        "mod" => parts(folder),
        other => (folder, other),
    };
    if folder.ends_with("/src/bin") {
        return;
    }
    let parents = ["mod.rs", "lib.rs", "main.rs"].map(|parent| format!("{folder}/{parent}"));
    let beside = format!("{folder}.rs");
    let mut parents = parents.iter().chain([&beside]).filter_map(|parent| repository.file(parent));
    let declaration = format!("mod {module};");
    let inline = format!("mod {module} {{");
    if !parents.any(|parent| parent.text.contains(&declaration) || parent.text.contains(&inline)) {
        complaints.push(format!("{}: no parent says `{declaration}`, so it is not compiled", file.path));
    }
}

fn rows(repository: &Repository, folder: &str, others: &[&str], complaints: &mut Vec<String>) {
    let list = format!("{folder}/mod.rs");
    let Some(list) = repository.file(&list) else {
        complaints.push(format!("{list}: there is no such list"));
        return;
    };
    for file in repository.ending(".rs") {
        let (within, name) = parts(&file.path);
        if within != folder || name == "mod" || others.contains(&name) {
            continue;
        }
        // `mod` and `use` lines name a file too, and are no rows.
        let named = format!("{name}::");
        let is_row = |line: &str| line.contains(&named) && !line.contains("use ");
        if !list.text.lines().any(is_row) {
            complaints.push(format!("{}: {} has no row for it", file.path, list.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with;
    use super::*;

    #[test]
    fn a_file_that_is_not_compiled_is_found() {
        let lib = ("a/src/lib.rs", "//! A.\nmod b;\nmod c;\n");
        let repository =
            with(&[lib, ("a/src/b.rs", ""), ("a/src/c/mod.rs", "mod d;\n"), ("a/src/c/d.rs", "")]);
        assert_eq!(orphans(&repository), Vec::<String>::new());
        let repository = with(&[lib, ("a/src/b.rs", ""), ("a/src/c/mod.rs", ""), ("a/src/c/d.rs", "")]);
        assert_eq!(orphans(&repository).len(), 1);
    }

    #[test]
    fn a_row_that_its_list_lacks_is_found() {
        let list = ("x/src/verb/mod.rs", "mod plan;\nmod shared;\nconst VERBS: &[Verb] = &[plan::VERB];\n");
        let files = [list, ("x/src/verb/plan.rs", ""), ("x/src/verb/shared.rs", "")];
        let mut complaints = Vec::new();
        rows(&with(&files), "x/src/verb", &["shared"], &mut complaints);
        assert_eq!(complaints, Vec::<String>::new());
        rows(&with(&files), "x/src/verb", &[], &mut complaints);
        assert_eq!(complaints.len(), 1);
    }
}
