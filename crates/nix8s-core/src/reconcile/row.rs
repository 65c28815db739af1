//! The decision table: what to do with a machine, by the first row that matches.

use jiff::SignedDuration;

use super::cx::Class;
use super::cx::Cx;
use super::cx::View;
use crate::model::InstallPhase;
use crate::model::Provisioner;
use crate::observed::Os;
use crate::observed::Reach;
use crate::permit::EraseScope;
use crate::plan::Cause;

/// Rows of the table in their order. Row 2, nodes that are not ours, concerns no machine of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// 1. Joined by nix8s and no longer configured, or marked for deletion.
    Leave,
    /// A tombstone: removed, and still in the configuration.
    Away,
    /// 3. `skip`.
    Skip,
    /// 4. Another host key.
    WrongKey,
    /// 6. Silent, was provisioned.
    Silent,
    /// 7. Silent, never provisioned.
    NotThereYet,
    /// 8. May be installed now.
    Provision(EraseScope),
    /// NixOS that a person installed, to be taken over by its provisioner.
    Adopt,
    /// 9. Something runs there that must not be erased without leave.
    NeedsErase,
    /// 9. Something runs there that this provisioner cannot take.
    WrongSystem,
    /// 10. Not the machine that we know.
    NotOurs,
    /// Named by `--erase` while it is a member: it leaves first.
    LeaveToErase,
    /// The API server did not answer: whether it is a member is not known.
    Unknown,
    /// 11. NixOS, no Node, leftovers of an earlier membership.
    Orphan,
    /// 12. NixOS, no Node.
    Join,
    /// 13. Not Ready.
    NotReady,
    /// 14. Another system is wanted.
    Update,
    /// 15. As it should be.
    Same,
}

/// The first row that a machine matches.
pub fn row(view: &View<'_>, cx: &Cx<'_>) -> Row {
    let Some(machine) = view.machine else { return Row::Leave };
    if view.past.delete {
        return Row::Leave;
    }
    if view.past.removed {
        // Its node was there again after it had left: it leaves again.
        return if view.node_seen().is_some() { Row::Leave } else { Row::Away };
    }
    if machine.skip {
        return Row::Skip;
    }
    let probe = match (view.reach, view.probe) {
        (Reach::WrongKey { .. } | Reach::UnknownKey { .. }, _) => return Row::WrongKey,
        (Reach::Answered, Some(probe)) => probe,
        (Reach::Answered | Reach::Unknown | Reach::Refused | Reach::TimedOut | Reach::Denied { .. }, _) => {
            return if view.was_provisioned() { Row::Silent } else { Row::NotThereYet };
        }
    };
    if let Some(row) = hardware_row(view, cx) {
        return row;
    }
    let foreign_mark = probe.mark.is_some() && !view.has_our_mark(cx.cluster);
    match &probe.os {
        Os::Installer => installer_row(view, cx),
        Os::Foreign(_) if view.was_provisioned() => by_permit(view, cx, Row::NotOurs),
        Os::Foreign(_) => foreign_row(view, cx, machine.provisioner),
        Os::NixOs { .. } if foreign_mark => by_permit(view, cx, Row::NotOurs),
        Os::NixOs { .. } if probe.mark.is_none() => unmarked_row(view, cx, machine.provisioner),
        Os::NixOs { .. } => member_row(view, cx),
    }
}

/// Whether the metal is another than the one that was provisioned, or than the configured MAC says.
fn hardware_row(view: &View<'_>, _cx: &Cx<'_>) -> Option<Row> {
    let (machine, probe) = (view.machine?, view.probe?);
    let other_mac = machine.mac.is_some_and(|mac| !probe.hardware.macs.contains(&mac));
    (view.is_other_metal() || other_mac).then_some(Row::NotOurs)
}

fn by_permit(view: &View<'_>, cx: &Cx<'_>, otherwise: Row) -> Row {
    match (cx.erase_scope(view.name), view.node_seen()) {
        (Some(_), Some(_)) => Row::LeaveToErase,
        (Some(scope), None) => Row::Provision(scope),
        (None, _) => otherwise,
    }
}

