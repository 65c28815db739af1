//! What is planned for small clusters in known states.

mod beginning;
mod changes;
mod faults;
mod removals;
mod rules;
mod table;
mod world;
