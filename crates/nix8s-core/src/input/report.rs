//! Collects problems, so that all of them are reported at once.

use std::collections::BTreeSet;
use std::fmt;

use super::diagnostic::Diagnostic;
use super::diagnostic::Place;
use super::diagnostic::Severity;
use super::tree::Span;

/// Problems kept. More than a person reads at once, and a bound on memory when every one of 100,000 members is wrong.
const KEPT_MAX: usize = 1_000;

/// Where problems are collected.
#[derive(Debug, Default)]
pub struct Report {
    /// `None` for a source without places that a person could look at.
    files: Vec<Option<String>>,
    kept: Vec<(Span, Diagnostic)>,
    errors: usize,
    dropped: usize,
    /// Tables in which a key is not known: what they lack may be what was meant.
    misspelt: BTreeSet<String>,
    /// What has been said about which place: a template's problem is not repeated for each of its members.
    said: BTreeSet<(Span, &'static str)>,
}

/// A problem to report: what, where and what would be right.
#[derive(Debug)]
pub struct Problem<'a> {
    /// Its code, from [`super::code`].
    pub code: &'static str,
    /// Where.
    pub span: Span,
    /// The key.
    pub path: &'a Path<'a>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A key in the document, as a chain on the stack: it costs nothing until it is printed.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The document.
    Root,
    /// A path that has been printed before.
    Printed(&'a str),
    /// A key of a map.
    Key(&'a Self, &'a str),
    /// An item of a list.
    Item(&'a Self, usize),
}

impl<'a> Path<'a> {
    /// The path of a key below.
    pub fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    /// The path of an item below.
    pub fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Printed(path) => f.write_str(path),
            Path::Key(parent, key) => {
                parent.fmt(f)?;
                if !matches!(parent, Path::Root) {
                    f.write_str(".")?;
                }
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if !key.is_empty() && key.len() <= 80 && key.bytes().all(plain) {
                    f.write_str(key)
                } else {
                    write!(f, "{}", quoted(key))
                }
            }
            Path::Item(parent, index) => {
                parent.fmt(f)?;
                write!(f, "[{index}]")
            }
        }
    }
}

/// A user's text in a message: quoted, control characters escaped, at most 80 characters of it.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

impl Report {
    /// A report on sources with these names.
    pub fn on(files: Vec<Option<String>>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Something that cannot work.
    pub fn error(&mut self, problem: Problem<'_>) {
        self.errors += 1;
        self.keep(Severity::Error, problem);
    }

    /// A key that is not known.
    pub fn unknown_key(&mut self, table: &Path<'_>, problem: Problem<'_>) {
        self.misspelt.insert(table.to_string());
        self.error(problem);
    }

    /// Something that is lacking in these tables; nothing, if a key in one of them is not known: that has been said, and
    /// may be it.
    pub fn lacking(&mut self, tables: &[Path<'_>], problem: Problem<'_>) {
        if self.misspelt.is_empty() || !tables.iter().any(|path| self.misspelt.contains(&path.to_string())) {
            self.error(problem);
        }
    }

    /// Something that may be meant.
    pub fn warning(&mut self, problem: Problem<'_>) {
        self.keep(Severity::Warning, problem);
    }

    /// Whether nothing stands in the way of a fleet.
    pub fn is_clean(&self) -> bool {
        self.errors == 0
    }

    /// Where something stands, for people: `at nodes/a.yaml:3:5`.
    pub fn show(&self, span: Span) -> String {
        match self.place(span) {
            Some(place) => format!("at {}:{}:{}", place.file, place.line, place.column),
            None if span.line > 0 => "in the flake".to_owned(),
            None => "at an unknown place".to_owned(),
        }
    }

    fn place(&self, span: Span) -> Option<Place> {
        let file = self.files.get(usize::from(span.file)).filter(|_| span.line > 0)?.as_ref()?;
        Some(Place { file: file.clone(), line: span.line, column: span.column })
    }

    fn keep(&mut self, severity: Severity, problem: Problem<'_>) {
        let Problem { code, span, path, message, help } = problem;
        if span.line > 0 && !self.said.insert((span, code)) {
            return;
        }
        if self.kept.len() >= KEPT_MAX {
            self.dropped += 1;
            return;
        }
        let place = self.place(span);
        let diagnostic = Diagnostic { severity, code, place, path: path.to_string(), message, help };
        self.kept.push((span, diagnostic));
    }

    /// Everything that was reported, by place.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by(|(a, x), (b, y)| {
            (a, x.severity, x.code, &x.path).cmp(&(b, y.severity, y.code, &y.path))
        });
        let mut all: Vec<Diagnostic> = self.kept.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        all.dedup();
        if self.dropped > 0 {
            let message = format!("{} more problems are not shown", self.dropped);
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let code = super::code::TOO_MANY_PROBLEMS;
            let help = Some("mend those above first".to_owned());
            all.push(Diagnostic { severity, code, place: None, path: String::new(), message, help });
        }
        all
    }
}
