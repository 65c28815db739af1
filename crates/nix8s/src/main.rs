//! The nix8s command line.

mod cli;
mod commands;
mod error;
mod explain;
mod output;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(commands::run().code())
}
