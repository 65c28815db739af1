//! secrets: tokens, the deploy key and every machine's host key exist before they are needed.

use std::collections::BTreeSet;

use super::cx::Cx;
use super::out::Out;
use crate::observed::Secret;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::secret::wanted;

/// Plans making those that are missing.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    if cx.is_left_alone() {
        return;
    }
    let Some(existing) = cx.seen.secrets.known() else {
        out.wait(None, Cause::Unknown, "which secrets exist could not be read".to_owned());
        return;
    };
    let missing: BTreeSet<Secret> = wanted(cx.cluster).difference(existing).cloned().collect();
    if !missing.is_empty() {
        let count = missing.len();
        let verb = if count == 1 { "does" } else { "do" };
        let reason = format!("{count} of the cluster's secrets {verb} not exist yet");
        out.step(Risk::None, Effect::GenerateSecrets { missing }, reason);
    }
}
