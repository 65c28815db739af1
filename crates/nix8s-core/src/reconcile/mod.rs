//! Compares what is wanted with what is observed.

use jiff::Timestamp;

use crate::model::Cluster;
use crate::model::Version;
use crate::observed::ApiSeen;
use crate::observed::Known;
use crate::observed::Observed;
use crate::permit::Permit;
use crate::plan::Plan;
use crate::plan::Step;

/// What to do now.
pub fn plan(cluster: &Cluster, seen: &Observed, now: Timestamp, permit: &Permit) -> Plan {
    let _ = (seen, permit);
    Plan { cluster: cluster.name.clone(), at: now, steps: Vec::new(), waits: Vec::new() }
}

/// What follows after `plan` until convergence, as far as can be foreseen: effects fed back into planning.
pub fn forecast(cluster: &Cluster, seen: &Observed, plan: &Plan, permit: &Permit) -> Vec<Step> {
    let _ = (cluster, seen, plan, permit);
    Vec::new()
}

/// The version to evaluate systems at: the configured one, or one minor step towards it.
pub fn next_version(cluster: &Cluster, api: &Known<ApiSeen>) -> Version {
    let _ = api;
    cluster.version.clone()
}
