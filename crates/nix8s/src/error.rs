//! How a command ends: its exit code, and what is said when it did not end well.

use std::error::Error;
use std::fmt;

use nix8s_core::input::Diagnostic;

/// How a command ended. Each has one exit code, which scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It failed or did not converge.
    Failed,
    /// There is something to do (`plan --detailed-exitcode`).
    Changes,
    /// The configuration is wrong.
    Configuration,
    /// A lock, a permit, policy or a safety rule stands in the way.
    Refused,
    /// A program is missing or too old; this nix8s itself, for what a later version brings.
    Program,
    /// A machine was rolled back.
    RolledBack,
    /// The command line is wrong (`EX_USAGE` of sysexits).
    Usage,
    /// Interrupted by Ctrl-C or a termination signal (128 + SIGINT).
    Interrupted,
}

impl Exit {
    /// Every way to end, by its code.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Changes,
        Self::Configuration,
        Self::Refused,
        Self::Program,
        Self::RolledBack,
        Self::Usage,
        Self::Interrupted,
    ];

    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::Configuration => 3,
            Self::Refused => 4,
            Self::Program => 5,
            Self::RolledBack => 6,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }

    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Changes => "changes",
            Self::Configuration => "configuration",
            Self::Refused => "refused",
            Self::Program => "program",
            Self::RolledBack => "rolled-back",
            Self::Usage => "usage",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command did not end well.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What was being done, to what, and what came back: a lower-case fragment.
    pub message: String,
    /// What caused it; its chain is printed once.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// The last lines of what a program said about it, printed below.
    pub said: Vec<String>,
    /// What to try: sentences.
    pub hints: Vec<String>,
    /// Problems of the configuration, for programs; people have been shown them.
    pub problems: Vec<Diagnostic>,
}

impl CliError {
    /// An error with nothing below it.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            source: None,
            said: Vec::new(),
            hints: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The same, caused by something.
    pub fn because(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// The same with what a program said.
    pub fn said(self, said: Vec<String>) -> Self {
        Self { said, ..self }
    }

    /// The same with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|e| e as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_printed_once() {
        let cause = std::io::Error::other("no space left on device");
        let error = CliError::new(Exit::Failed, "could not write state").because(cause);
        assert_eq!(error.to_string(), "could not write state: no space left on device");
    }

    #[test]
    fn every_ending_has_its_own_code_and_name() {
        let all = Exit::ALL;
        let codes: Vec<u8> = all.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 64, 130]);
        let names: std::collections::BTreeSet<_> = all.iter().map(|exit| exit.as_str()).collect();
        assert_eq!(names.len(), all.len());
    }
}
