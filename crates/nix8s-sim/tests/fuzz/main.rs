//! What is read from outside is read or refused, whatever is in it: documents, cases of resolution, event logs, state
//! files. Each target runs shortly with every test run, and for as long as somebody likes by `cargo xtask fuzz`.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod corpus;
mod document;
mod driver;
mod log;
mod mutate;
mod seeds;
mod state;
