//! A document as a tree in which every key and value knows its place.

use std::sync::Arc;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The value.
    pub value: Value,
    /// Where it begins.
    pub span: Span,
}

/// Where something stands: small, because there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Which of the sources, by their order.
    pub file: u16,
    /// Counts from 1; 0: not known.
    pub line: u32,
    /// Counts from 1, in characters.
    pub column: u32,
}

/// A value of the JSON data model.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`: removes what stands further up.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, and how it was written: a version `1.30` is not `1.3`.
    Float(f64, Arc<str>),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the document; keys are unique.
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub tree: Tree,
}

impl Tree {
    /// A map without entries.
    pub fn empty(span: Span) -> Self {
        Self { value: Value::Map(Vec::new()), span }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(..)
            | Value::Text(_)
            | Value::List(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(..)
            | Value::Text(_)
            | Value::Map(_) => &[],
        }
    }

    /// The entry of a map with this key, `null` ones too.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    /// What stands under a key; `null` is nothing.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.tree).filter(|tree| tree.value != Value::Null)
    }

    /// What stands under a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| tree.get(key))
    }

    /// Takes an entry out of a map.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let entries = self.entries_mut()?;
        let at = entries.iter().position(|entry| &*entry.key == key)?;
        Some(entries.remove(at))
    }

    /// The entries of a map, to change them.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.value {
            Value::Map(entries) => Some(entries),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(..)
            | Value::Text(_)
            | Value::List(_) => None,
        }
    }

    /// A text; numbers as they were written, because `1.30` without quotes is meant as a text where one is wanted.
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.value {
            Value::Text(text) | Value::Float(_, text) => Some(std::borrow::Cow::Borrowed(text)),
            Value::Integer(number) => Some(std::borrow::Cow::Owned(number.to_string())),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A truth value.
    pub fn truth(&self) -> Option<bool> {
        match self.value {
            Value::Bool(truth) => Some(truth),
            Value::Null
            | Value::Integer(_)
            | Value::Float(..)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(number) => Some(number),
            Value::Null
            | Value::Bool(_)
            | Value::Float(..)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(..) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
