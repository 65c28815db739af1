//! The real binary, as a person meets it: text, JSON and exit codes.

mod apply;
mod hostile;
mod interrupt;
mod node;
mod project;
mod usage;
mod validate;
