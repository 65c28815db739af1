//! `nix8s support`.

mod bundle;
mod collect;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::model::Cluster;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::scrub::Scrubber;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::identity;
use crate::commands::new_file;
use crate::commands::project;
use crate::commands::vault;
use crate::commands::vault::age;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::names::count;

const EXAMPLES: &str = "\
Examples:
  nix8s support prod                        for whoever can read the secrets of the project
  nix8s support prod --recipient age1…      for somebody who helps, and nobody else
  age -d -i KEYS FILE | tar -tz             what is in it
  age -d -i KEYS FILE | tar -xz             unpacks it

Machines are asked and nothing is changed. Secrets are taken out, known ones and whatever looks like one; the bundle is encrypted
all the same.";

/// Put what helps to find a mistake into one encrypted file, without secrets
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SupportArgs {
    /// The cluster; may be left out when there is only one
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// The file, which must not exist yet [default: nix8s-support-CLUSTER-TIME.tar.gz.age, here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Who can read it, as `age1…`; may be repeated [default: those who can read the secrets]
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Vec<String>,
}

/// A file of a bundle.
pub struct Piece {
    /// Its path in the bundle.
    pub path: String,
    /// What is in it, without secrets.
    pub text: String,
}

/// Makes a bundle.
pub fn run(cx: &Cx<'_>, args: &SupportArgs) -> Result<Exit, CliError> {
    let SupportArgs { cluster, out, recipient } = args;
    let cluster = project::changing(&project::fleet(cx)?, cluster.as_deref())?;
    let at = Timestamp::now();
    let folder = format!("nix8s-support-{}-{}", cluster.name, at.strftime("%Y-%m-%dT%H-%M-%SZ"));
    let path = out.clone().unwrap_or_else(|| PathBuf::from(format!("{folder}.tar.gz.age")));
    if path.exists() {
        let message = format!("{} exists already and is left as it is", path.display());
        return Err(CliError::new(Exit::Refused, message).hint("Name another file, or move that one away."));
    }
    let recipients = recipients(cx, &cluster, recipient)?;
    let scrubber = Scrubber::new(&known(cx, &cluster));
    let mut pieces = collect::all(cx, &cluster)?;
    for piece in &mut pieces {
        piece.text = scrubber.scrub(&piece.text);
    }
    list(cx, &pieces, &recipients, &path);
    let packed = bundle::pack(&folder, &pieces, at)
        .map_err(|error| CliError::new(Exit::Failed, "could not pack the bundle").because(error))?;
    new_file::write(&path, &age::seal(&packed, &recipients)?)?;
    match cx.out.format {
        Format::Text => cx.out.data(&format!("{}\n", path.display())),
        Format::Json => {
            let files: Vec<_> =
                pieces.iter().map(|piece| json!({ "path": piece.path, "bytes": piece.text.len() })).collect();
            cx.out.json(&json!({
                "version": 1,
                "cluster": cluster.name,
                "path": path,
                "recipients": recipients,
                "files": files,
            }));
        }
    }
    Ok(Exit::Done)
}

/// Says what will be in the bundle before there is one, and how it is read.
fn list(cx: &Cx<'_>, pieces: &[Piece], recipients: &[String], path: &Path) {
    cx.out.say(&format!("In the bundle, without secrets ({}):", count(pieces.len(), "file")));
    for piece in pieces {
        cx.out.say(&format!("  {:>9}  {}", piece.text.len(), piece.path));
    }
    cx.out.say(&format!("Encrypted for {}.", recipients.join(", ")));
    cx.out.say(&format!("What is in it: age -d -i KEYS {} | tar -tz", path.display()));
}

/// Those that are named; else those who can read the secrets; in the simulated world whoever makes it.
fn recipients(cx: &Cx<'_>, cluster: &Arc<Cluster>, named: &[String]) -> Result<Vec<String>, CliError> {
    let recipients = if !named.is_empty() {
        named.to_vec()
    } else if cx.global.simulate {
        identity::there().as_deref().map(age::own_recipients).transpose()?.unwrap_or_default()
    } else {
        vault::open(cx, cluster)?.recipients()?
    };
    if recipients.is_empty() {
        let message = "nobody says to whom the bundle is to be encrypted";
        let hint = "Name recipients with --recipient; `nix8s init` makes an age identity of your own.";
        return Err(CliError::new(Exit::Configuration, message).hint(hint));
    }
    Ok(recipients)
}

/// Every secret that is known here.
fn known(cx: &Cx<'_>, cluster: &Arc<Cluster>) -> Vec<Redacted> {
    let settings = &cluster.secrets;
    let mut known: Vec<Redacted> =
        [&settings.token, &settings.agent_token].into_iter().flatten().cloned().collect();
    if let Some(text) = identity::there().and_then(|path| std::fs::read_to_string(path).ok()) {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        known.extend(lines.map(Redacted::from));
        drop(Redacted::new(text));
    }
    if cx.global.simulate {
        return known;
    }
    match vault::open(cx, cluster).and_then(|vault| vault.read()) {
        Ok(held) => {
            for value in held.all().values.into_values() {
                known.extend([Some(value.text), value.before].into_iter().flatten());
            }
        }
        Err(error) => {
            let head = cx.out.paint_err.yellow("warning:");
            cx.out.say(&format!(
                "{head} the secrets could not be read, so only what looks like one is taken out: {error}"
            ));
        }
    }
    known
}
