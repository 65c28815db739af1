//! The real binary, as a person meets it: text, JSON and exit codes.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod apply;
mod complete;
mod desk;
mod doctor;
mod explain;
mod export;
mod flake;
mod gates;
mod hostile;
mod import;
mod init;
mod interrupt;
mod node;
mod on_node;
mod project;
mod rehearse;
mod report;
mod reset;
mod run;
mod scripts;
mod secrets;
mod ssh;
mod state;
mod support;
mod systems;
mod usage;
mod validate;
mod watch;
