//! What a check asks of the whole cluster or the whole plan, found once and not for every step.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::Cluster;
use crate::model::MachineName;
use crate::observed::EtcdMember;
use crate::observed::Observed;
use crate::plan::Effect;
use crate::plan::EffectKind;

/// Machines of which the plan drains, cleans or removes something that runs.
pub(super) fn goes_down<'a>(
    by_machine: &BTreeMap<&'a MachineName, Vec<&'a Effect>>,
) -> BTreeSet<&'a MachineName> {
    let takes = |e: &&Effect| {
        matches!(
            e.kind(),
            EffectKind::Cordon | EffectKind::Drain | EffectKind::UpgradeComponents | EffectKind::LeaveEtcd
        ) || matches!(e, Effect::Clean { orphan: false, .. })
    };
    by_machine.iter().filter(|(_, effects)| effects.iter().any(takes)).map(|(name, _)| *name).collect()
}

/// etcd as a healthy control plane sees it.
pub(super) fn etcd(seen: &Observed) -> Option<&[EtcdMember]> {
    let answers = seen.machines.values().filter_map(|m| m.probe.as_ref()?.etcd.as_deref());
    answers.max_by_key(|members| (members.iter().filter(|m| m.healthy).count(), members.len()))
}

/// Machines on which the systems that are wanted now failed.
pub(super) fn failed(cluster: &Cluster, seen: &Observed) -> u32 {
    let Some(wanted) = seen.wanted.known() else { return 0 };
    let failed = seen.past.machines.iter().filter(|(name, past)| {
        cluster.machines.contains_key(*name)
            && !past.delete
            && !past.removed
            && wanted.get(*name).is_some_and(|w| past.bad.contains_key(&w.path))
    });
    failed.count() as u32
}
