//! A cluster as a whole: control planes, high availability, secrets, settings without effect.

use super::super::code;
use super::super::fleet::late::is_asked_for;
use super::super::fleet::machine::Member;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::resolve::suggest;
use super::super::tree::Entry;
use super::super::tree::Span;
use super::super::tree::Tree;
use crate::model::Action;
use crate::model::ClusterNetwork;
use crate::model::Distribution;
use crate::model::Ha;
use crate::model::HaMode;
use crate::model::Role;

/// A cluster that is being checked.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'d> {
    /// What stands under its name.
    pub tree: &'d Tree,
    /// Its key.
    pub entry: &'d Entry,
    /// Where it stands.
    pub path: &'d Path<'d>,
    /// What runs Kubernetes.
    pub distribution: Distribution,
    /// Its addresses.
    pub network: &'d ClusterNetwork,
}

impl Cx<'_> {
    /// Where a setting stands, or the cluster if it is not given.
    pub fn span(&self, path: &[&str]) -> Span {
        self.tree.at(path).map_or(self.entry.key_span, |tree| tree.span)
    }
}

/// Checks a cluster as a whole.
pub fn check(cx: &Cx<'_>, ha: &Ha, members: &[Member<'_>], report: &mut Report) {
    control_planes(cx, ha, members, report);
    high_availability(cx, ha, report);
    first_server(cx, members, report);
    tests(cx, members, report);
    inline_secrets(cx, report);
    other_distributions(cx, report);
    super::content::check(cx, report);
}

fn control_planes(cx: &Cx<'_>, ha: &Ha, members: &[Member<'_>], report: &mut Report) {
    let count = |role: Role| members.iter().filter(|m| m.machine.role == role).count();
    let (voters, workers) = (count(Role::ControlPlane), count(Role::Worker));
    let written = cx.tree.get("members").map(Tree::entries).unwrap_or_default().len();
    let (span, path) = (cx.entry.key_span, cx.path);
    if written == 0 {
        let message = "has no members, so there is nothing to do for it".to_owned();
        report.warning(Problem { code: code::NO_MEMBERS, span, path, message, help: None });
    } else if voters == 0 && workers > 0 && written == members.len() {
        let message = "has workers and no control plane".to_owned();
        let help = Some("give at least one member the role control-plane".to_owned());
        report.error(Problem { code: code::NO_CONTROL_PLANE, span, path, message, help });
    }
    if voters > 1 && ha.vip.is_none() {
        let message =
            format!("has {voters} control planes and no vip: when the first one is down, nothing can join");
        let help = Some("set ha.vip to a free address of the machines' network".to_owned());
        report.warning(Problem { code: code::NO_VIP, span, path, message, help });
    }
    if voters > 0 && voters.is_multiple_of(2) {
        let (lost, with) = ((voters - 1) / 2, voters - 1);
        let message =
            format!("has {voters} control planes: etcd survives the loss of {lost}, as with {with}");
        let help = Some("use 1, 3 or 5".to_owned());
        report.warning(Problem { code: code::EVEN_VOTERS, span, path, message, help });
    }
}

fn high_availability(cx: &Cx<'_>, ha: &Ha, report: &mut Report) {
    let above = cx.path.key("ha");
    if ha.mode != HaMode::None && cx.tree.at(&["ha", "vip"]).is_none() {
        let span = cx.span(&["ha", "mode"]);
        let message = format!("{} needs a vip", get::text(cx.tree, &["ha", "mode"]).unwrap_or_default());
        let help = Some("set ha.vip to a free address of the machines' network".to_owned());
        report.error(Problem { code: code::HA_WITHOUT_VIP, span, path: &above.key("mode"), message, help });
    }
    if ha.mode == HaMode::None && cx.tree.at(&["ha", "vip"]).is_some() {
        let message = "has no effect, because high availability is switched off".to_owned();
        let (span, path) = (cx.span(&["ha", "vip"]), &above.key("vip"));
        report.warning(Problem { code: code::NO_EFFECT, span, path, message, help: None });
    }
    if ha.mode == HaMode::Haproxy && ha.port == 6443 {
        let message = "HAProxy cannot listen on 6443: the API server of the same machine does".to_owned();
        let (span, path) = (cx.span(&["ha", "port"]), &above.key("port"));
        let help = Some("leave it out for 8443".to_owned());
        report.error(Problem { code: code::PORT_TAKEN, span, path, message, help });
    }
}

fn first_server(cx: &Cx<'_>, members: &[Member<'_>], report: &mut Report) {
    let Some(named) = cx.tree.at(&["ha", "firstServer"]) else { return };
    let Some(name) = named.text() else { return };
    let is_it = |m: &&Member<'_>| *m.entry.key == *name || m.machine.name.as_str() == name;
    let above = cx.path.key("ha");
    let (span, path) = (named.span, &above.key("firstServer"));
    let control_planes =
        members.iter().filter(|m| m.machine.role == Role::ControlPlane).map(|m| &*m.entry.key);
    let help = suggest(&name, control_planes);
    match members.iter().find(is_it) {
        Some(member) if member.machine.role == Role::ControlPlane => {}
        Some(_) => {
            let message = format!("{} is not a control plane", quoted(&name));
            report.error(Problem { code: code::FIRST_SERVER, span, path, message, help });
        }
        None => {
            let message = format!("{} is not a member of this cluster", quoted(&name));
            report.error(Problem { code: code::FIRST_SERVER, span, path, message, help });
        }
    }
}

/// What a test activates is gone after a restart.
fn tests(cx: &Cx<'_>, members: &[Member<'_>], report: &mut Report) {
    let always = get::text(cx.tree, &["upgrade", "reboot"]).is_some_and(|word| word == "always");
    let Some(member) = members.iter().find(|m| always && m.machine.action == Action::Test) else { return };
    let message = format!(
        "restarts every machine after a change, and provisioning.nixos-rebuild.action is test: a restart takes away \
         what is tested on {}",
        member.machine.name
    );
    let help = Some("set action to switch or boot, or reboot to auto or never".to_owned());
    let (span, above) = (cx.span(&["upgrade", "reboot"]), cx.path.key("upgrade"));
    let path = &above.key("reboot");
    report.error(Problem { code: code::TEST_RESTARTS, span, path, message, help });
}

fn inline_secrets(cx: &Cx<'_>, report: &mut Report) {
    let above = cx.path.key("secrets");
    for key in ["token", "agentToken"] {
        if let Some(tree) = cx.tree.at(&["secrets", key]) {
            let message = "stands in the configuration, where everyone who can read it has it".to_owned();
            let help = Some("remove it: nix8s makes secrets and keeps them in an encrypted file".to_owned());
            let path = &above.key(key);
            report.warning(Problem { code: code::INLINE_SECRET, span: tree.span, path, message, help });
        }
    }
}

fn other_distributions(cx: &Cx<'_>, report: &mut Report) {
    for (key, distribution) in
        [("k3s", Distribution::K3s), ("kubeadm", Distribution::Kubeadm), ("k0s", Distribution::K0s)]
    {
        let Some(entry) = cx.tree.entry(key) else { continue };
        if distribution != cx.distribution && is_asked_for(&entry.tree) {
            let message = format!("has no effect, because the distribution is {}", cx.distribution);
            let (span, path) = (entry.key_span, &cx.path.key(key));
            report.warning(Problem { code: code::NO_EFFECT, span, path, message, help: None });
        }
    }
}
