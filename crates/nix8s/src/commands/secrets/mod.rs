//! `nix8s secrets`.

mod check;
mod deliver;
mod edit;
mod files;
mod generate;
mod logins;
mod rotate;
mod settled;
mod show;
mod tokens;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::model::Cluster;
use nix8s_core::observed::Secret;
use nix8s_core::secret::Kept;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::project;
use crate::commands::vault;
use crate::commands::vault::Vault;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  nix8s secrets generate             makes those that are missing
  nix8s secrets check                what there is, and what is missing
  nix8s secrets show --public        public keys, for whoever needs them";

/// The secrets of a cluster: tokens, the deploy key, a host key for each machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SecretsArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Generate(generate::GenerateArgs),
    Check(check::CheckArgs),
    Show(show::ShowArgs),
    Edit(edit::EditArgs),
    Rotate(rotate::RotateArgs),
    Deliver(deliver::DeliverArgs),
    #[command(hide = true)]
    Files(files::FilesArgs),
    #[command(hide = true)]
    Logins(logins::LoginsArgs),
    #[command(hide = true)]
    Settled(settled::SettledArgs),
}

/// Whose secrets.
#[derive(Debug, clap::Args)]
struct Of {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
}

impl Of {
    fn open(&self, cx: &Cx<'_>) -> Result<(Arc<Cluster>, Vault), CliError> {
        let cluster = project::changing(&project::fleet(cx)?, self.cluster.as_deref())?;
        let vault = vault::open(cx, &cluster)?;
        Ok((cluster, vault))
    }
}

/// Runs a verb on secrets.
pub fn run(cx: &Cx<'_>, args: &SecretsArgs) -> Result<Exit, CliError> {
    let SecretsArgs { verb } = args;
    match verb {
        Verb::Generate(args) => generate::run(cx, args),
        Verb::Check(args) => check::run(cx, args),
        Verb::Show(args) => show::run(cx, args),
        Verb::Edit(args) => edit::run(cx, args),
        Verb::Rotate(args) => rotate::run(cx, args),
        Verb::Deliver(args) => deliver::run(cx, args),
        Verb::Files(args) => files::run(cx, args),
        Verb::Logins(args) => logins::run(cx, args),
        Verb::Settled(args) => settled::run(cx, args),
    }
}

/// Names as a list for people.
fn names<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Vec<String> {
    secrets.into_iter().map(ToString::to_string).collect()
}

/// The secrets that a user means; all of them if none is named.
fn chosen(named: &[Secret], held: &Kept) -> Result<BTreeSet<Secret>, CliError> {
    if named.is_empty() {
        return Ok(held.values.keys().cloned().collect());
    }
    for secret in named {
        if !held.values.contains_key(secret) {
            let there = held.values.keys().map(ToString::to_string).collect();
            return Err(project::unknown("secret", &secret.to_string(), there));
        }
    }
    Ok(named.iter().cloned().collect())
}

/// Values go to programs by a pipe, and never to a terminal by mistake.
fn for_programs(cx: &Cx<'_>, verb: &str) -> Result<(), CliError> {
    if cx.out.format == Format::Json && !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let message = format!("`secrets {verb}` is read by programs: it needs `-o json` and a pipe");
    Err(CliError::new(Exit::Usage, message).hint("`nix8s secrets show --reveal` shows values to people."))
}
