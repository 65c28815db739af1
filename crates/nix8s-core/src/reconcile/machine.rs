//! machine: installs machines that have no system yet, takes over those that have one, and says why others wait.

use super::cx::Cx;
use super::cx::View;
use super::out::Out;
use super::row::Row;
use crate::digest;
use crate::model::InstallPhase;
use crate::model::Machine;
use crate::model::Provisioner;
use crate::model::Sudo;
use crate::observed::Os;
use crate::permit::EraseScope;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;

/// Plans installations.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    let installs_only = cx.permit.phase.as_deref() == Some("provisioning");
    for view in cx.views.values() {
        // Whether it is a member is asked in a later phase than the one that is named.
        if installs_only && view.row == Row::Unknown {
            continue;
        }
        if let Some((cause, text)) = super::row::wait(view, cx) {
            out.wait(Some(view.name), cause, text);
            continue;
        }
        let Some(machine) = view.machine else { continue };
        match view.row {
            Row::Provision(scope) => provision(cx, view, machine, scope, out),
            Row::Adopt => adopt(cx, view, out),
            _ => {}
        }
    }
}

fn provision(cx: &Cx<'_>, view: &View<'_>, machine: &Machine, scope: EraseScope, out: &mut Out<'_, '_>) {
    let name = view.name;
    if !machine.provisioner.is_planned_now() {
        let text = format!("{name}: {}", crate::provision::of(machine.provisioner).expects);
        out.wait(Some(name), Cause::LaterVersion, text);
        return;
    }
    if !machine.install {
        let text = format!(
            "{name} answers as an installer, and install.enable is false: lay out its disk and install NixOS by hand"
        );
        out.wait(Some(name), Cause::WrongSystem, text);
        return;
    }
    let is_installer = view.probe.is_some_and(|probe| probe.os == Os::Installer);
    if machine.provisioner == Provisioner::NixosAnywhere
        && !is_installer
        && !cx.cluster.anywhere.has(InstallPhase::Kexec)
    {
        let what = super::text::os(view);
        let text = format!(
            "{name} runs {what}, and nixos-anywhere is to boot nothing by kexec: boot an installer on it"
        );
        out.wait(Some(name), Cause::WrongSystem, text);
        return;
    }
    if machine.provisioner == Provisioner::NixosAnywhere && machine.ssh.sudo == Sudo::Password {
        let text = format!(
            "{name} would be installed, and nixos-anywhere cannot give sudo a password: log in as root, or let sudo ask nothing \
             and set `ssh.sudo: passwordless`"
        );
        out.wait(Some(name), Cause::WrongSystem, text);
        return;
    }
    if !cx.is_named(name) {
        out.wait(
            Some(name),
            Cause::NotNamed,
            format!("{name} would be installed, and is not named by --node"),
        );
        return;
    }
    let (Some(wanted), Some(probe)) = (view.wanted, view.probe) else {
        let text = format!("{name} waits until its system has been evaluated");
        out.wait(Some(name), Cause::Unknown, text);
        return;
    };
    let again = view.is_half_installed(cx.cluster);
    let existed = view.was_provisioned() || (probe.mark.is_some() && !again);
    let risk = if existed || scope != EraseScope::System { Risk::Erases } else { Risk::None };
    let what = super::text::os(view);
    let reason = match (existed, scope) {
        (true, _) => format!("named by --erase; it was installed before and runs {what}"),
        (false, EraseScope::System) if again => {
            format!("it runs {what}; installing it was broken off before its first start")
        }
        (false, EraseScope::System) => format!("it runs {what} and its disks are free"),
        (false, EraseScope::Foreign | EraseScope::All) => {
            format!("it runs {what}, and erasing that is allowed")
        }
    };
    let effect = Effect::Install {
        machine: name.clone(),
        provisioner: machine.provisioner,
        system: wanted.path.clone(),
        version: cx.seen.wanted_version.clone(),
        scope,
        // The same id again: should this be broken off too, the mark is still known.
        installation: match &probe.mark {
            Some(mark) if again => mark.installation.clone(),
            _ => installation(cx, view),
        },
        hardware: probe.hardware.clone(),
        again,
    };
    out.step(risk, effect, reason);
}

fn adopt(cx: &Cx<'_>, view: &View<'_>, out: &mut Out<'_, '_>) {
    let name = view.name;
    if !cx.is_named(name) {
        out.wait(
            Some(name),
            Cause::NotNamed,
            format!("{name} would be taken over, and is not named by --node"),
        );
        return;
    }
    let Some(probe) = view.probe else { return };
    let installation = match &view.past.provisioned {
        Some(provisioned) => provisioned.installation.clone(),
        None => installation(cx, view),
    };
    let effect = Effect::Adopt { machine: name.clone(), installation, hardware: probe.hardware.clone() };
    let reason = format!(
        "it runs {} already: it gets its secrets and an identity mark, nothing is erased",
        super::text::os(view)
    );
    out.step(Risk::None, effect, reason);
}

/// An installation's id: new for every installation of every machine, without a random number.
fn installation(cx: &Cx<'_>, view: &View<'_>) -> String {
    let text = format!("{}/{}/{}/{}", cx.cluster.name, view.name, view.past.installs, cx.now);
    digest::of(text.as_bytes())
}
