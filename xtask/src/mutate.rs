//! Do the checks have teeth? Takes each [P] rule out of the planner and shows that the simulated world notices.
//!
//! The seeds are run by the test `teeth` of `nix8s-sim`, which goes through `nix8s_core::plan::rule::RULES` and needs
//! core's feature `mutation`; a release never has it. A run of its own, because the feature recompiles core.

use std::process::Command;
use std::process::ExitCode;

/// Runs the mutations; says for each rule after how many seeds its absence was noticed.
pub fn run() -> ExitCode {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments =
        ["test", "--locked", "--package", "nix8s-sim", "--features", "mutation", "--test", "teeth"];
    let status = Command::new(cargo).args(arguments).args(["--", "--nocapture"]).status();
    match status {
        Ok(status) if status.success() => {
            println!("mutate: the absence of every rule was noticed.");
            ExitCode::SUCCESS
        }
        Ok(_) => {
            eprintln!("mutate: a rule can be taken out of the planner and nobody notices; see above.");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("error: could not run cargo: {why}");
            ExitCode::FAILURE
        }
    }
}
