//! `nix8s secrets rotate`.

use nix8s_core::model::Cluster;
use nix8s_core::observed::Secret;
use nix8s_core::secret::follow;
use nix8s_core::secret::is_key;
use nix8s_core::secret::kept::Unchanged;
use serde_json::json;

use super::Of;
use super::chosen;
use super::names;
use crate::commands::Cx;
use crate::commands::vault;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::words::sentence_list;

const EXAMPLES: &str = "\
Examples:
  nix8s secrets rotate --only agent-token               a new value, and what follows from it
  nix8s secrets deliver                                 what follows: it reaches its machines
  nix8s secrets rotate --only agent-token --delivered   it reached them by other ways: the old one is forgotten

The value before is kept until it is said to be delivered: machines may have no other.";

/// Give secrets a new value, and say what follows on the machines
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RotateArgs {
    #[command(flatten)]
    of: Of,
    /// This one: token, agent-token, deploy-key or host-key/MACHINE; may be repeated
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    only: Vec<Secret>,
    /// All of them
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// The new value is on its machines: forget the one before
    #[arg(long)]
    delivered: bool,
}

/// Gives them new values.
pub fn run(cx: &Cx<'_>, args: &RotateArgs) -> Result<Exit, CliError> {
    let RotateArgs { of, only, all: _, delivered } = args;
    let (cluster, vault) = of.open(cx)?;
    if vault.is_read_only() {
        return Err(vault.read_only());
    }
    let lock = vault.lock()?;
    let held = vault.read()?;
    let chosen = chosen(only, &held.all())?;
    if let Some(fixed) = chosen.iter().find(|secret| held.fixed.contains_key(*secret)) {
        let message = format!("{fixed} stands in the configuration, where nix8s does not change it");
        return Err(
            CliError::new(Exit::Refused, message).hint("Remove it there: nix8s then makes one of its own.")
        );
    }
    let mut kept = held.kept;
    for secret in &chosen {
        let changed = if *delivered {
            kept.delivered(secret)
        } else {
            kept.rotate(secret, vault::make(secret)?, vault::now())
        };
        changed.map_err(|why| refused(secret, why))?;
    }
    vault.write(&kept, &lock)?;
    drop(lock);
    match (cx.out.format, delivered) {
        (Format::Json, _) => {
            let follows: Vec<_> = chosen
                .iter()
                .map(|secret| {
                    let follows = if *delivered { Vec::new() } else { follow::follows(&cluster, secret) };
                    let follows: Vec<_> =
                        follows.iter().map(|f| json!({ "machines": f.machines, "does": f.does })).collect();
                    json!({ "name": secret.to_string(), "follows": follows })
                })
                .collect();
            cx.out.json(
                &json!({ "version": 1, "file": vault.shown, "delivered": delivered, "secrets": follows }),
            );
        }
        (Format::Text, true) => {
            cx.out.data(&format!("What {} replaced is forgotten.\n", sentence_list(&names(&chosen))));
        }
        (Format::Text, false) => {
            cx.out.data(&chosen.iter().map(|secret| told(&cluster, secret)).collect::<String>());
        }
    }
    Ok(Exit::Done)
}

fn refused(secret: &Secret, why: Unchanged) -> CliError {
    let error = CliError::new(Exit::Refused, format!("{secret} {why}"));
    match why {
        Unchanged::Missing => error.hint("`nix8s secrets generate` makes it."),
        Unchanged::NotDelivered => error.hint(format!(
            "`nix8s secrets deliver` brings it there; when it is there by other ways, say `nix8s secrets rotate --only {secret} --delivered`."
        )),
        Unchanged::NothingBefore => error,
    }
}

fn told(cluster: &Cluster, secret: &Secret) -> String {
    if is_key(secret) {
        return format!(
            "{secret} has a new value. `nix8s secrets deliver` brings it to its machines; until then both count.\n"
        );
    }
    let mut text = format!("{secret} has a new value. What follows when `nix8s secrets deliver` is typed:\n");
    for follow in follow::follows(cluster, secret) {
        let machines: Vec<String> = follow.machines.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  {}: {}\n", sentence_list(&machines), follow.does));
    }
    text.push_str("  then: the value before is forgotten\n");
    text
}
