//! The document: read into a tree that knows where everything stands, then decoded by code that collects problems.

pub mod diagnostic;
pub mod tree;
