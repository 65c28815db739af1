//! Stages of a machine's life: one table of moves, one way to tell the stage from what is known.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::Serialize;

use crate::model::MachineName;
use crate::plan::EffectKind;
use crate::plan::FailureClass;
use crate::plan::Plan;
use crate::reconcile::cx::Cx;
use crate::reconcile::cx::View;
use crate::reconcile::out::ATTEMPTS_MAX;
use crate::reconcile::row::Row;

/// Where in its life a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Configured, and never seen.
    Pending,
    /// It answers and runs something that is not ours.
    Discovered,
    /// It is being installed.
    Provisioning,
    /// It runs our system and is in no cluster.
    Provisioned,
    /// It is being let in.
    Joining,
    /// It is a Node that is not Ready.
    Joined,
    /// It is a Node that is Ready, or a machine outside Kubernetes that runs what it should.
    Ready,
    /// It is being brought to another system.
    Updating,
    /// Pods are leaving it because it leaves.
    Draining,
    /// Its membership is being taken apart.
    Deleting,
    /// It has left.
    Gone,
    /// Something failed for good.
    Error,
    /// It was ours and has not answered for long.
    Stale,
}

use Stage::*;

/// Which stage may follow which. `Error` may follow any and lead back to any; a machine that is erased or whose
/// membership somebody else took apart is where it then is.
pub const MOVES: &[(Stage, &[Stage])] = &[
    (Pending, &[Discovered, Provisioning, Provisioned, Deleting, Gone]),
    (Discovered, &[Pending, Provisioning, Provisioned, Deleting, Gone]),
    (Provisioning, &[Discovered, Pending, Provisioned, Stale, Deleting]),
    (Provisioned, &[Joining, Joined, Ready, Updating, Stale, Provisioning, Discovered, Deleting, Gone]),
    (Joining, &[Provisioned, Joined, Ready, Stale, Deleting, Discovered]),
    (Joined, &[Ready, Updating, Stale, Draining, Deleting, Provisioned, Joining, Discovered]),
    (Ready, &[Updating, Joined, Stale, Draining, Deleting, Provisioned, Joining, Discovered]),
    (Updating, &[Ready, Joined, Stale, Draining, Deleting, Provisioned, Discovered]),
    (Draining, &[Deleting, Gone, Ready, Joined, Stale, Provisioned, Updating]),
    (Deleting, &[Gone, Ready, Joined, Stale, Provisioned, Discovered, Joining, Pending]),
    (Gone, &[Pending, Discovered, Provisioned, Joining, Ready, Joined, Deleting]),
    (
        Stale,
        &[Ready, Joined, Provisioned, Updating, Joining, Draining, Deleting, Gone, Discovered, Provisioning],
    ),
];

impl Stage {
    /// Whether a machine may go from here to there.
    pub fn leads_to(self, next: Self) -> bool {
        let listed = MOVES.iter().find(|(from, _)| *from == self).is_some_and(|(_, to)| to.contains(&next));
        self == next || self == Error || next == Error || listed
    }

    /// How long a machine may be there before a report calls it stuck. `None`: for ever.
    pub fn limit(self) -> Option<Duration> {
        let minutes = match self {
            Ready | Gone | Discovered | Error => return None,
            Pending => 60,
            Provisioning => 45,
            Provisioned | Joining => 20,
            Joined => 15,
            Updating => 45,
            Draining => 20,
            Deleting => 30,
            Stale => 0,
        };
        Some(Duration::from_secs(minutes * 60))
    }

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Pending => "pending",
            Discovered => "discovered",
            Provisioning => "provisioning",
            Provisioned => "provisioned",
            Joining => "joining",
            Joined => "joined",
            Ready => "ready",
            Updating => "updating",
            Draining => "draining",
            Deleting => "deleting",
            Gone => "gone",
            Error => "error",
            Stale => "stale",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How long a machine of ours may be silent before it is called stale: longer than any reboot.
const STALE_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The stage of every machine that is configured or remembered.
pub fn stages<'a>(cx: &Cx<'a>, plan: &Plan) -> Vec<(&'a MachineName, Stage)> {
    let mut kinds: BTreeMap<&MachineName, Vec<EffectKind>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(name) = step.effect.machine() {
            kinds.entry(name).or_default().push(step.effect.kind());
        }
    }
    let none = Vec::new();
    cx.views.values().map(|v| (v.name, stage(cx, v, kinds.get(v.name).unwrap_or(&none)))).collect()
}

fn gave_up(cx: &Cx<'_>, view: &View<'_>) -> bool {
    let failures = view.past.failures.values();
    let script_failed = || crate::reconcile::script::has_failed(cx, view);
    failures.into_iter().any(|f| f.class == FailureClass::Permanent || f.count >= ATTEMPTS_MAX)
        || script_failed()
}

fn stage(cx: &Cx<'_>, view: &View<'_>, planned: &[EffectKind]) -> Stage {
    if gave_up(cx, view) {
        return Error;
    }
    match view.row {
        Row::Leave if view.node_seen().is_some() => Draining,
        Row::Leave => Deleting,
        Row::Away => Gone,
        Row::LeaveToErase => Draining,
        Row::Skip => view.node_seen().map_or(Pending, |n| if n.ready { Ready } else { Joined }),
        Row::WrongKey | Row::Silent => silent(cx, view),
        Row::NotThereYet => Pending,
        Row::Provision(_) if planned.contains(&EffectKind::Install) => Provisioning,
        Row::Provision(_) | Row::NeedsErase | Row::WrongSystem | Row::NotOurs | Row::Adopt => Discovered,
        Row::Unknown | Row::Orphan | Row::Join => {
            let joining = planned.contains(&EffectKind::Join) || planned.contains(&EffectKind::Init);
            if joining { Joining } else { Provisioned }
        }
        Row::NotReady if view.is_our_cordon() => Updating,
        Row::NotReady => Joined,
        Row::Update if cx.turns.granted.contains_key(view.name) || view.is_our_cordon() => Updating,
        Row::Update | Row::Same => Ready,
    }
}

fn silent(cx: &Cx<'_>, view: &View<'_>) -> Stage {
    let stale = view.past.silent_since.is_some_and(|since| cx.now >= since + STALE_AFTER);
    match (stale, view.node_seen()) {
        (true, _) if view.was_provisioned() => Stale,
        (_, Some(node)) if node.ready => Ready,
        (_, Some(_)) => Joined,
        (_, None) if view.was_provisioned() => Provisioned,
        (_, None) => Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Stage; 13] = [
        Pending,
        Discovered,
        Provisioning,
        Provisioned,
        Joining,
        Joined,
        Ready,
        Updating,
        Draining,
        Deleting,
        Gone,
        Error,
        Stale,
    ];

    #[test]
    fn the_design_s_path_of_life_is_in_the_table() {
        let path =
            [Pending, Discovered, Provisioning, Provisioned, Joining, Joined, Ready, Updating, Ready, Stale];
        for pair in path.windows(2) {
            assert!(pair[0].leads_to(pair[1]), "{pair:?}");
        }
        for pair in [Ready, Draining, Deleting, Gone].windows(2) {
            assert!(pair[0].leads_to(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn error_follows_any_stage_and_every_stage_has_a_row() {
        for stage in ALL {
            assert!(stage.leads_to(Error));
            assert!(stage == Error || MOVES.iter().any(|(from, _)| *from == stage), "{stage}");
        }
    }

    #[test]
    fn nobody_who_was_ready_is_pending_again_without_leaving() {
        for stage in [Ready, Joined, Updating, Stale, Provisioned] {
            assert!(!stage.leads_to(Pending), "{stage}");
        }
    }
}
