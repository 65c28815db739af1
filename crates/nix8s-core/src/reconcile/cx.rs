//! What every reconciler looks at: the cluster, what was observed of it, and what follows from both.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::row::Row;
use super::script::Barrier;
use super::turn::Turns;
use crate::model::Action;
use crate::model::Cluster;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::Parts;
use crate::model::Reboot;
use crate::model::Role;
use crate::model::Version;
use crate::observed::ApiSeen;
use crate::observed::Cordon;
use crate::observed::EtcdMember;
use crate::observed::Known;
use crate::observed::MachineSeen;
use crate::observed::NodeSeen;
use crate::observed::Observed;
use crate::observed::Os;
use crate::observed::Probe;
use crate::observed::Reach;
use crate::observed::System;
use crate::past::MachinePast;
use crate::permit::Permit;

/// Everything that planning one cluster needs, computed once.
pub struct Cx<'a> {
    /// What is wanted.
    pub cluster: &'a Cluster,
    /// What is known.
    pub seen: &'a Observed,
    /// What time it is.
    pub now: Timestamp,
    /// What the user allows.
    pub permit: &'a Permit,
    /// Whether this is about what may follow, not about now: turns are then given in order and not one by one.
    pub foresee: bool,
    /// The API server's word, if it said anything.
    pub api: Option<&'a ApiSeen>,
    /// Every machine that is configured or remembered.
    pub views: BTreeMap<&'a MachineName, View<'a>>,
    /// etcd as a healthy control plane sees it.
    pub etcd: Option<&'a [EtcdMember]>,
    /// Control planes among the Nodes: few, and asked for on behalf of every worker.
    control_planes: Vec<(&'a MachineName, &'a NodeSeen)>,
    /// Who may be interrupted now.
    pub turns: Turns<'a>,
    /// The phase that is not over because of a script of the user's.
    pub barrier: Option<Barrier<'a>>,
}

/// One machine: what is wanted of it and what is known of it.
pub struct View<'a> {
    /// Its name.
    pub name: &'a MachineName,
    /// What is wanted; `None`: it is no longer in the configuration.
    pub machine: Option<&'a Machine>,
    /// How it answered.
    pub reach: &'a Reach,
    /// What it said.
    pub probe: Option<&'a Probe>,
    /// Its Node object.
    pub node: Known<Option<&'a NodeSeen>>,
    /// What is remembered.
    pub past: &'a MachinePast,
    /// The system that it should run.
    pub wanted: Option<&'a System>,
    /// What a change to the wanted system needs; [`Class::Same`] when either is not known.
    pub class: Class,
    /// How it comes to its wanted system.
    pub action: Action,
    /// The row of the decision table that it matches.
    pub row: Row,
}

/// What a change of system needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing differs.
    Same,
    /// Units restart; pods stay.
    InPlace,
    /// Kernel, initrd, Kubernetes, disks or network differ: pods move first.
    Drain,
}

/// What a change from one system to another needs, by what differs.
pub fn class_of(running: &System, wanted: &System) -> Class {
    if running.path == wanted.path {
        return Class::Same;
    }
    let Parts { kernel, initrd, kubernetes, disks, network, rest: _ } = &running.parts;
    let w = &wanted.parts;
    let same = *kernel == w.kernel
        && *initrd == w.initrd
        && *kubernetes == w.kubernetes
        && *disks == w.disks
        && *network == w.network
        && running.version == wanted.version;
    if same { Class::InPlace } else { Class::Drain }
}

