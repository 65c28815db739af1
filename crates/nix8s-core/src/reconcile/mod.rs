//! Reconcilers: each compares one aspect of what is wanted with what is observed and plans steps for it.
//!
//! One row each: what it reads, what it writes, a pure function. One writer per kind of thing; the order in which
//! they run is derived from who reads what others write. A new reconciler is one file and one word in the list.

mod control_plane;
pub mod cx;
mod forecast;
mod heal;
mod kubeconfig;
mod machine;
mod membership_data;
mod metadata;
pub mod out;
mod platform;
mod removal;
pub mod row;
pub mod script;
mod secrets;
mod system;
mod text;
pub mod turn;
mod version;
mod worker;

use jiff::Timestamp;

use crate::model::Cluster;
use crate::observed::Observed;
use crate::permit::Permit;
use crate::plan::Plan;

use cx::Cx;
pub use forecast::forecast;
use out::Out;
pub use text::age;
pub use version::next_version;

/// Kinds of things in the world that reconcilers read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it says")]
pub enum Kind {
    Secrets,
    Machines,
    MembershipData,
    ControlPlane,
    Workers,
    Members,
    Metadata,
    Systems,
    Versions,
    Kubeconfig,
    Platforms,
    Scripts,
}

/// A reconciler.
pub struct Reconciler {
    /// Its name in steps and reports.
    pub name: &'static str,
    /// What it does, for people.
    pub does: &'static str,
    /// What it reads besides the fleet.
    pub reads: &'static [Kind],
    /// What it alone writes.
    pub writes: Kind,
    plan: fn(&Cx<'_>, &mut Out<'_, '_>),
}

/// Every reconciler, in an order in which each comes after the writers of what it reads.
pub const RECONCILERS: &[Reconciler] = &[
    Reconciler {
        name: "secrets",
        does: "tokens, the deploy key and host keys exist",
        reads: &[],
        writes: Kind::Secrets,
        plan: secrets::plan,
    },
    Reconciler {
        name: "machine",
        does: "installs missing machines through their provisioner",
        reads: &[Kind::Secrets],
        writes: Kind::Machines,
        plan: machine::plan,
    },
    Reconciler {
        name: "membership-data",
        does: "hosts, proxy backends, VRRP peers and the join address on the machines",
        reads: &[Kind::Machines],
        writes: Kind::MembershipData,
        plan: membership_data::plan,
    },
    Reconciler {
        name: "removal",
        does: "cordon, drain, leave etcd, clean, delete the node",
        reads: &[Kind::Machines],
        writes: Kind::Members,
        plan: removal::plan,
    },
    Reconciler {
        name: "control-plane",
        does: "initialises once, joins further control planes one at a time",
        reads: &[Kind::Machines, Kind::MembershipData, Kind::Secrets, Kind::Members],
        writes: Kind::ControlPlane,
        plan: control_plane::plan,
    },
    Reconciler {
        name: "worker",
        does: "joins workers in parallel",
        reads: &[Kind::Machines, Kind::MembershipData, Kind::ControlPlane],
        writes: Kind::Workers,
        plan: worker::plan,
    },
    Reconciler {
        name: "version",
        does: "Kubernetes version changes, one minor at a time",
        reads: &[Kind::ControlPlane, Kind::Workers],
        writes: Kind::Versions,
        plan: version::plan,
    },
    Reconciler {
        name: "system",
        does: "brings changed machines to their new system, rolling",
        reads: &[Kind::Versions, Kind::Workers],
        writes: Kind::Systems,
        plan: system::plan,
    },
    Reconciler {
        name: "metadata",
        does: "labels, taints and annotations on Node objects",
        reads: &[Kind::Workers],
        writes: Kind::Metadata,
        plan: metadata::plan,
    },
    Reconciler {
        name: "kubeconfig",
        does: "an admin kubeconfig that works from here",
        reads: &[Kind::ControlPlane],
        writes: Kind::Kubeconfig,
        plan: kubeconfig::plan,
    },
    Reconciler {
        name: "platform",
        does: "one platform release, live compared with wanted",
        reads: &[Kind::Workers],
        writes: Kind::Platforms,
        plan: platform::plan,
    },
    Reconciler {
        name: "script",
        does: "scripts of phases and hooks, once each",
        reads: &[
            Kind::Secrets,
            Kind::Machines,
            Kind::Workers,
            Kind::Members,
            Kind::Systems,
            Kind::Versions,
            Kind::Metadata,
            Kind::Kubeconfig,
            Kind::Platforms,
        ],
        writes: Kind::Scripts,
        plan: script::plan,
    },
];

/// What to do now.
pub fn plan(cluster: &Cluster, seen: &Observed, now: Timestamp, permit: &Permit) -> Plan {
    plan_in(&Cx::new(cluster, seen, now, permit))
}

fn plan_in(cx: &Cx<'_>) -> Plan {
    let mut out = Out::new(cx);
    for reconciler in RECONCILERS {
        out.by(reconciler.name);
        (reconciler.plan)(cx, &mut out);
    }
    let (steps, waits) = out.into_parts();
    Plan { cluster: cx.cluster.name.clone(), at: cx.now, steps, waits }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_one_writer() {
        let writers: BTreeSet<Kind> = RECONCILERS.iter().map(|r| r.writes).collect();
        assert_eq!(writers.len(), RECONCILERS.len());
    }

    #[test]
    fn each_comes_after_the_writers_of_what_it_reads() {
        let mut written = BTreeSet::new();
        for reconciler in RECONCILERS {
            for kind in reconciler.reads {
                assert!(written.contains(kind), "{} reads {kind:?} before it is written", reconciler.name);
            }
            written.insert(reconciler.writes);
        }
    }
}
