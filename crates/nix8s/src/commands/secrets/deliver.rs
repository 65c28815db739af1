//! `nix8s secrets deliver`: new keys and tokens reach the machines, and what they replace is forgotten.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Secret;
use nix8s_core::secret::Kept;
use nix8s_core::secret::Publics;
use nix8s_core::secret::Value;
use nix8s_core::secret::delivery;
use nix8s_core::tool::Command;
use nix8s_core::tool::SECRETS;
use nix8s_core::tool::SHORT;
use nix8s_core::tool::on_node;
use nix8s_engine::port::Exec;
use nix8s_engine::real::Machines;
use serde_json::json;

use super::Of;
use super::names;
use super::tokens;
use crate::commands::Cx;
use crate::commands::askpass;
use crate::commands::here;
use crate::commands::vault::Held;
use crate::commands::vault::Vault;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::words::sentence_list;

const EXAMPLES: &str = "\
Examples:
  nix8s secrets rotate --only deploy-key && nix8s secrets deliver
  nix8s secrets rotate --only host-key/prod-w1 && nix8s secrets deliver
  nix8s secrets rotate --only token --only agent-token && nix8s secrets deliver

Tokens of k3s are read when it starts: it is restarted, one machine after the other, control planes first; pods keep running.
Broken off, it is begun again by typing it again: until a machine is known to have a new key, the one before it counts too.";

/// Give the machines the keys and tokens that have changed, and forget what they replace
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DeliverArgs {
    #[command(flatten)]
    of: Of,
}

/// Delivers them.
pub fn run(cx: &Cx<'_>, args: &DeliverArgs) -> Result<Exit, CliError> {
    let DeliverArgs { of } = args;
    let (cluster, vault) = of.open(cx)?;
    if vault.is_read_only() {
        return Err(vault.read_only());
    }
    askpass::ask(cx.global)?;
    let machines = world::machines(cx, &cluster)?;
    let lock = vault.lock()?;
    let mut held = vault.read()?;
    let tokens = tokens::changed(&held.kept);
    // Nobody else restarts anything meanwhile.
    let _alone = if tokens.is_empty() {
        None
    } else {
        let state = world::open_to_plan(cx, &cluster.name, "secrets deliver")?;
        here::wait(tokens::begin(&cluster, &machines, &tokens))??;
        Some(state)
    };
    let mut first = Round::begin(&cluster, &vault, &held)?.carry_out(&machines)?;
    let restarts = here::wait(tokens::restart(&cluster, &machines, &tokens, &first.reached))?;
    let has_come = |secret: &Secret| match secret {
        Secret::DeployKey => first.failed.is_empty(),
        Secret::HostKey(machine) => first.reached.contains(machine),
        Secret::Token | Secret::AgentToken => first.failed.is_empty() && restarts.is_empty(),
    };
    let values = &held.kept.values;
    let changed: Vec<Secret> =
        values.iter().filter(|(_, value)| value.before.is_some()).map(|(secret, _)| secret.clone()).collect();
    let come: BTreeSet<Secret> = changed.into_iter().filter(has_come).collect();
    for secret in &come {
        held.kept.delivered(secret).map_err(|why| CliError::new(Exit::Failed, format!("{secret} {why}")))?;
    }
    let mut failed = std::mem::take(&mut first.failed);
    failed.extend(restarts);
    if !come.is_empty() {
        vault.write(&held.kept, &lock)?;
    }
    if come.contains(&Secret::DeployKey) {
        // Whoever has the key before it can log in until the machines know it no more.
        failed.extend(Round::begin(&cluster, &vault, &held)?.carry_out(&machines)?.failed);
    }
    drop(lock);
    told(cx, &vault, &first.reached, &come, &failed)
}

