//! kubeconfig: an admin kubeconfig that works from here.

use super::cx::Cx;
use super::out::Out;
use crate::observed::Known;
use crate::observed::KubeconfigSeen;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;

/// Plans fetching it when there is none, or it is for another cluster.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let reason = match cx.seen.kubeconfig {
        Known::Known(KubeconfigSeen::Missing) => "there is none here yet",
        Known::Known(KubeconfigSeen::Stale) => "the one that is here does not work any more",
        Known::Known(KubeconfigSeen::Works) => return,
        Known::Unknown => {
            if cx.via(None).is_some() {
                let text = "whether the kubeconfig that is here works could not be found out";
                out.wait(None, Cause::Unknown, text.to_owned());
            }
            return;
        }
    };
    // Without one nobody can ask the API server who is Ready, also where it is only the kubeconfig that is missing: whoever
    // holds the cluster's data has one then.
    let is_missing = matches!(cx.seen.kubeconfig, Known::Known(KubeconfigSeen::Missing));
    let via = cx.via(None).or_else(|| cx.holder().filter(|_| is_missing));
    if let Some(via) = via {
        out.step(Risk::None, Effect::FetchKubeconfig { via: via.name.clone() }, reason.to_owned());
    }
}
