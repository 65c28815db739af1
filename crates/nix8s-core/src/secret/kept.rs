//! What is kept of a cluster's secrets: each value, since when, and what it replaces until that has reached the machines.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Redacted;
use crate::observed::Secret;

/// The secrets of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// To whom they were encrypted when they were last written.
    pub recipients: Vec<String>,
    /// Each that exists.
    pub values: BTreeMap<Secret, Value>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// What it is.
    pub text: Redacted,
    /// When it was made; `None`: a person wrote it.
    pub made: Option<Timestamp>,
    /// What it replaces, as long as a machine may still have that.
    pub before: Option<Redacted>,
}

/// The public halves of a key: of what it is, and of what it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// The key's.
    pub now: String,
    /// The one before it.
    pub before: Option<String>,
}

impl Public {
    /// Both, the newer one first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [Some(self.now.as_str()), self.before.as_deref()].into_iter().flatten()
    }
}

/// The public halves of all keys.
pub type Publics = BTreeMap<Secret, Public>;

/// Why a secret was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unchanged {
    /// There is none.
    #[error("does not exist")]
    Missing,
    /// The value before it is still needed: some machines may have that one only.
    #[error("was changed before, and the machines may still have the value from before that")]
    NotDelivered,
    /// It replaces nothing.
    #[error("replaces nothing")]
    NothingBefore,
}

impl Kept {
    /// Adds a secret that is missing; one that exists stays as it is.
    pub fn add(&mut self, secret: Secret, text: Redacted, at: Timestamp) {
        self.values.entry(secret).or_insert(Value { text, made: Some(at), before: None });
    }

    /// Gives a secret a new value, and keeps the one before it until [`Kept::delivered`].
    ///
    /// # Errors
    /// When there is none, or the one before it is still needed.
    pub fn rotate(&mut self, secret: &Secret, text: Redacted, at: Timestamp) -> Result<(), Unchanged> {
        let value = self.values.get_mut(secret).ok_or(Unchanged::Missing)?;
        if value.before.is_some() {
            return Err(Unchanged::NotDelivered);
        }
        value.before = Some(std::mem::replace(&mut value.text, text));
        value.made = Some(at);
        Ok(())
    }

    /// Forgets what a secret replaces: every machine has the new value.
    ///
    /// # Errors
    /// When there is none, or it replaces nothing.
    pub fn delivered(&mut self, secret: &Secret) -> Result<(), Unchanged> {
        let value = self.values.get_mut(secret).ok_or(Unchanged::Missing)?;
        value.before.take().map(drop).ok_or(Unchanged::NothingBefore)
    }

    /// The public halves of all keys, by a function that tells that of one.
    ///
    /// # Errors
    /// When the function knows none of a key, with that key's name.
    pub fn publics<E>(&self, of: impl Fn(&Redacted) -> Result<String, E>) -> Result<Publics, (Secret, E)> {
        let keys = self.values.iter().filter(|(secret, _)| super::is_key(secret));
        let public = |value: &Value| {
            Ok(Public { now: of(&value.text)?, before: value.before.as_ref().map(&of).transpose()? })
        };
        keys.map(|(secret, value)| match public(value) {
            Ok(public) => Ok((secret.clone(), public)),
            Err(error) => Err((secret.clone(), error)),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_is_never_replaced_by_generating() {
        let mut kept = Kept::default();
        kept.add(Secret::Token, "first".into(), Timestamp::UNIX_EPOCH);
        kept.add(Secret::Token, "second".into(), Timestamp::UNIX_EPOCH);
        assert_eq!(kept.values[&Secret::Token].text.expose(), "first");
    }

    #[test]
    fn the_value_before_is_kept_until_the_new_one_has_arrived() {
        let mut kept = Kept::default();
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(kept.rotate(&Secret::Token, "x".into(), at), Err(Unchanged::Missing));
        kept.add(Secret::Token, "1".into(), at);
        assert_eq!(kept.delivered(&Secret::Token), Err(Unchanged::NothingBefore));
        assert_eq!(kept.rotate(&Secret::Token, "2".into(), at), Ok(()));
        assert_eq!(kept.rotate(&Secret::Token, "3".into(), at), Err(Unchanged::NotDelivered));
        let value = &kept.values[&Secret::Token];
        assert_eq!((value.text.expose(), value.before.as_ref().map(Redacted::expose)), ("2", Some("1")));
        assert_eq!(kept.delivered(&Secret::Token), Ok(()));
        assert_eq!(kept.values[&Secret::Token].before, None);
    }
}
