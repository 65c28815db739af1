//! `nix8s secrets generate`.

use std::collections::BTreeSet;
use std::io::Read;

use nix8s_core::observed::Secret;
use nix8s_core::secret::wanted;
use serde_json::json;

use super::Of;
use super::names;
use crate::commands::Cx;
use crate::commands::vault;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::report::words::sentence_list;

const EXAMPLES: &str = "\
Example:
  nix8s secrets generate prod        what exists stays as it is

It also encrypts the file again when its recipients or `secrets.provider` have changed.";

/// More than names of secrets ever are.
const NAMES_MAX: u64 = 64 << 20;

/// Make the secrets that are missing; those that exist stay as they are
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    #[command(flatten)]
    of: Of,
    /// Make only those whose names come on stdin, as `check -o json` writes them
    #[arg(long)]
    names_on_stdin: bool,
}

/// Makes them.
pub fn run(cx: &Cx<'_>, args: &GenerateArgs) -> Result<Exit, CliError> {
    let GenerateArgs { of, names_on_stdin } = args;
    let (cluster, vault) = of.open(cx)?;
    let mut asked = wanted(&cluster);
    if *names_on_stdin {
        let named = named()?;
        if let Some(other) = named.difference(&asked).next() {
            let message = format!("{} needs no secret {other}", cluster.name);
            return Err(CliError::new(Exit::Usage, message));
        }
        asked = named;
    }
    if vault.is_read_only() {
        let all = vault.read()?.all();
        let missing: Vec<String> = asked
            .iter()
            .filter(|secret| !all.values.contains_key(*secret))
            .map(|s| format!("${}", vault.variable(s)))
            .collect();
        return if missing.is_empty() { Ok(Exit::Done) } else { Err(vault.read_only().said(missing)) };
    }
    let lock = vault.lock()?;
    let held = vault.read()?;
    let missing: BTreeSet<Secret> =
        asked.into_iter().filter(|secret| !held.all().values.contains_key(secret)).collect();
    let mut kept = held.kept.clone();
    for secret in &missing {
        kept.add(secret.clone(), vault::make(secret)?, vault::now());
    }
    let recipients = vault.recipients()?;
    let again = held.form.is_some_and(|form| form != vault.provider() || recipients != held.kept.recipients);
    if !missing.is_empty() || again {
        vault.write(&kept, &lock)?;
    }
    drop(lock);
    match cx.out.format {
        Format::Json => cx.out.json(&json!({
            "version": 1, "file": vault.shown, "made": names(&missing), "recipients": recipients, "encryptedAgain": again,
        })),
        Format::Text if cx.out.detail == Detail::Quiet => {}
        Format::Text => {
            let mut text = if missing.is_empty() {
                format!("Nothing is missing in {}.\n", vault.shown)
            } else {
                format!("Made {}, in {}.\n", sentence_list(&names(&missing)), vault.shown)
            };
            if again {
                text.push_str("It is encrypted again: its recipients or `secrets.provider` have changed.\n");
            }
            cx.out.data(&text);
        }
    }
    Ok(Exit::Done)
}

fn named() -> Result<BTreeSet<Secret>, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(NAMES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| CliError::new(Exit::Failed, "could not read names from stdin").because(error))?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::new(Exit::Usage, "what came on stdin is no list of secrets").because(error)
    })
}
