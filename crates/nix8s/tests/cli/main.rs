//! The real binary, as a person meets it: text, JSON and exit codes.

mod hostile;
mod project;
mod usage;
mod validate;