fn told(
    cx: &Cx<'_>,
    vault: &Vault,
    reached: &BTreeSet<MachineName>,
    come: &BTreeSet<Secret>,
    failed: &BTreeMap<MachineName, String>,
) -> Result<Exit, CliError> {
    match cx.out.format {
        Format::Json => cx.out.json(&json!({
            "version": 1, "file": vault.shown, "machines": reached, "forgotten": names(come), "failed": failed,
        })),
        Format::Text => {
            let reached: Vec<String> = reached.iter().map(ToString::to_string).collect();
            let mut text = String::new();
            if !reached.is_empty() {
                text.push_str(&format!("Delivered to {}.\n", sentence_list(&reached)));
            }
            if !come.is_empty() {
                text.push_str(&format!("What {} replaced is forgotten.\n", sentence_list(&names(come))));
            }
            cx.out.data(&text);
        }
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let said = failed.iter().map(|(machine, why)| format!("{machine}: {why}")).collect();
    Err(CliError::new(Exit::Failed, "not every machine has its keys")
        .said(said)
        .hint("What they replace is kept; `nix8s secrets deliver` goes on."))
}

/// Every machine's keys as they are now.
struct Round {
    machines: Vec<Given>,
}

/// How often a machine is asked for its new host key, and how long is waited in between: an sshd that starts anew takes a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// A machine and what it is given.
struct Given {
    machine: Machine,
    deliver: Command,
    /// Its new host key, if that has changed: what it has to show from then on.
    shows: Option<String>,
}

/// What became of a round.
struct Came {
    reached: BTreeSet<MachineName>,
    failed: BTreeMap<MachineName, String>,
}

impl Round {
    fn begin(cluster: &Cluster, vault: &Vault, held: &Held) -> Result<Self, CliError> {
        let kept = &held.all();
        let publics = vault.publics(kept)?;
        let mut machines = Vec::new();
        let tokens = tokens::changed(&held.kept);
        for machine in cluster.machines.values().filter(|machine| !machine.skip) {
            machines.push(given(cluster, machine, kept, &publics, &tokens)?);
        }
        Ok(Self { machines })
    }

    /// One after the other: what goes wrong on the first does not go wrong on all.
    fn carry_out(self, machines: &Machines) -> Result<Came, CliError> {
        here::wait(async {
            let mut came = Came { reached: BTreeSet::new(), failed: BTreeMap::new() };
            for given in &self.machines {
                let name = given.machine.name.clone();
                match deliver(machines, given).await {
                    Ok(()) => came.reached.insert(name),
                    Err(why) => came.failed.insert(name, why).is_some(),
                };
            }
            came
        })
    }
}

fn given(
    cluster: &Cluster,
    machine: &Machine,
    kept: &Kept,
    publics: &Publics,
    tokens: &BTreeMap<Secret, Value>,
) -> Result<Given, CliError> {
    let files = delivery::files(cluster, machine, kept, publics).map_err(|missing| {
        CliError::new(
            Exit::Failed,
            format!("{} needs the secret {missing}, which does not exist", machine.name),
        )
        .hint("`nix8s secrets generate` makes it.")
    })?;
    let is_changed = |path: &str| tokens.keys().any(|secret| path == format!("{SECRETS}/{secret}"));
    let changed =
        files.into_iter().filter(|(path, _)| !path.starts_with(SECRETS) || is_changed(path)).collect();
    let public = publics.get(&Secret::HostKey(machine.name.clone()));
    let shows = public.filter(|public| public.before.is_some()).map(|public| public.now.clone());
    Ok(Given { machine: machine.clone(), deliver: on_node::deliver(machine, &changed), shows })
}

async fn deliver(machines: &Machines, given: &Given) -> Result<(), String> {
    run_on(machines, &given.deliver).await?;
    let Some(key) = &given.shows else { return Ok(()) };
    // Sessions that are open stay open.
    let reload = ["systemctl", "try-reload-or-restart", "sshd.service"];
    run_on(machines, &Command::on(&given.machine, reload, SHORT)).await?;
    // Only if it shows the new key is the one before it forgotten.
    let mut machine = given.machine.clone();
    machine.ssh.host_key = Some(key.clone());
    let check = Command::on(&machine, ["true"], SHORT).over_new_connection();
    let mut last = run_on(machines, &check).await;
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        last = run_on(machines, &check).await;
    }
    last
}

async fn run_on(machines: &Machines, command: &Command) -> Result<(), String> {
    output_of(machines, command).await.map(drop)
}

/// What a command printed that must end with 0: its answer and its complaints.
pub(super) async fn output_of(machines: &Machines, command: &Command) -> Result<(String, String), String> {
    match tokio::time::timeout(command.timeout, machines.run(command)).await {
        Ok(Ok(output)) if output.status == 0 => Ok((output.stdout, output.stderr)),
        Ok(Ok(output)) => Err(format!("exit code {}: {}", output.status, output.stderr.trim())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}
