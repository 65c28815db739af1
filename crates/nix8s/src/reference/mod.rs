//! The pages of docs/reference, made from the lists that the program itself uses, and the tests that hold them to it.
//!
//! `SNAPSHOTS=overwrite cargo nextest run -p nix8s reference` writes them again.

mod commands;
mod defaults;
mod keys;
mod said;
mod written;

use std::path::PathBuf;

use clap::CommandFactory;
use snapbox::Assert;
use snapbox::Data;
use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::data::DataFormat;

use crate::cli::Cli;

/// What stands below the heading of each page.
const MADE: &str = "This page is made from the code of nix8s. `nix8s explain` says the same offline.";

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Compares a page with the one in the repository, or writes it.
fn hold(name: &str, page: &str) {
    let path = root().join("docs/reference").join(name);
    let there = Data::read_from(&path, Some(DataFormat::Text)).raw();
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(page, there);
}

#[test]
fn the_reference_of_keys_is_that_of_the_code() {
    hold("keys.md", &keys::page());
}

#[test]
fn the_reference_of_codes_is_that_of_the_code() {
    hold("codes.md", &said::codes());
}

#[test]
fn the_reference_of_waits_is_that_of_the_code() {
    hold("waits.md", &said::waits());
}

#[test]
fn the_reference_of_commands_is_that_of_the_code() {
    hold("commands.md", &commands::page());
}

/// NixOS options of the same keys are made from it (nix/lib/schema.nix).
#[test]
fn the_schema_that_nix_reads_is_that_of_the_code() {
    let path = root().join("nix/options/schema.json");
    let there = Data::read_from(&path, Some(DataFormat::Text)).raw();
    let schema = serde_json::to_string_pretty(&nix8s_core::input::schema::json_schema::json_schema());
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(schema.expect("it is JSON") + "\n", there);
}

/// The text of a table's cell: on one line, and nothing that ends it.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let mut wrong = Vec::new();
    let documents = written::documents(&root());
    let commands: Vec<_> = documents.iter().flat_map(written::commands).collect();
    assert!(commands.len() > 30, "only {} commands were found", commands.len());
    for (place, words) in commands {
        if let Err(error) = Cli::command().try_get_matches_from(&words) {
            let is_answer = !error.use_stderr();
            if !is_answer {
                wrong.push(format!("{place}: {}: {error}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
