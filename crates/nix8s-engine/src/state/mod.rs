//! The state directory: what is remembered between runs, on disk or in memory.

pub mod log;
pub mod memory;
