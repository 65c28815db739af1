//! Tokens of k3s on their way to machines: changed where k3s keeps them, and read by a k3s that starts again, one machine after the
//! other.
//!
//! The order is that of `follow`: while the datastore has the new server token and a server's file the one before it, that server
//! works and could not start again. So nothing begins unless every control plane is well, and files are written at once.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::observed::Probe;
use nix8s_core::observed::Secret;
use nix8s_core::observed::needs_vote_of;
use nix8s_core::observed::votes;
use nix8s_core::secret::Kept;
use nix8s_core::secret::Value;
use nix8s_core::secret::delivery;
use nix8s_core::tool::k3s;
use nix8s_core::tool::on_node;
use nix8s_engine::real::Machines;

use super::deliver::output_of;
use crate::error::CliError;
use crate::error::Exit;

/// How often a machine is looked at after its k3s was restarted, and how long is waited in between: five minutes, as for a restart
/// that heals.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_secs(3);

/// Those that have a new value, which some machines may not have yet.
pub(super) fn changed(kept: &Kept) -> BTreeMap<Secret, Value> {
    let is_changed = |secret: &Secret, value: &Value| {
        matches!(secret, Secret::Token | Secret::AgentToken) && value.before.is_some()
    };
    let all = kept.values.iter().filter(|(secret, value)| is_changed(secret, value));
    all.map(|(secret, value)| (secret.clone(), value.clone())).collect()
}

/// Makes sure that control planes can be restarted one after the other, and changes the server token in the datastore, if that is
/// the one which is changed.
pub(super) async fn begin(
    cluster: &Cluster,
    machines: &Machines,
    changed: &BTreeMap<Secret, Value>,
) -> Result<(), CliError> {
    let refused = |text: String| {
        CliError::new(Exit::Failed, text)
            .hint("Nothing was changed. Tokens are delivered when every control plane is well: `nix8s doctor` says more.")
    };
    let mut holder = None;
    for machine in cluster.control_planes().filter(|machine| !machine.skip) {
        let probe = probe(machines, machine).await;
        let probe =
            probe.map_err(|why| refused(format!("{} could not be looked at: {why}", machine.name)))?;
        if !probe.datastore {
            continue;
        }
        let well =
            probe.sqlite || probe.etcd.as_ref().is_some_and(|members| members.iter().all(|m| m.healthy));
        if !well {
            return Err(refused(format!("{} does not see every member of etcd healthy", machine.name)));
        }
        holder.get_or_insert(machine);
    }
    // Without one there is no cluster yet: its machines get the new values when they are installed.
    let (Some(holder), Some(token)) = (holder, changed.get(&Secret::Token)) else { return Ok(()) };
    let Some(before) = &token.before else { return Ok(()) };
    let failed = |why: String| {
        let text = format!("the server token could not be changed on {}: {why}", holder.name);
        CliError::new(Exit::Failed, text)
            .hint("The token before counts as it did; `nix8s secrets deliver` goes on.")
    };
    let asked = output_of(machines, &k3s::rotate_token(holder, before, &token.text)).await;
    match asked.map_err(failed)? {
        (code, _) if code == "200" => Ok(()),
        (code, _) if code == "401" || code == "403" => {
            let accepted =
                output_of(machines, &k3s::accepts_token(holder, &token.text)).await.map_err(failed)?.0;
            // Broken off after it had been changed.
            let is_changed = accepted == "200";
            is_changed
                .then_some(())
                .ok_or_else(|| failed("k3s takes neither it nor the one before it".to_owned()))
        }
        (code, _) if code == "404" => Err(failed("k3s can do that from 1.28 on".to_owned())),
        (code, said) => Err(failed(format!("k3s answered {code}: {}", said.trim()))),
    }
}

/// Restarts k3s where it began before the new tokens were written: control planes first, one after the other, and none after one that
/// did not come back.
pub(super) async fn restart(
    cluster: &Cluster,
    machines: &Machines,
    changed: &BTreeMap<Secret, Value>,
    reached: &BTreeSet<MachineName>,
) -> BTreeMap<MachineName, String> {
    let has = |machine: &Machine| changed.keys().any(|secret| delivery::has(cluster, machine, secret));
    let all = cluster.machines.values().filter(|machine| reached.contains(&machine.name) && has(machine));
    let mut all: Vec<&Machine> = all.map(AsRef::as_ref).collect();
    all.sort_by_key(|machine| machine.role != Role::ControlPlane);
    for machine in all {
        if let Err(why) = restarted(machines, machine).await {
            return BTreeMap::from([(machine.name.clone(), why)]);
        }
    }
    BTreeMap::new()
}

async fn restarted(machines: &Machines, machine: &Machine) -> Result<(), String> {
    let older = output_of(machines, &k3s::reads_older_tokens(machine)).await?.0;
    if older.trim() != "yes" {
        return Ok(());
    }
    let members = probe(machines, machine).await?.etcd.unwrap_or_default();
    if members.len() >= 3 && needs_vote_of(&members, &machine.name) {
        return Err("it has the new token and was not restarted: its vote in etcd is needed".to_owned());
    }
    output_of(machines, &k3s::restart(machine)).await?;
    let mut last = String::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        match probe(machines, machine).await {
            Ok(probe) if is_back(&probe, &machine.name) => return Ok(()),
            Ok(_) => "k3s does not work yet".clone_into(&mut last),
            Err(why) => last = why,
        }
    }
    Err(format!("k3s was restarted and did not come back: {last}"))
}

fn is_back(probe: &Probe, name: &MachineName) -> bool {
    let votes = || probe.etcd.as_ref().is_some_and(|members| votes(members, name));
    probe.kubelet && (!probe.datastore || probe.sqlite || votes())
}

async fn probe(machines: &Machines, machine: &Machine) -> Result<Probe, String> {
    let (stdout, _) = output_of(machines, &on_node::probe(machine)).await?;
    on_node::probed(&stdout).map_err(|error| error.to_string())
}
