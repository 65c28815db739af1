//! The checkout: its root, its files and their texts.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A file of the repository.
#[derive(Debug)]
pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Everything that is under version control or could be.
#[derive(Debug)]
pub struct Repository {
    /// Where it is.
    pub root: PathBuf,
    /// Every text file, by path.
    pub files: Vec<File>,
}

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &[".git", "target", "mutants.out"];

impl Repository {
    /// Reads the checkout that this program was built from.
    pub fn read() -> Self {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace").to_owned();
        let mut files = Vec::new();
        walk(&root, &root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { root, files }
    }

    /// Files whose name ends so.
    pub fn ending<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.ends_with(suffix))
    }

    /// A file by its path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("could not list {}: {e}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("a file that was just listed has a type");
        if kind.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) && !name.ends_with(".sim") {
                walk(root, &path, files);
            }
        } else if kind.is_file() {
            // What is not UTF-8 is a test's hostile input or a picture, and none of these checks is about it.
            if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).expect("found below the root");
                files.push(File { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
}
