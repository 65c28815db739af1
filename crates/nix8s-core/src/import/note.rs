//! What an import says about a key that it did not carry over as it was written.

use serde::Serialize;

/// A key of the earlier document and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The key in the earlier document, for example `provisioners.pxe.callback.port`.
    pub path: String,
    /// What kind of note it is.
    pub why: Why,
    /// What became of it.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Why something is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It was not carried over.
    Left,
    /// It was carried over otherwise than it was written.
    Changed,
    /// It is a secret, and its value was not carried over.
    Secret,
    /// The earlier document does not say what is needed today.
    Missing,
    /// The earlier document does not say it, and it was taken from what that design does otherwise.
    Added,
}

impl Why {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left out",
            Self::Changed => "changed",
            Self::Secret => "secret",
            Self::Missing => "missing",
            Self::Added => "added",
        }
    }
}
