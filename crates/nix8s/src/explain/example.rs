//! Examples: a document in which some lines are wrong and others mend them, or what is seen and what to do about it.

use nix8s_core::input::At;
use nix8s_core::input::Source;

/// What most documents begin with: `|*` in the texts.
const BASE: &str = "\
nodes:
  server: { role: control-plane, install: { disk: /dev/disk/by-id/a } }
  worker: { role: worker, install: { disk: /dev/disk/by-id/b } }
provisioning: { nixos-anywhere: {} }";

/// A line of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Right as it is.
    Kept(String),
    /// What is wrong.
    Wrong(String),
    /// What mends it.
    Right(String),
}

/// What shows a problem, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Example {
    /// Documents, by file name. Without the right lines they have the problem, without the wrong ones they have none.
    Documents(Vec<(String, Vec<Line>)>),
    /// What a person sees, and what they do then; or commands, where a document could not be printed.
    Scene {
        /// What shows it.
        shows: Vec<String>,
        /// What mends it.
        mends: Vec<String>,
    },
    /// Lines of a configuration as they may stand there.
    Excerpt(Vec<String>),
}

/// One of the two documents that an example holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// With the problem.
    Wrong,
    /// Without it.
    Right,
}

impl Example {
    /// Reads the lines after their `|`: `!-` and `!+` make a scene, `= FILE` begins a document, `*` stands for what most
    /// documents begin with, `-` and `+` mark what is wrong and what is right.
    pub fn parse(lines: &[&str]) -> Self {
        let (mut shows, mut mends) = (Vec::new(), Vec::new());
        let mut documents: Vec<(String, Vec<Line>)> = Vec::new();
        for line in lines {
            if let Some(text) = line.strip_prefix("!-") {
                shows.push(text.trim_start().to_owned());
                continue;
            }
            if let Some(text) = line.strip_prefix("!+") {
                mends.push(text.trim_start().to_owned());
                continue;
            }
            if let Some(name) = line.strip_prefix("= ") {
                documents.push((name.to_owned(), Vec::new()));
                continue;
            }
            if documents.is_empty() {
                documents.push(("nix8s.yaml".to_owned(), Vec::new()));
            }
            let (_, document) = documents.last_mut().expect("there is one now");
            if *line == "*" {
                document.extend(BASE.lines().map(|line| Line::Kept(line.to_owned())));
            } else if let Some(text) = line.strip_prefix('-') {
                document.push(Line::Wrong(text.to_owned()));
            } else if let Some(text) = line.strip_prefix('+') {
                document.push(Line::Right(text.to_owned()));
            } else {
                document.push(Line::Kept((*line).to_owned()));
            }
        }
        if documents.is_empty() { Self::Scene { shows, mends } } else { Self::Documents(documents) }
    }

    /// The sources of one side; none for what is no document.
    pub fn sources(&self, side: Side) -> Vec<Source> {
        let Self::Documents(documents) = self else { return Vec::new() };
        let text = |lines: &[Line]| {
            let mut out = String::new();
            for line in lines {
                let (Line::Kept(text) | Line::Wrong(text) | Line::Right(text)) = line;
                let is_there = match line {
                    Line::Kept(_) => true,
                    Line::Wrong(_) => side == Side::Wrong,
                    Line::Right(_) => side == Side::Right,
                };
                if is_there {
                    out.push_str(text);
                    out.push('\n');
                }
            }
            out
        };
        let source = |(name, lines): &(String, Vec<Line>)| Source {
            name: name.clone(),
            at: At::Document,
            bytes: text(lines).into_bytes(),
        };
        documents.iter().map(source).filter(|source| !source.bytes.is_empty()).collect()
    }
}
