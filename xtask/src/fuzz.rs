//! Fuzzes what reads from outside, for as long as somebody likes. The targets are tests of `nix8s-sim`, which run shortly
//! with every test run (docs/decisions/008-fuzzing-on-stable.md).

use std::process::Command;
use std::process::ExitCode;

/// Every target: a file of that name in `crates/nix8s-sim/tests/fuzz`.
const TARGETS: &[&str] = &["corpus", "document", "log", "state"];

const USAGE: &str = "\
Usage: cargo xtask fuzz [--target T] [--executions N] [--first N]

  --target T       corpus, document, log or state [default: each of them]
  --executions N   how many inputs for each [default: 1000000]
  --first N        the number of the first input [default: 0]
";

/// Runs the targets with optimisation.
pub fn run(arguments: &[&str]) -> ExitCode {
    let (mut targets, mut executions, mut first) = (TARGETS.to_vec(), "1000000", "0");
    for pair in arguments.chunks(2) {
        match pair {
            ["--target", target] if TARGETS.contains(target) => targets = vec![*target],
            ["--executions", number] if number.parse::<u64>().is_ok() => executions = *number,
            ["--first", number] if number.parse::<u64>().is_ok() => first = *number,
            ["--help" | "-h", ..] => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprint!("error: {} is not understood\n\n{USAGE}", pair.join(" "));
                return ExitCode::from(64);
            }
        }
    }
    for target in targets {
        if !fuzz(target, executions, first) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn fuzz(target: &str, executions: &str, first: &str) -> bool {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build =
        ["test", "--quiet", "--release", "--locked", "--package", "nix8s-sim", "--test", "fuzz", "--"];
    let name = format!("{target}::{target}");
    let status = Command::new(cargo)
        .args(build)
        .args([name.as_str(), "--exact", "--nocapture"])
        .env("NIX8S_FUZZ_EXECUTIONS", executions)
        .env("NIX8S_FUZZ_FIRST", first)
        .status();
    match status {
        Ok(status) => status.success(),
        Err(why) => {
            eprintln!("error: could not run cargo: {why}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Repository;

    #[test]
    fn every_target_has_its_file() {
        let repository = Repository::read();
        for target in TARGETS {
            let path = format!("crates/nix8s-sim/tests/fuzz/{target}.rs");
            let file = repository.file(&path).expect("the target's file");
            assert!(file.text.contains(&format!("fn {target}()")), "{path} has no test of that name");
        }
    }
}