fn installer_row(view: &View<'_>, cx: &Cx<'_>) -> Row {
    let holds = crate::plan::rule::holds(crate::plan::rule::Rule::NeverErasedTwice);
    let marked = view.probe.is_some_and(|p| p.mark.is_some()) && !view.is_half_installed(cx.cluster);
    if holds && (view.was_provisioned() || marked) {
        return by_permit(view, cx, Row::NeedsErase);
    }
    match view.machine.map(|m| m.provisioner) {
        Some(Provisioner::NixosRebuild | Provisioner::Manual) => Row::WrongSystem,
        _ => match cx.erase_scope(view.name) {
            Some(scope) => Row::Provision(scope),
            None if has_foreign_data(view, cx) && !cx.permit.erase_all_new => Row::NeedsErase,
            None if has_foreign_data(view, cx) => Row::Provision(EraseScope::Foreign),
            None => Row::Provision(EraseScope::System),
        },
    }
}

fn foreign_row(view: &View<'_>, cx: &Cx<'_>, provisioner: Provisioner) -> Row {
    match provisioner {
        Provisioner::NixosRebuild | Provisioner::Manual => Row::WrongSystem,
        Provisioner::NixosAnywhere
        | Provisioner::Pxe
        | Provisioner::Lima
        | Provisioner::Terraform
        | Provisioner::Iso => match cx.erase_scope(view.name) {
            Some(scope) => Row::Provision(scope.max(EraseScope::Foreign)),
            None if cx.permit.erase_all_new => Row::Provision(EraseScope::Foreign),
            None => Row::NeedsErase,
        },
    }
}

fn unmarked_row(view: &View<'_>, cx: &Cx<'_>, provisioner: Provisioner) -> Row {
    match provisioner {
        Provisioner::Manual if other_release(view).is_some() => Row::WrongSystem,
        Provisioner::NixosRebuild | Provisioner::Manual => Row::Adopt,
        // A member whose mark was lost is still a member: it gets its mark back.
        _ if view.was_provisioned() => Row::Adopt,
        Provisioner::NixosAnywhere
        | Provisioner::Pxe
        | Provisioner::Lima
        | Provisioner::Terraform
        | Provisioner::Iso => foreign_row(view, cx, provisioner),
    }
}

/// The release that a person was to install, where another one runs.
fn other_release<'a>(view: &View<'a>) -> Option<&'a str> {
    let wanted = view.machine?.release.as_deref()?;
    let runs = match &view.probe?.os {
        Os::NixOs { release } => release.split('.').take(2).eq(wanted.split('.')),
        Os::Installer | Os::Foreign(_) => return None,
    };
    (!runs).then_some(wanted)
}

fn member_row(view: &View<'_>, cx: &Cx<'_>) -> Row {
    let Some(machine) = view.machine else { return Row::Leave };
    if cx.erase_scope(view.name).is_some() {
        return by_permit(view, cx, Row::Same);
    }
    let may_be_member = cx.api.is_none() && view.past.joined.is_some();
    if machine.role == crate::model::Role::None && !may_be_member {
        return if view.class == Class::Same { Row::Same } else { Row::Update };
    }
    let node = match &view.node {
        crate::observed::Known::Unknown => return Row::Unknown,
        crate::observed::Known::Known(None) => {
            return if is_orphan(view, cx) { Row::Orphan } else { Row::Join };
        }
        crate::observed::Known::Known(Some(node)) => node,
    };
    match (node.ready, view.class) {
        (false, _) => Row::NotReady,
        (true, Class::Same) => Row::Same,
        (true, Class::InPlace | Class::Drain) => Row::Update,
    }
}

