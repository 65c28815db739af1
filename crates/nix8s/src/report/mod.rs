//! What people and programs get to read.

pub mod diagnostic;
pub mod headline;
pub mod names;
pub mod plan;
#[cfg(test)]
mod sample;
pub mod words;
pub mod yaml;
