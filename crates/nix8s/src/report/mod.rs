//! What people and programs get to read.

pub mod diagnostic;
pub mod headline;
pub mod names;
pub mod plan;
pub mod words;
pub mod yaml;