/// Leftovers of an earlier membership: a kubelet or its state, and no Node. A machine whose join was begun and not
/// answered looks the same; it is joined again instead, except with kubeadm, which refuses where files are left.
fn is_orphan(view: &View<'_>, cx: &Cx<'_>) -> bool {
    let Some(probe) = view.probe else { return false };
    let joining = view.past.joining;
    let restarts_help = joining && cx.cluster.distribution == crate::model::Distribution::K3s;
    (probe.kubelet || probe.distribution_state || probe.datastore) && !restarts_help
}

/// Whether disks that installing erases hold something that nix8s did not put there.
fn has_foreign_data(view: &View<'_>, cx: &Cx<'_>) -> bool {
    let (Some(machine), Some(probe)) = (view.machine, view.probe) else { return true };
    if machine.provisioner == Provisioner::NixosAnywhere && !cx.cluster.anywhere.has(InstallPhase::Disko) {
        return false;
    }
    let erased = erased_paths(machine, EraseScope::System);
    probe.hardware.disks.iter().any(|disk| {
        disk.content == crate::observed::DiskContent::Foreign
            && disk.paths.iter().any(|p| erased.contains(&p.as_str()))
    })
}

/// Device paths that installing erases.
pub fn erased_paths(machine: &crate::model::Machine, scope: EraseScope) -> Vec<&str> {
    let disks = &machine.disks;
    let system = disks.main.iter().chain(&disks.etcd).chain(&disks.custom);
    let data = disks.data.iter().filter(|_| scope == EraseScope::All);
    system.chain(data).map(String::as_str).collect()
}

/// Why a machine in one of the waiting rows waits, in a sentence with what to do.
pub fn wait(view: &View<'_>, cx: &Cx<'_>) -> Option<(Cause, String)> {
    let name = view.name;
    let silent_since = view.past.silent_since.filter(|since| *since < cx.now);
    let silent_for = silent_since.map(|since| super::text::age(cx.now, since));
    Some(match view.row {
        Row::Skip => (Cause::Skipped, format!("{name} is left alone: skip is set")),
        Row::Away => {
            let text =
                format!("{name} was removed and stays away: `nix8s node undelete {name}` lets it come back");
            (Cause::Tombstone, text)
        }
        Row::WrongKey => (Cause::WrongKey, wrong_key(view)),
        Row::Silent | Row::NotThereYet if denied(view).is_some() => {
            let cause = if view.row == Row::Silent { Cause::Silent } else { Cause::NotThereYet };
            (cause, denied(view).unwrap_or_default())
        }
        Row::Silent if starts(view, cx) => {
            let text = format!(
                "{name} was installed and starts from its disk: if it does not answer soon, look at its console and \
                 at what its firmware boots first"
            );
            (Cause::Silent, text)
        }
        Row::Silent => {
            let since = silent_for.map_or_else(String::new, |age| format!(" for {age}"));
            let lost = format!("if it is gone for good: `nix8s node delete --lost {name}`");
            (Cause::Silent, format!("{name} is ours and does not answer{since}: bring it back; {lost}"))
        }
        Row::NotThereYet => {
            let expects = view.machine.map_or("", |m| crate::provision::of(m.provisioner).expects);
            (Cause::NotThereYet, format!("{name} does not answer yet: {expects}"))
        }
        Row::NeedsErase => (Cause::NeedsErase, needs_erase(view)),
        Row::WrongSystem => {
            let by = view.machine.map_or("", |m| m.provisioner.as_str());
            let what = super::text::os(view);
            if let Some(wanted) = other_release(view) {
                let text = format!(
                    "{name} runs {what}, and NixOS {wanted} is expected: install that, or change \
                     `provisioning.manual.expectedNixosVersion`"
                );
                return Some((Cause::WrongSystem, text));
            }
            let text = format!(
                "{name} runs {what}, which {by} cannot take over: install NixOS, or choose another provisioner"
            );
            (Cause::WrongSystem, text)
        }
        Row::NotOurs => (Cause::NotOurMachine, not_ours(view)),
        Row::Unknown => {
            let text = format!("whether {name} is a member is not known: the API server does not answer");
            (Cause::Unknown, text)
        }
        Row::Leave
        | Row::Provision(_)
        | Row::Adopt
        | Row::LeaveToErase
        | Row::Orphan
        | Row::Join
        | Row::NotReady
        | Row::Update
        | Row::Same => return None,
    })
}

