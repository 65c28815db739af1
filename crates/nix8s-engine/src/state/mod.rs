//! The state directory: what is remembered between runs, on disk or in memory.

pub mod copy;
pub mod dir;
pub mod export;
pub mod file;
pub mod forget;
pub mod layout;
pub mod lock;
pub mod log;
pub mod marker;
pub mod memory;
pub mod older;
pub mod overview;
pub mod snapshot;

#[cfg(test)]
mod export_tests;
#[cfg(test)]
mod tests;
