//! Checks and chores of the repository: `cargo xtask tidy`, `book`, `mutate`, `explore`, `fuzz`, `bench`.

mod bench;
mod book;
mod explore;
mod fuzz;
mod mutate;
mod repository;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask CHORE

  tidy                 what the compiler and clippy do not check: dependencies, files, lists, links, words
  book                 docs as a book, with mdBook if it is installed
  mutate               take each [P] rule out of the planner and show that the simulated world notices
  explore [OPTION]...  long seed runs in the simulated world; what is found is reduced (explore --help)
  fuzz [OPTION]...     made-up documents, event logs and state files, for as long as you like (fuzz --help)
  bench [GROUP]...     time, memory and size of the release binary, beside their limits (make bench)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => tidy::run(),
        ["book"] => book::run(),
        ["mutate"] => mutate::run(),
        ["explore", arguments @ ..] => explore::run(arguments),
        ["fuzz", arguments @ ..] => fuzz::run(arguments),
        ["bench", groups @ ..] => bench::run(groups),
        // Not for people: how `bench` measures one run.
        ["measure", command @ ..] => match bench::measure::measure(command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("error: could not measure: {why}");
                ExitCode::FAILURE
            }
        },
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] | [_, ..] => {
            eprint!("error: that is not a chore\n\n{USAGE}");
            ExitCode::from(64)
        }
    }
}
