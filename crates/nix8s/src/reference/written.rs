//! Which commands stand in the documents: lines of `console` blocks that begin with `$ nix8s`.

use std::path::Path;
use std::path::PathBuf;

/// A document: its path and its text.
pub type Document = (PathBuf, String);

/// README, and every page below docs.
pub fn documents(root: &Path) -> Vec<Document> {
    let mut paths = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("docs can be listed") {
            let path = entry.expect("docs can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("documents can be read");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Each command with its place, as words. Redirections and what follows a pipe are the shell's.
pub fn commands((path, text): &Document) -> Vec<(String, Vec<String>)> {
    let mut commands = Vec::new();
    let mut console = false;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start();
        if let Some(language) = line.strip_prefix("```") {
            console = language == "console";
        } else if let Some(typed) = line.strip_prefix("$ ").filter(|_| console) {
            for part in typed.split(" && ") {
                let bare = part.split(['#', '|', '>', ';', '&']).next().unwrap_or_default();
                let words: Vec<String> =
                    bare.split_whitespace().map(|word| word.trim_matches(['\'', '"']).to_owned()).collect();
                if words.first().is_some_and(|word| word == "nix8s") {
                    commands.push((format!("{}:{number}", path.display()), words));
                }
            }
        }
    }
    commands
}
