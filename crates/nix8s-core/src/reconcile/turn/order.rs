//! Which changes come before which (rule 8).

use super::Candidate;
use super::Cx;
use super::Kind;
use super::Refusal;
use super::changes_version;
use crate::model::MachineName;
use crate::model::Role;
use crate::model::Version;
use crate::plan::Cause;
use crate::plan::rule::Rule;
use crate::plan::rule::holds;

/// Which changes come before which.
pub(super) struct Order<'a> {
    /// Lowest version among control planes; workers' may not exceed it.
    lowest_control_plane: Option<&'a Version>,
    /// A control plane still waits for its version.
    control_plane_version: Option<&'a MachineName>,
    /// A control plane that may go back to an earlier version.
    control_plane_in_doubt: Option<&'a MachineName>,
    /// A worker that could be updated within its version, now or when it has undone a switch.
    worker_system: Option<&'a MachineName>,
    /// A control plane that could be updated within its version, other than the first server if there is one.
    control_plane_system: Option<&'a MachineName>,
    /// The first server, where it carries the cluster's configuration to a new version before the others follow.
    first_version: Option<&'a MachineName>,
}

impl<'a> Order<'a> {
    pub(super) fn of(cx: &Cx<'a>, candidates: &[Candidate<'_, 'a>]) -> Self {
        let able =
            |c: &&Candidate<'_, 'a>| !c.view.wanted_is_bad() && crate::reconcile::out::is_able(cx, c.view);
        let first = cx.first_server();
        let system = |control_plane: bool| {
            let wanted = |c: &&Candidate<'_, 'a>| {
                matches!(c.kind, Kind::System(_)) && c.control_plane == control_plane && able(c)
            };
            let mut all = candidates.iter().filter(wanted).map(|c| c.view.name);
            all.clone().find(|name| *name != first).or_else(|| all.next())
        };
        let carries = crate::distribution::of(cx.cluster.distribution).upgrades_components;
        let first_version =
            |c: &&Candidate<'_, 'a>| c.view.name == first && c.kind == Kind::Version && able(c);
        // One that goes back by itself is no candidate before it has, and is to be updated then: what it runs now
        // says nothing.
        let armed = || {
            cx.views.values().find(|v| {
                let worker =
                    v.machine.is_some_and(|m| m.role == Role::Worker && !m.skip) && cx.is_named(v.name);
                worker && v.is_armed() && !v.wanted_is_bad()
            })
        };
        Self {
            lowest_control_plane: cx.lowest_control_plane(),
            control_plane_in_doubt: cx.control_plane_in_doubt(),
            control_plane_version: cx
                .views
                .values()
                .find(|v| {
                    v.machine.is_some_and(|m| m.role == Role::ControlPlane && !m.skip) && changes_version(v)
                })
                .map(|v| v.name),
            worker_system: system(false).or_else(|| armed().map(|v| v.name)),
            control_plane_system: system(true),
            first_version: candidates.iter().filter(|_| carries).find(first_version).map(|c| c.view.name),
        }
    }

    pub(super) fn rank(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> u8 {
        let first = c.view.name == cx.first_server();
        match (c.kind, c.control_plane) {
            (Kind::Leave, _) => 0,
            (Kind::Version, true) if first => 1,
            (Kind::Version, true) => 2,
            (Kind::Version, false) => 3,
            (Kind::System(_), false) => 4,
            (Kind::System(_), true) if first => 6,
            (Kind::System(_), true) => 5,
        }
    }

    pub(super) fn refusal(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        if !holds(Rule::Order) || cx.foresee {
            return self.refusal_by_version(cx, c);
        }
        let earlier = |who: &MachineName, what: &str| {
            Some((Cause::Earlier, format!("{} comes after {who}: {what}", c.view.name), None))
        };
        match (c.kind, c.control_plane) {
            (Kind::Leave, _) => None,
            (Kind::Version, true) => match self.first_version {
                Some(first) if first != c.view.name && !c.begun => {
                    earlier(first, "it carries the cluster's configuration to the new version")
                }
                _ => None,
            },
            (Kind::Version, false) => match self.control_plane_version {
                Some(who) => earlier(who, "new versions go to control planes first"),
                None => self.refusal_by_version(cx, c),
            },
            (Kind::System(_), _) if c.begun => None,
            (Kind::System(_), true) => {
                let workers = self.worker_system.filter(|_| !cx.cluster.upgrade.control_planes_first);
                let is_first = c.view.name == cx.first_server();
                let others = self.control_plane_system.filter(|who| is_first && *who != c.view.name);
                match (workers, others) {
                    (Some(who), _) => earlier(who, "changes go to workers first"),
                    (None, Some(who)) => earlier(who, "the first server comes last"),
                    (None, None) => None,
                }
            }
            (Kind::System(_), false) if cx.cluster.upgrade.control_planes_first => {
                self.control_plane_system.and_then(|who| earlier(who, "changes go to control planes first"))
            }
            (Kind::System(_), _) => None,
        }
    }

    fn refusal_by_version(&self, cx: &Cx<'_>, c: &Candidate<'_, '_>) -> Option<Refusal> {
        if !holds(Rule::Order) || c.kind != Kind::Version || c.control_plane {
            return None;
        }
        let name = c.view.name;
        if let Some(who) = self.control_plane_in_doubt.filter(|_| !cx.foresee) {
            let text = format!(
                "{name} waits until it is certain which version {who} keeps: its system has not passed its gates"
            );
            return Some((Cause::Earlier, text, None));
        }
        let wanted = c.view.wanted.and_then(|w| w.version.as_ref())?;
        let lowest = self.lowest_control_plane.filter(|lowest| wanted > *lowest)?;
        let text = format!("{name} would be newer ({wanted}) than a control plane ({lowest})");
        Some((Cause::Earlier, text, None))
    }
}
