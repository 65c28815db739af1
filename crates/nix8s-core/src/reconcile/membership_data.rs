//! membership-data: hosts, proxy backends, VRRP peers and the join address, on the machines and in no system.

use super::cx::Cx;
use super::out::Out;
use super::row::Row;
use crate::permit::Risk;
use crate::plan::Effect;

/// Plans writing membership data where it differs.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let mut wanted = None;
    for view in cx.views.values() {
        let keeps = matches!(
            view.row,
            Row::Orphan | Row::Join | Row::NotReady | Row::Update | Row::Same | Row::Unknown
        );
        let Some(probe) = view.probe.filter(|_| keeps && view.is_provisioned(cx.cluster)) else { continue };
        if !cx.is_named(view.name) {
            continue;
        }
        let digest = wanted.get_or_insert_with(|| crate::membership::render(cx.cluster).digest);
        if probe.membership.as_ref() != Some(digest) {
            let effect = Effect::WriteMembership { machine: view.name.clone(), digest: digest.clone() };
            let reason =
                if probe.membership.is_none() { "it has none yet" } else { "the cluster's members changed" };
            out.step(Risk::None, effect, reason.to_owned());
        }
    }
}
