//! Where output goes: data to stdout, everything else to stderr, colour where it is wanted.

use std::fmt::Display;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use clap::ValueEnum;
use clap::builder::styling::AnsiColor;
use clap::builder::styling::Style;

/// `-o`: the form of what is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one versioned document, or one per line for running things.
    Json,
}

/// `--color`: when colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `-q` and `-v`: how much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Results and problems only.
    Quiet,
    /// What a person wants to read.
    Normal,
    /// Everything, nothing folded.
    Verbose,
}

/// Puts colour around text, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    colour: Colour,
}

impl Paint {
    /// No colour.
    pub const PLAIN: Self = Self { colour: Colour::Never };

    fn resolve(colour: Colour, stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !refused && stream.is_terminal(),
        };
        Self { colour: if wanted { Colour::Always } else { Colour::Never } }
    }

    fn with(self, style: Style, text: impl Display) -> String {
        match self.colour {
            Colour::Always => format!("{style}{text}{style:#}"),
            Colour::Auto | Colour::Never => text.to_string(),
        }
    }

    /// Headings and names.
    pub fn bold(self, text: impl Display) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What matters less.
    pub fn dim(self, text: impl Display) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// Errors, and what erases.
    pub fn red(self, text: impl Display) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    /// Warnings, and what interrupts.
    pub fn yellow(self, text: impl Display) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    /// What is well.
    pub fn green(self, text: impl Display) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// Places and ids.
    pub fn cyan(self, text: impl Display) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }
}

/// Standard output and standard error with what the user wants of them.
pub struct Output {
    /// The form of data.
    pub format: Format,
    /// How much is said.
    pub detail: Detail,
    /// Colour on stdout.
    pub paint: Paint,
    /// Colour on stderr.
    pub paint_err: Paint,
    failed: Mutex<Option<io::Error>>,
}

impl Output {
    /// The process's own.
    pub fn new(format: Format, detail: Detail, colour: Colour) -> Self {
        let paint = match format {
            Format::Text => Paint::resolve(colour, &io::stdout()),
            Format::Json => Paint::PLAIN,
        };
        let paint_err = Paint::resolve(colour, &io::stderr());
        Self { format, detail, paint, paint_err, failed: Mutex::new(None) }
    }

    /// Writes data. The first failure is kept for [`Self::failure`] and ends all further output: a reader that went
    /// away (`| head`) must not stop a run that changes machines.
    pub fn data(&self, text: &str) {
        let mut failed = self.failed();
        if failed.is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        *failed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).err();
    }

    fn failed(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a document on one line, as JSON lines are.
    pub fn json_line(&self, document: &impl serde::Serialize) {
        let text =
            serde_json::to_string(document).expect("documents have text keys and cannot fail to serialise");
        self.data(&format!("{text}\n"));
    }

    /// Writes a document for programs that people may look at.
    pub fn json(&self, document: &impl serde::Serialize) {
        let text = serde_json::to_string_pretty(document)
            .expect("documents have text keys and cannot fail to serialise");
        self.data(&format!("{text}\n"));
    }

    /// Says something that is not data. There is nowhere left to report a failure to.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Asks something; the answer is typed on the same line.
    pub fn ask(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{text}").and_then(|()| err.flush());
    }

    /// Whether nobody reads the data any more.
    pub fn is_unread(&self) -> bool {
        self.failed().is_some()
    }

    /// Why data could not be written, unless the reader simply went away.
    pub fn failure(&self) -> Option<io::Error> {
        self.failed().take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }
}

/// Text from outside made safe for a terminal: control characters are shown, not sent.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            // Bidirectional overrides can make a line read other than it is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{0}\u{202e}c\td"), "a\\u{1b}[31mb\\u{0}\\u{202e}c    d");
    }

    #[test]
    fn plain_paint_adds_nothing() {
        assert_eq!(Paint::PLAIN.red("x"), "x");
        assert_eq!(Paint { colour: Colour::Always }.bold("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