/// The parts that differ, for people.
pub fn differences(running: &System, wanted: &System) -> Vec<&'static str> {
    let (r, w) = (&running.parts, &wanted.parts);
    [
        ("Kubernetes", r.kubernetes != w.kubernetes || running.version != wanted.version),
        ("kernel", r.kernel != w.kernel),
        ("initrd", r.initrd != w.initrd),
        ("disks", r.disks != w.disks),
        ("network", r.network != w.network),
        ("packages and settings", r.rest != w.rest),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

static NEVER_SEEN: MachineSeen = MachineSeen { reach: Reach::Unknown, probe: None };
static NO_PAST: std::sync::LazyLock<MachinePast> = std::sync::LazyLock::new(MachinePast::default);

impl<'a> Cx<'a> {
    /// Looks at everything once.
    pub fn new(cluster: &'a Cluster, seen: &'a Observed, now: Timestamp, permit: &'a Permit) -> Self {
        Self::build(cluster, seen, now, permit, Foresee::No)
    }

    /// The same for what may follow.
    pub fn foreseeing(cluster: &'a Cluster, seen: &'a Observed, now: Timestamp, permit: &'a Permit) -> Self {
        Self::build(cluster, seen, now, permit, Foresee::Yes)
    }

    fn build(
        cluster: &'a Cluster,
        seen: &'a Observed,
        now: Timestamp,
        permit: &'a Permit,
        foresee: Foresee,
    ) -> Self {
        let api = seen.api.known();
        let nodes = api.into_iter().flat_map(|api| &api.nodes);
        let mut cx = Self {
            cluster,
            seen,
            now,
            permit,
            foresee: matches!(foresee, Foresee::Yes),
            api,
            views: BTreeMap::new(),
            etcd: None,
            control_planes: nodes.filter(|(_, node)| node.control_plane).collect(),
            turns: Turns::default(),
            barrier: None,
        };
        let configured = cluster.machines.values().map(|m| (&m.name, Some(&**m)));
        let remembered = seen.past.machines.iter().filter(|(name, past)| {
            !cluster.machines.contains_key(*name)
                && (past.joined.is_some() || past.provisioned.is_some() || past.delete)
        });
        for (name, machine) in configured.chain(remembered.map(|(name, _)| (name, None))) {
            let view = cx.view(name, machine);
            cx.views.insert(name, view);
        }
        cx.etcd = cx
            .views
            .values()
            .filter_map(|v| v.probe?.etcd.as_deref())
            .max_by_key(|members| (members.iter().filter(|m| m.healthy).count(), members.len()));
        cx.turns = super::turn::turns(&cx);
        cx.barrier = super::script::barrier(&cx);
        cx
    }

    fn view(&self, name: &'a MachineName, machine: Option<&'a Machine>) -> View<'a> {
        let seen = self.seen.machines.get(name).unwrap_or(&NEVER_SEEN);
        let node = match self.api {
            Some(api) => Known::Known(api.nodes.get(name)),
            None => Known::Unknown,
        };
        let wanted = self.seen.wanted.known().and_then(|systems| systems.get(name));
        let past = self.seen.past.machines.get(name).unwrap_or(&NO_PAST);
        let probe = seen.probe.as_ref();
        let action = self.action(machine, past);
        let mut view = View {
            name,
            machine,
            reach: &seen.reach,
            probe,
            node,
            past,
            wanted,
            class: Class::Same,
            action,
            row: Row::Same,
        };
        if let (Some(running), Some(wanted)) = (view.running(), wanted) {
            view.class = self.class(&view, running, wanted);
        }
        view.row = super::row::row(&view, self);
        view
    }

    /// How a machine comes to another system: as somebody asked, else as it is configured. Where every change ends with
    /// a restart, what a restart brings is brought by a switch.
    fn action(&self, machine: Option<&Machine>, past: &MachinePast) -> Action {
        let asked = past.rebuild_by.filter(|_| past.rebuild);
        let action = asked.or_else(|| machine.map(|m| m.action)).unwrap_or_default();
        if action == Action::Boot && self.cluster.upgrade.reboot == Reboot::Always {
            return Action::Switch;
        }
        action
    }

    /// What differs decides, except where the user asked for more: a rebuild, or a reboot after every switch; or for less.
    fn class(&self, view: &View<'_>, running: &System, wanted: &System) -> Class {
        if view.held().is_some() {
            return Class::Same;
        }
        // On the way to a version over several minor releases some are ahead of the step that is being made.
        let minor = |system: &System| system.version.as_ref().map(|v| v.minor);
        if let (Some(running), Some(wanted)) = (minor(running), minor(wanted))
            && (wanted + 1..=self.cluster.version.minor).contains(&running)
        {
            return Class::Same;
        }
        let boots = view.probe.and_then(|probe| probe.boots.as_ref());
        let asked = view.past.rebuild || boots.is_some_and(|boots| *boots != wanted.path && !view.is_armed());
        let class = class_of(running, wanted).max(if asked { Class::InPlace } else { Class::Same });
        let reboots = self.cluster.upgrade.reboot == Reboot::Always;
        match (class, view.action) {
            (Class::InPlace, Action::Switch) if reboots => Class::Drain,
            // Nothing is interrupted before the restart.
            (Class::Drain, Action::Boot) => Class::InPlace,
            (class, _) => class,
        }
    }

    /// Whether every machine is left alone, those that were removed and stay away too: there is no cluster to bring about
    /// then.
    pub fn is_left_alone(&self) -> bool {
        let is_skipped = |view: &View<'_>| view.machine.is_some_and(|machine| machine.skip);
        let alone = |view: &View<'_>| view.row == Row::Skip || (view.row == Row::Away && is_skipped(view));
        !self.views.is_empty() && self.views.values().all(alone)
    }

    /// A machine's view. Every step's subject has one.
    pub fn of(&self, name: &MachineName) -> Option<&View<'a>> {
        self.views.get(name)
    }

    /// The control plane that initialises the cluster, was or will be.
    pub fn first_server(&self) -> &'a MachineName {
        self.seen.past.first_server.as_ref().unwrap_or(&self.cluster.ha.first_server)
    }

    /// A healthy control plane to ask, other than `not`: Ready, answering, its kubelet active.
    pub fn via(&self, not: Option<&MachineName>) -> Option<&View<'a>> {
        let good = |v: &&View<'a>| {
            Some(v.name) != not
                && v.node_seen().is_some_and(|n| n.ready && n.control_plane)
                && v.probe.is_some_and(|p| p.kubelet)
                && v.row != Row::Leave
        };
        let first = self.first_server();
        self.views.get(first).filter(good).or_else(|| self.control_planes().find(good))
    }

    /// A control plane of ours that holds the cluster's data, and whose kubelet runs.
    pub fn holder(&self) -> Option<&View<'a>> {
        let holds = |v: &&View<'a>| {
            v.machine.is_some_and(|m| m.role == Role::ControlPlane)
                && v.probe.is_some_and(|p| p.datastore && p.kubelet)
                && v.is_provisioned(self.cluster)
        };
        self.views.get(self.first_server()).filter(holds).or_else(|| self.views.values().find(holds))
    }

    /// Machines that are control planes by their Nodes.
    fn control_planes(&self) -> impl Iterator<Item = &View<'a>> {
        self.control_planes.iter().filter_map(|(name, _)| self.views.get(*name))
    }

    /// Whether a machine is worked on at all (`--node`).
    pub fn is_named(&self, name: &MachineName) -> bool {
        self.permit.nodes.as_ref().is_none_or(|nodes| nodes.contains(name))
    }

    /// Whether a machine may be erased though there was something on it: the permit names it and is not used up.
    pub fn erase_scope(&self, name: &MachineName) -> Option<crate::permit::EraseScope> {
        let used = self.seen.past.installed.contains(name);
        self.permit.erase.get(name).copied().filter(|_| !used)
    }

    /// The lowest version among control planes: what their nodes report, or what they run where that is lower, because
    /// a node that is not Ready reports what it ran last.
    pub fn lowest_control_plane(&self) -> Option<&'a Version> {
        let reported = self.control_planes.iter().map(|(_, node)| &node.version);
        let run = self.control_planes().filter_map(|view| view.running()?.version.as_ref());
        reported.chain(run).min()
    }

    /// A control plane that may soon run an earlier system than it runs now, which nothing may be newer than by then:
    /// its system has not passed its gates or failed them and there is one to go back to, or it goes back by itself.
    pub fn control_plane_in_doubt(&self) -> Option<&'a MachineName> {
        let in_doubt = |v: &&View<'a>| {
            let back = v.past.good.as_ref().is_some_and(|good| {
                v.running().is_some_and(|r| r.path != *good)
                    && v.probe.is_some_and(|p| p.copied.contains(good))
            });
            // What one runs on which a system has failed, or whose switch nobody saw the end of, is not known while it is
            // silent: its Node says what was.
            let unseen = v.probe.is_none() && (!v.past.bad.is_empty() || v.past.updating.is_some());
            v.is_armed() || unseen || (back && self.cluster.upgrade.rollback)
        };
        self.control_planes().find(in_doubt).map(|v| v.name)
    }

    /// Whether this is the cluster's only control plane, and a k3s server whose data is a file: there is no etcd then, and
    /// nothing but this machine to lose. Whoever cannot be seen may have one.
    pub fn is_without_etcd(&self, view: &View<'a>) -> bool {
        let of_other = |other: &View<'a>| {
            let joined = other.past.joined.as_ref().is_some_and(|j| j.role == Role::ControlPlane);
            other.name != view.name && (joined || other.probe.is_some_and(|p| p.datastore))
        };
        self.etcd.is_none()
            && view.probe.is_some_and(|p| p.datastore && p.sqlite)
            && self.control_planes.iter().all(|(name, _)| *name == view.name)
            && !self.views.values().any(of_other)
    }

    /// The etcd member of a machine.
    pub fn member(&self, name: &MachineName) -> Option<&'a EtcdMember> {
        self.etcd?.iter().find(|m| m.name == name.as_str())
    }

    /// When a step of this kind may be tried again on this machine; `None`: now.
    pub fn retry_at(&self, last: Timestamp, count: u32, name: &str) -> Option<Timestamp> {
        let at = last + backoff(count, name);
        (at > self.now && !self.foresee).then_some(at)
    }
}

