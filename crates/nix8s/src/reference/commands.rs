//! docs/reference/commands.md: every command and flag, from the definitions that `--help` and `man` are made from.

use std::fmt::Write;

use clap::Arg;
use clap::Command;
use clap::CommandFactory;

use super::cell;
use crate::cli::Cli;

/// The page.
pub fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut out = String::from(
        "# Commands\n\nThis page is made from the code of nix8s. `nix8s COMMAND --help` and `nix8s man` say the same \
         offline; [exit codes](../exit-codes.md) are the same for every command.\n\n## Everywhere\n\nEvery command takes \
         these.\n\n",
    );
    let everywhere: Vec<&Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).collect();
    table(&mut out, &everywhere);
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        one(&mut out, below, "nix8s");
    }
    out
}

fn one(out: &mut String, command: &Command, above: &str) {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    write!(out, "\n## {name}\n\n{about}.\n").expect("a text can be written to");
    if command.has_subcommands() {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            one(out, below, &name);
        }
        return;
    }
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str()))
        .collect();
    if !own.is_empty() {
        out.push('\n');
        table(out, &own);
    }
    if let Some(help) = command.get_after_help() {
        write!(out, "\n```text\n{}\n```\n", help.to_string().trim_end()).expect("a text can be written to");
    }
}

fn table(out: &mut String, args: &[&Arg]) {
    out.push_str("| | |\n|---|---|\n");
    for arg in args {
        let what = cell(&arg.get_help().map(ToString::to_string).unwrap_or_default());
        writeln!(out, "| `{}` | {what}{} |", cell(&spelling(arg)), more(arg))
            .expect("a text can be written to");
    }
}

/// How it is typed: `-o, --output <FORMAT>`, `[CLUSTER]`.
fn spelling(arg: &Arg) -> String {
    let value = || {
        let names = arg.get_value_names().unwrap_or_default();
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    if arg.is_positional() {
        return if arg.is_required_set() { value() } else { format!("[{}]", value()) };
    }
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let long = arg.get_long().map(|long| format!("--{long}")).unwrap_or_default();
    let taken = if arg.get_action().takes_values() { format!(" {}", value()) } else { String::new() };
    format!("{short}{long}{taken}")
}

/// What it may be, what it is otherwise, and the variable that says the same.
fn more(arg: &Arg) -> String {
    let mut out = String::new();
    let words: Vec<String> = if arg.get_action().takes_values() {
        let shown = arg.get_possible_values().into_iter().filter(|word| !word.is_hide_set());
        shown.map(|word| format!("`{}`", word.get_name())).collect()
    } else {
        Vec::new()
    };
    if !words.is_empty() {
        write!(out, "; one of {}", words.join(", ")).expect("a text can be written to");
    }
    let defaults = arg.get_default_values();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let defaults: Vec<String> =
            defaults.iter().map(|word| format!("`{}`", word.to_string_lossy())).collect();
        write!(out, "; by default {}", defaults.join(", ")).expect("a text can be written to");
    }
    if let Some(variable) = arg.get_env() {
        write!(out, "; or the variable `{}`", variable.to_string_lossy()).expect("a text can be written to");
    }
    out
}
