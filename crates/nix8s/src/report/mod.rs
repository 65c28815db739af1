//! What people and programs get to read.

pub mod change;
pub mod diagnostic;
pub mod event;
pub mod findings;
pub mod gates;
pub mod graph;
pub mod headline;
pub mod history;
pub mod html;
pub mod json;
pub mod lines;
pub mod live;
pub mod markup;
pub mod names;
pub mod note;
pub mod page;
pub mod plan;
pub mod rehearsal;
#[cfg(test)]
pub mod sample;
pub mod screen;
pub mod status;
pub mod summary;
pub mod table;
pub mod waits;
pub mod words;
pub mod yaml;
