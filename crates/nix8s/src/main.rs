//! The nix8s command line.

mod cli;
mod commands;
mod error;
mod explain;
mod on_node;
mod output;
#[cfg(test)]
mod reference;
mod report;
mod serve;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Plans of large fleets are many small values; the C library's allocators spend a third of the time on them, and
/// musl's more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(commands::run().code())
}
