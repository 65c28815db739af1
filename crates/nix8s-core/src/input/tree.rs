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
    /// Any other number.
    Float(f64),
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
