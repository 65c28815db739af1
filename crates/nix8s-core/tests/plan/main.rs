//! What is planned for small clusters in known states.

#![expect(clippy::unwrap_used, reason = "test helpers are tests")]

mod actions;
mod alone;
mod beginning;
mod changes;
mod departures;
mod doubt;
mod faults;
mod removals;
mod rules;
mod scripts;
mod table;
mod world;
