//! Explores seeds of the simulated world for as long as somebody likes, and reduces what is found.
//!
//! The seeds are run by the target `explore` of `nix8s-sim`, which cargo builds with optimisation and without the
//! release's `panic = "abort"`: a panic is a finding like others.

use std::process::Command;
use std::process::ExitCode;

/// Runs it with these arguments; it has its own help.
pub fn run(arguments: &[&str]) -> ExitCode {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build =
        ["test", "--quiet", "--release", "--locked", "--package", "nix8s-sim", "--test", "explore", "--"];
    match Command::new(cargo).args(build).args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: could not run cargo: {why}");
            ExitCode::FAILURE
        }
    }
}
