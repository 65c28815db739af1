//! A page of the guide as a script: files that it shows are written, changes are made, commands are run.
//!
//! The whole page is the snapshot (docs/decisions/010-pages-are-snapshots.md).
//!
//! - A `yaml` block whose first line is `# NAME`, or a `json` block under `// NAME`, is written to that file.
//! - A `diff` block whose first line is `# NAME` changes that file: what it shows must be there once.
//! - A `console` block is run, line by line, by a shell. Where the page shows any output, all of it is compared; `...` on a
//!   line stands for any lines. A command that fails is followed by `[exit code N]`.
//! - The folder of the page is `~`, and what took real time took 30 ms.
//! - A block below `<!-- not run: WHY -->` is left alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use snapbox::Assert;
use snapbox::Data;
use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::data::DataFormat;
use tempfile::TempDir;

/// The checkout.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A page, and the folder in which it is done.
pub struct Page {
    path: PathBuf,
    text: String,
    home: TempDir,
}

impl Page {
    /// Reads a page of the repository.
    pub fn read(path: &str) -> Self {
        let path = root().join(path);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text, home: TempDir::new().unwrap() }
    }

    /// A page of this text.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: PathBuf::from(path), text: text.to_owned(), home: TempDir::new().unwrap() }
    }

    /// Does the page and compares it with itself, or writes it.
    pub fn hold(&self) {
        let done = self.done();
        let there = Data::read_from(&self.path, Some(DataFormat::Text));
        Assert::new().action_env(DEFAULT_ACTION_ENV).eq(done, there);
    }

    /// The page with what its commands print today.
    pub fn done(&self) -> String {
        std::fs::create_dir_all(self.folder()).unwrap();
        let mut out = String::new();
        let mut lines = self.text.lines();
        let mut left_alone = false;
        while let Some(line) = lines.next() {
            out.push_str(line);
            out.push('\n');
            let bare = line.trim_start();
            let Some(language) = bare.strip_prefix("```") else {
                left_alone = bare.starts_with("<!-- not run: ") || (left_alone && bare.is_empty());
                continue;
            };
            let indent = &line[..line.len() - bare.len()];
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim_start() != "```").collect();
            let block: Vec<&str> =
                block.iter().map(|line| line.strip_prefix(indent).unwrap_or(line)).collect();
            let done = if std::mem::take(&mut left_alone) {
                block_as_it_is(&block)
            } else {
                self.block(language, &block)
            };
            for line in done {
                out.push_str(format!("{indent}{line}").trim_end());
                out.push('\n');
            }
            out.push_str(&format!("{indent}```\n"));
        }
        out
    }

    fn block(&self, language: &str, block: &[&str]) -> Vec<String> {
        let named =
            |line: &&str| ["# ", "// "].iter().find_map(|mark| line.strip_prefix(mark)).map(str::to_owned);
        let file = block.first().and_then(named).filter(|name| !name.contains(' '));
        match (language, file.as_deref()) {
            ("yaml", Some(name)) => self.write(name, &format!("{}\n", block.join("\n"))),
            // JSON has no comments.
            ("json", Some(name)) => self.write(name, &format!("{}\n", block[1..].join("\n"))),
            ("diff", Some(name)) => self.change(name, &block[1..]),
            ("console", _) => return self.console(block),
            _ => {}
        }
        block_as_it_is(block)
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("clusters")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn change(&self, name: &str, lines: &[&str]) {
        let text = std::fs::read_to_string(self.folder().join(name)).unwrap();
        let side = |marks: [char; 2]| -> String {
            let lines = lines.iter().filter_map(|line| line.strip_prefix(marks));
            lines.map(|line| format!("{line}\n")).collect()
        };
        let (before, after) = (side([' ', '-']), side([' ', '+']));
        let times = text.matches(&before).count();
        assert_eq!(
            times,
            1,
            "{}: this is not there once in {name}:\n{before}\nin\n{text}",
            self.path.display()
        );
        self.write(name, &text.replacen(&before, &after, 1));
    }

    fn console(&self, block: &[&str]) -> Vec<String> {
        let is_command = |line: &str| line.starts_with("$ ");
        // What a command prints is shown for all commands of a block or for none.
        let is_shown = block.iter().any(|line| !is_command(line) && !line.is_empty());
        let mut out = Vec::new();
        for line in block.iter().filter(|line| is_command(line)) {
            out.push((*line).to_owned());
            let (printed, code) = self.run(&line[2..]);
            if is_shown {
                out.extend(printed.lines().map(str::to_owned));
            }
            match code {
                0 => {}
                code if is_shown => out.push(format!("[exit code {code}]")),
                code => panic!("{}: {line}\n{printed}\nexit code {code}", self.path.display()),
            }
        }
        out
    }

    /// What a command prints, on both of its outputs as on a terminal, and its exit code.
    fn run(&self, typed: &str) -> (String, i32) {
        let binary = Path::new(env!("CARGO_BIN_EXE_nix8s"));
        let own = binary.parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap();
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{typed}")])
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {typed}"));
        let printed = String::from_utf8(output.stdout).unwrap();
        // The folder may be reached by a link, as on macOS.
        let home = self.home.path();
        let homes: BTreeSet<PathBuf> = [home.to_owned(), home.canonicalize().unwrap()].into();
        let printed =
            homes.iter().rev().fold(printed, |text, home| text.replace(home.to_str().unwrap(), "~"));
        (printed.lines().map(|line| format!("{}\n", steady(line))).collect(), code)
    }
}

/// A line without how long it really took, which differs from computer to computer.
fn steady(line: &str) -> String {
    match line.rsplit_once(" of simulated time, ") {
        Some((before, took)) if took.ends_with(" here.") => format!("{before} of simulated time, 30ms here."),
        _ => line.to_owned(),
    }
}

fn block_as_it_is(block: &[&str]) -> Vec<String> {
    block.iter().map(|line| (*line).to_owned()).collect()
}
