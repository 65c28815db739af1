//! Why there is no lab, or why it did not do what was asked.

use std::io;

/// Why there is no lab, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This computer cannot have one.
    #[error("a lab cannot be had here: {0}")]
    Missing(String),
    /// A file or folder of the lab's.
    #[error("could not {what}")]
    File {
        /// What was being done, to what.
        what: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A program did not start.
    #[error("could not run {program}")]
    Program {
        /// Which.
        program: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A program ended with a failure.
    #[error("could not {what}: {said}")]
    Failed {
        /// What was being done, to what.
        what: String,
        /// What it printed.
        said: String,
    },
    /// A host did not come up.
    #[error("{host} did not come up within {seconds} s; its console said:\n{console}")]
    NotUp {
        /// Which.
        host: String,
        /// How long it was given.
        seconds: u64,
        /// The end of what it printed.
        console: String,
    },
}

impl LabError {
    /// The error with its causes, for a person.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Names what was being done with a file.
pub(crate) fn file<T>(what: impl FnOnce() -> String, result: io::Result<T>) -> Result<T, LabError> {
    result.map_err(|cause| LabError::File { what: what(), cause })
}
