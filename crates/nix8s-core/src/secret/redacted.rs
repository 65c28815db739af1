//! A text that nobody sees by accident: printing, logging and serialising it shows that there is one, and no more.

use std::fmt;

use serde::Serialize;
use serde::Serializer;
use zeroize::Zeroizing;

/// A secret. [`Redacted::expose`] is the only way to its text, so that a search for that word finds every use.
///
/// A type of its own and not that of the crate `secrecy`: commands that hold one are compared, in tests and in the
/// simulated world, and a value that serialises as a mark may stand in what is shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redacted(Zeroizing<String>);

/// What is shown instead.
pub const MARK: &str = "(redacted)";

impl Redacted {
    /// Takes a text, which is overwritten when this is dropped.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MARK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_printing_shows_the_text() {
        let secret = Redacted::new("hunter2");
        let shown =
            [format!("{secret}"), format!("{secret:#?}"), serde_json::to_string(&vec![&secret]).unwrap()];
        assert!(shown.iter().all(|text| text.contains(MARK) && !text.contains("hunter2")), "{shown:?}");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_command_that_reads_one_can_be_printed() {
        let mut command = crate::tool::Command::here(["cat"], crate::tool::SHORT).reading("hunter2");
        command.files.insert("key".to_owned(), crate::tool::File::private("hunter3"));
        assert!(!format!("{command:?}").contains("hunter"), "{command:?}");
    }
}
