//! The user's leave, from flags and policy.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use clap_complete::engine::ArgValueCandidates;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::model::Policy;
use nix8s_core::past::Past;
use nix8s_core::permit::EraseScope;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;

use crate::commands::complete;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;

/// Flags that give leave.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "What may happen")]
pub struct PermitArgs {
    /// Work on this machine only; may be repeated. Naming a machine also allows its change of role
    #[arg(long = "node", value_name = "NODE", add = ArgValueCandidates::new(complete::machines))]
    nodes: Vec<String>,
    /// Machines that may be erased: NODE (system and etcd disks), NODE:foreign (whatever is on them), NODE:all (data
    /// disks too), or all-new (every machine that was never installed); may be repeated
    #[arg(long, value_name = "WHAT", add = ArgValueCandidates::new(complete::erasable))]
    erase: Vec<String>,
    /// How many machines may be interrupted or removed [default: policy.maxAffected]
    #[arg(long, value_name = "N")]
    max_affected: Option<u32>,
}

impl PermitArgs {
    /// Whether a machine may be erased by these flags.
    fn erases(&self) -> bool {
        !self.erase.is_empty()
    }

    /// Whether these flags name machines, which stand in one cluster.
    pub fn names_machines(&self) -> bool {
        !self.nodes.is_empty() || self.erase.iter().any(|what| what != "all-new")
    }

    /// These flags as they are typed, each after a blank.
    pub fn typed(&self) -> String {
        let Self { nodes, erase, max_affected } = self;
        let nodes = nodes.iter().map(|node| format!(" --node {node}"));
        let erase = erase.iter().map(|what| format!(" --erase {what}"));
        nodes.chain(erase).chain(max_affected.map(|n| format!(" --max-affected {n}"))).collect()
    }

    /// The leave that these flags give, and what was asked before: `node reinstall` names a machine that may be erased.
    /// The past also knows machines that have left the configuration.
    pub fn permit(&self, cluster: &Cluster, past: &Past, denied: BTreeSet<Risk>) -> Result<Permit, CliError> {
        let Self { nodes, erase, max_affected } = self;
        let known = &past.machines.keys().cloned().collect();
        let mut permit = Permit {
            erase: BTreeMap::new(),
            erase_all_new: false,
            nodes: None,
            phase: None,
            max_affected: *max_affected,
            denied,
        };
        for node in nodes {
            permit.nodes.get_or_insert_default().insert(machine(cluster, known, node)?);
        }
        for what in erase {
            if what == "all-new" {
                permit.erase_all_new = true;
                continue;
            }
            let (node, scope) = match what.split_once(':') {
                None => (what.as_str(), EraseScope::System),
                Some((node, "foreign")) => (node, EraseScope::Foreign),
                Some((node, "all")) => (node, EraseScope::All),
                Some((node, other)) => {
                    let message = format!("--erase {what}: {other:?} is neither `foreign` nor `all`");
                    let error = CliError::new(Exit::Usage, message);
                    let known = ["foreign".to_owned(), "all".to_owned()];
                    return Err(match project::nearest(other, &known) {
                        Some(near) => error.hint(format!("Did you mean {node}:{near}?")),
                        None => error,
                    });
                }
            };
            permit.erase.insert(machine(cluster, known, node)?, scope);
        }
        for (name, scope) in asked(past).filter(|(name, _)| cluster.machines.contains_key(*name)) {
            permit.erase.entry(name.clone()).or_insert(scope);
        }
        Ok(permit)
    }
}

/// Machines that `node reinstall` named, and how much of each may be erased.
pub fn asked(past: &Past) -> impl Iterator<Item = (&MachineName, EraseScope)> {
    past.machines.iter().filter_map(|(name, past)| Some((name, past.reinstall?)))
}

/// What policy does not allow where no person is asked. Naming a machine, by `--erase` or by `node reinstall`, is the
/// word that erasing it needs.
pub fn denied(policy: Policy, flags: &PermitArgs, past: &Past) -> BTreeSet<Risk> {
    let named = flags.erases() || asked(past).next().is_some();
    let allowed = [
        (Risk::Interrupts, policy.interrupt),
        (Risk::Removes, policy.remove),
        (Risk::Erases, policy.erase || named),
    ];
    allowed.into_iter().filter(|(_, allowed)| !allowed).map(|(risk, _)| risk).collect()
}

/// The machine that a user means by its name, or by its member's.
pub fn machine(
    cluster: &Cluster,
    known: &BTreeSet<MachineName>,
    name: &str,
) -> Result<MachineName, CliError> {
    let by_name = cluster.machines.keys().chain(known).find(|machine| machine.as_str() == name);
    let by_member =
        || cluster.machines.values().find(|machine| machine.member.as_str() == name).map(|m| &m.name);
    by_name.or_else(by_member).cloned().ok_or_else(|| {
        let names = cluster.machines.keys().chain(known).map(ToString::to_string);
        let members = cluster.machines.values().map(|machine| machine.member.to_string());
        project::unknown("machine", name, names.chain(members).collect::<BTreeSet<_>>().into_iter().collect())
    })
}
