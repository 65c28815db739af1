//! Looks at the world once: every machine, the API server, systems, secrets, and what changed since the last look.

mod changes;
pub(crate) mod machine;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::future::join3;
use futures_util::stream;
use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::model::Version;
use nix8s_core::observed::ApiSeen;
use nix8s_core::observed::Known;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::Observed;
use nix8s_core::observed::System;
use nix8s_core::past::Past;
use nix8s_core::reconcile::next_version;
use nix8s_core::tool::nix;
use nix8s_core::tool::secrets;

use crate::journal::Journal;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::world::REQUEST;
use crate::world::World;

/// Looks at everything, records what changed, and returns what is known with the past that includes the changes.
///
/// # Errors
/// When the changes could not be recorded. What could not be learnt is no error: it is unknown.
pub async fn observe(world: &World, journal: &mut Journal, hear: &mut dyn Observer) -> io::Result<Observed> {
    let (mut seen, warnings) = look(world, journal.past()).await;
    for text in warnings {
        hear.hear(&Progress::Warning { text });
    }
    let changes: Vec<What> = changes::changes(world, &seen);
    if !changes.is_empty() {
        journal.record(changes)?;
        seen.past = journal.past().clone();
    }
    Ok(seen)
}

/// Looks at everything and records nothing, for commands that only read; with warnings for people.
pub async fn look(world: &World, past: &Past) -> (Observed, Vec<String>) {
    let at = world.ports.clock.now();
    let cluster = &world.cluster;
    if looked_at(cluster, past).is_empty() && !cluster.machines.is_empty() {
        return (unasked(world, past, at), Vec::new());
    }
    let ((machines, (api, (wanted_version, wanted))), (secrets, kubeconfig, warnings)) = join(
        join(machines(world, past), api_and_systems(world)),
        join3(
            asked(world, secrets::check(&cluster.name), secrets::checked),
            asked(world, secrets::check_kubeconfig(&cluster.name), secrets::kubeconfig_checked),
            async { Vec::<String>::new() },
        ),
    )
    .await;
    let mut warnings = warnings;
    let wanted = note(wanted, &mut warnings);
    let secrets = note(secrets, &mut warnings);
    let kubeconfig = note(kubeconfig, &mut warnings);
    let seen =
        Observed { at, machines, api, wanted, wanted_version, secrets, kubeconfig, past: past.clone() };
    (seen, warnings)
}

/// Of a cluster whose machines are all left alone nothing is asked, and nothing is known.
fn unasked(world: &World, past: &Past, at: Timestamp) -> Observed {
    Observed {
        at,
        machines: BTreeMap::new(),
        api: Known::Unknown,
        wanted: Known::Unknown,
        wanted_version: world.cluster.version.clone(),
        secrets: Known::Unknown,
        kubeconfig: Known::Unknown,
        past: past.clone(),
    }
}

/// Every machine that is worth a look: configured and not `skip`ped, or once provisioned or joined and
/// not forgotten.
pub fn looked_at<'a>(cluster: &'a Cluster, past: &'a Past) -> BTreeSet<&'a MachineName> {
    let machines = &cluster.machines;
    let known = past.machines.iter().filter(|(name, past)| {
        !machines.contains_key(*name) && (past.provisioned.is_some() || past.joined.is_some() || past.delete)
    });
    let leaves = |name| past.machines.get(name).is_some_and(|past| past.delete);
    let configured = machines.values().map(|m| &m.name).filter(|name| !machines[*name].skip || leaves(name));
    configured.chain(known.map(|(name, _)| name)).collect()
}

async fn machines(world: &World, past: &Past) -> BTreeMap<MachineName, MachineSeen> {
    let names = looked_at(&world.cluster, past);
    let at_once = world.cluster.concurrency().observe.max(1);
    stream::iter(names)
        .map(|name| async move { (name.clone(), machine::look(world, name).await) })
        .buffer_unordered(at_once)
        .collect::<BTreeMap<_, _>>()
        .await
}

type Systems = BTreeMap<MachineName, System>;

async fn api_and_systems(world: &World) -> (Known<ApiSeen>, (Version, Result<Systems, String>)) {
    let api = match world.kube(REQUEST, world.ports.kube.look()).await {
        Ok(api) => Known::Known(api),
        Err(_) => Known::Unknown,
    };
    let version = next_version(&world.cluster, &api);
    let command = nix::evaluate(&world.flake, &world.cluster, &version);
    let systems = match world.exec(&command).await {
        Ok(output) if output.status == 0 => nix::evaluated(&output.stdout).map_err(|e| e.to_string()),
        Ok(output) => Err(format!("the systems could not be evaluated: {}", nix::error(&output.stderr))),
        Err(error) => Err(format!("nix eval: {error}")),
    };
    (api, (version, systems))
}

/// Runs a command that answers a question, and reads the answer; the error is a warning for people.
async fn asked<T, E: std::fmt::Display>(
    world: &World,
    command: nix8s_core::tool::Command,
    read: fn(&str) -> Result<T, E>,
) -> Result<T, String> {
    let name = command.argv.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
    match world.exec(&command).await {
        Ok(output) if output.status == 0 => read(&output.stdout).map_err(|e| e.to_string()),
        Ok(output) => {
            Err(format!("{name} failed with exit code {}: {}", output.status, output.stderr.trim()))
        }
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn note<T>(result: Result<T, String>, warnings: &mut Vec<String>) -> Known<T> {
    match result {
        Ok(fact) => Known::Known(fact),
        Err(text) => {
            warnings.push(text);
            Known::Unknown
        }
    }
}