#[derive(Clone, Copy)]
enum Foresee {
    No,
    Yes,
}

/// How long to wait after the `count`th failure in a row: 5 s doubling to 5 min, spread by up to a fifth so that
/// machines that failed together do not come back together. The spread is by name, not by chance: the same input
/// gives the same plan.
pub fn backoff(count: u32, name: &str) -> Duration {
    let base = 5_000_u64.saturating_mul(1 << count.saturating_sub(1).min(10)).min(300_000);
    let spread = name.bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b))) % 21;
    Duration::from_millis(base + base * spread / 100)
}

impl<'a> View<'a> {
    /// Its Node object, if the API server showed one.
    pub fn node_seen(&self) -> Option<&'a NodeSeen> {
        self.node.known().copied().flatten()
    }

    /// Whether the API server says that there is no such Node.
    pub fn node_absent(&self) -> bool {
        matches!(self.node, Known::Known(None))
    }

    /// Whether nix8s ever installed or adopted it, as far as anybody remembers or its disk says.
    pub fn was_provisioned(&self) -> bool {
        self.past.provisioned.is_some() || self.past.joined.is_some()
    }

    /// Whether what answers is known to be other metal than was provisioned.
    pub fn is_other_metal(&self) -> bool {
        let known = self.past.provisioned.as_ref().and_then(|p| p.uuid.as_ref());
        known.is_some_and(|uuid| self.probe.is_some_and(|p| p.hardware.uuid != *uuid))
    }

    /// Whether its disk carries the identity mark of this very machine.
    pub fn has_our_mark(&self, cluster: &Cluster) -> bool {
        let mark = self.probe.and_then(|p| p.mark.as_ref());
        mark.is_some_and(|m| m.cluster == cluster.name.as_str() && m.machine == self.name.as_str())
    }

    /// Whether its disk carries the mark of an installation of this machine that was broken off before its first start:
    /// nothing has ever run from that disk, so it is installed again without leave.
    pub fn is_half_installed(&self, cluster: &Cluster) -> bool {
        let installer = self.probe.filter(|p| p.os == Os::Installer);
        let mark = installer.and_then(|p| p.mark.as_ref()).filter(|mark| !mark.booted);
        let begun = self.past.installing.as_ref();
        self.has_our_mark(cluster) && mark.is_some_and(|mark| begun == Some(&mark.installation))
    }

    /// Whether NixOS runs there, as this machine.
    pub fn is_provisioned(&self, cluster: &Cluster) -> bool {
        self.probe.is_some_and(|p| matches!(p.os, Os::NixOs { .. })) && self.has_our_mark(cluster)
    }

    /// The running system.
    pub fn running(&self) -> Option<&'a System> {
        self.probe?.running.as_ref()
    }

    /// Whether the wanted system was brought there until a restart only, or from one on.
    pub fn held(&self) -> Option<Action> {
        let held = self.past.held.as_ref()?;
        self.wanted.is_some_and(|wanted| wanted.path == held.system).then_some(held.action)
    }

    /// Whether it comes to its wanted system with its next restart.
    pub fn starts_later(&self) -> bool {
        let runs = self.running().map(|system| &system.path);
        self.held() == Some(Action::Boot) && runs != self.wanted.map(|wanted| &wanted.path)
    }

    /// Whether a switch that nobody confirmed is about to be undone by the machine itself.
    pub fn is_armed(&self) -> bool {
        self.probe.is_some_and(|p| p.armed)
    }

    /// Whether its wanted system failed its gates here.
    pub fn wanted_is_bad(&self) -> bool {
        self.wanted.is_some_and(|w| self.past.bad.contains_key(&w.path))
    }

    /// The role that it has in the cluster, which may differ from the configured one.
    pub fn role_now(&self) -> Option<Role> {
        let by_node =
            self.node_seen().map(|n| if n.control_plane { Role::ControlPlane } else { Role::Worker });
        by_node.or_else(|| self.past.joined.as_ref().map(|j| j.role))
    }

    /// Whether it is a member under another role than the configured one.
    pub fn changes_role(&self) -> bool {
        match (self.machine, self.node_seen()) {
            (Some(machine), Some(node)) => match machine.role {
                Role::ControlPlane => !node.control_plane,
                Role::Worker => node.control_plane,
                Role::None => true,
            },
            _ => false,
        }
    }

    /// Whether nix8s cordoned it.
    pub fn is_our_cordon(&self) -> bool {
        self.node_seen().is_some_and(|n| n.cordon == Cordon::Ours)
    }

    /// Whether pods cannot run there now: not Ready, or cordoned by anybody.
    pub fn is_down(&self) -> bool {
        self.node_seen().is_some_and(|n| !n.ready || n.cordon != Cordon::None)
    }
}
