//! What is planned for small clusters in known states.

mod beginning;
mod world;
