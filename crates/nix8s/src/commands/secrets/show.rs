//! `nix8s secrets show`.

use nix8s_core::observed::Secret;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::Value;
use serde_json::json;

use super::Of;
use super::chosen;
use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::table;
use crate::report::table::Cell;

const EXAMPLES: &str = "\
Examples:
  nix8s secrets show                                   names, since when, and who can read them
  nix8s secrets show --public --only deploy-key        a line for authorized_keys
  nix8s secrets show --reveal --only token             the value itself";

/// Show what is kept: names and ages, public keys, or with --reveal the values
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    #[command(flatten)]
    of: Of,
    /// Only this one: token, agent-token, deploy-key or host-key/MACHINE; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<Secret>,
    /// Print the values
    #[arg(long, conflicts_with = "public")]
    reveal: bool,
    /// Print the public halves of keys
    #[arg(long)]
    public: bool,
}

/// Shows them.
pub fn run(cx: &Cx<'_>, args: &ShowArgs) -> Result<Exit, CliError> {
    let ShowArgs { of, only, reveal, public } = args;
    let (cluster, vault) = of.open(cx)?;
    let held = vault.read()?;
    let all = held.all();
    let publics = vault.publics(&all)?;
    let chosen = chosen(only, &all)?;
    let of = |secret: &Secret| publics.get(secret).map(|public| public.now.clone());
    if cx.out.format == Format::Json {
        let one = |secret: &Secret| {
            let value = &all.values[secret];
            json!({
                "name": secret.to_string(),
                "made": value.made,
                "isRotating": value.before.is_some(),
                "public": of(secret),
                "value": reveal.then(|| value.text.expose()),
            })
        };
        let secrets: Vec<_> = chosen.iter().map(one).collect();
        let file = held.form.map(|_| &vault.shown);
        cx.out.json(&json!({ "version": 1, "file": file, "recipients": all.recipients, "secrets": secrets }));
        return Ok(Exit::Done);
    }
    if *reveal {
        cx.out.data(
            Redacted::new(
                chosen.iter().map(|secret| revealed(secret, &all.values[secret])).collect::<String>(),
            )
            .expose(),
        );
    } else if *public {
        let comment = |secret: &Secret| match secret {
            Secret::HostKey(machine) => machine.to_string(),
            Secret::DeployKey | Secret::Token | Secret::AgentToken => format!("nix8s-{}", cluster.name),
        };
        let lines = chosen.iter().filter_map(|secret| Some(format!("{} {}\n", of(secret)?, comment(secret))));
        cx.out.data(&lines.collect::<String>());
    } else {
        let mut text = String::new();
        if held.form.is_some() {
            text.push_str(&format!("{}, encrypted for\n", vault.shown));
            text.extend(all.recipients.iter().map(|recipient| format!("  {recipient}\n")));
        }
        let row = |secret: &Secret| {
            let value = &all.values[secret];
            let made = value.made.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
            vec![
                Cell::new(secret.to_string()),
                Cell::new(made),
                Cell::new(note(value, held.fixed.contains_key(secret))),
            ]
        };
        let rows: Vec<Vec<Cell>> = chosen.iter().map(row).collect();
        for line in table::render(&["SECRET", "MADE", "NOTE"], &rows, "", cx.out.paint) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        cx.out.data(&text);
    }
    Ok(Exit::Done)
}

fn note(value: &Value, is_fixed: bool) -> &'static str {
    match (is_fixed, value.before.is_some()) {
        (true, _) => "from the configuration or the environment",
        (false, true) => "changed; its machines may have the one before",
        (false, false) => "",
    }
}

/// A value; several are told apart by their names.
fn revealed(secret: &Secret, value: &Value) -> String {
    let text = value.text.expose().trim_end();
    if text.contains('\n') { format!("{secret}:\n{text}\n") } else { format!("{secret}: {text}\n") }
}