/// How long a machine may take from the end of its installation until it answers, before that is news.
const FIRST_START: SignedDuration = SignedDuration::from_mins(10);

/// Whether its first start after an installation is still under way, as far as anybody knows.
pub(super) fn starts(view: &View<'_>, cx: &Cx<'_>) -> bool {
    let installed = view.past.provisioned.as_ref().map(|p| p.at);
    view.past.joined.is_none() && installed.is_some_and(|at| cx.now < at + FIRST_START)
}

fn wrong_key(view: &View<'_>) -> String {
    let name = view.name;
    match view.reach {
        Reach::WrongKey { fingerprint } => format!(
            "{name} shows another SSH host key ({fingerprint}) than the one we know: if you changed it, run again with \
             `--accept-host-key {name}={fingerprint}`; if not, somebody else answers at its address"
        ),
        Reach::UnknownKey { fingerprint } => format!(
            "nobody knows the SSH host key of {name} yet: compare {fingerprint} with what its console shows, then run again \
             with `--accept-host-key {name}={fingerprint}`, or say the key in `ssh.hostKey`"
        ),
        Reach::Unknown | Reach::Refused | Reach::TimedOut | Reach::Denied { .. } | Reach::Answered => {
            String::new()
        }
    }
}

/// What a machine that does not let us in is to be told.
fn denied(view: &View<'_>) -> Option<String> {
    let Reach::Denied { said } = view.reach else { return None };
    let advice = crate::tool::ssh::denied_advice(said);
    Some(format!("{} is there and does not let us in ({said}): {advice}", view.name))
}

fn needs_erase(view: &View<'_>) -> String {
    let name = view.name;
    let what = super::text::os(view);
    let mark = view.probe.and_then(|p| p.mark.as_ref());
    if let Some(mark) = mark {
        let whose = format!("{}/{}", mark.cluster, mark.machine);
        return format!(
            "{name} runs {what}, and its disk is installed as {whose}: boot its disk, or erase it with `--erase {name}`"
        );
    }
    if view.was_provisioned() {
        return format!(
            "{name} runs {what}, but was installed before: boot its disk, or erase it with `--erase {name}`"
        );
    }
    if matches!(view.probe.map(|p| &p.os), Some(Os::Installer)) {
        return format!(
            "there is data on the disks of {name} that is not ours: erase it with `--erase {name}:foreign`"
        );
    }
    format!("{name} runs {what}: erase it with `--erase {name}` (or `--erase all-new`)")
}

fn not_ours(view: &View<'_>) -> String {
    let name = view.name;
    let what = super::text::os(view);
    let mark = view.probe.and_then(|p| p.mark.as_ref());
    let mac = view.machine.and_then(|m| m.mac);
    let (uuid, known) = (
        view.probe.map_or("", |p| &p.hardware.uuid),
        view.past.provisioned.as_ref().and_then(|p| p.uuid.as_deref()),
    );
    let seen = match (mark, known, mac) {
        (_, Some(known), _) if known != uuid => {
            format!("other metal answers: its UUID is {uuid}, {name} had {known}")
        }
        (_, _, Some(mac)) if view.probe.is_some_and(|p| !p.hardware.macs.contains(&mac)) => {
            format!("other metal answers: none of its network cards has {mac}")
        }
        (Some(mark), ..) => format!("it is installed as {}/{}", mark.cluster, mark.machine),
        (None, ..) => format!("it runs {what}, but was installed by nix8s before"),
    };
    format!(
        "{name} is not the machine that we know: {seen}. If it was replaced: `nix8s node delete --lost {name}`, then undelete"
    )
}
