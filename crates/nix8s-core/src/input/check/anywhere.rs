//! `provisioning.nixos-anywhere`: phases that make a machine, and flags that leave alone what nix8s sets.

use super::super::code;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::tree::Span;
use super::super::tree::Tree;
use super::super::tree::Value;
use crate::tool::nixos_anywhere::Flag;
use crate::tool::nixos_anywhere::flag;

/// Checks it.
pub fn check(document: &Tree, report: &mut Report) {
    let Some(anywhere) = document.at(&["provisioning", "nixos-anywhere"]) else { return };
    let root = Path::Root;
    let path = root.key("provisioning");
    let path = path.key("nixos-anywhere");
    phases(anywhere, &path, report);
    flags(anywhere, &path, report);
}

fn phases(anywhere: &Tree, path: &Path<'_>, report: &mut Report) {
    let Some(tree) = anywhere.get("phases").filter(|tree| !tree.items().is_empty()) else { return };
    let named = get::texts(anywhere, &["phases"]);
    let has = |phase: &str| named.iter().any(|name| name == phase);
    let mut wrong = |span: Span, key: &str, message: &str, help: &str| {
        let (message, help) = (message.to_owned(), Some(help.to_owned()));
        report.error(Problem { code: code::PHASES, span, path: &path.key(key), message, help });
    };
    if !has("install") {
        let help = "add install, or leave phases out for all four";
        wrong(tree.span, "phases", "no machine comes of this: install is not among them", help);
    } else if has("kexec") && !has("disko") {
        let message = "after kexec nothing is mounted that the system could be put on";
        let help = "add disko, or leave kexec out and mount the disks at /mnt in an installer yourself";
        wrong(tree.span, "phases", message, help);
    }
    let Some(kexec) = anywhere.get("kexec").filter(|kexec| kexec.value != Value::Null) else { return };
    match (kexec.truth(), has("kexec")) {
        (Some(false), true) => {
            wrong(kexec.span, "kexec", "is false, and phases has kexec", "remove one of the two");
        }
        (Some(true) | None, false) => {
            let message = "there is no phase kexec in phases, so that nothing is booted";
            wrong(kexec.span, "kexec", message, "add kexec to phases, or remove this key");
        }
        (Some(true) | None, true) | (Some(false), false) => {}
    }
}

/// Each flag is known with the number of its arguments: what nobody knows could name another machine.
fn flags(anywhere: &Tree, path: &Path<'_>, report: &mut Report) {
    let Some(tree) = anywhere.get("extraFlags") else { return };
    let path = path.key("extraFlags");
    let mut items = tree.items().iter().enumerate();
    while let Some((index, item)) = items.next() {
        let Some(text) = item.text() else { continue };
        let (message, help) = match flag(&text) {
            Flag::Takes(arguments) => {
                let given = items.by_ref().take(arguments).count();
                if given == arguments {
                    continue;
                }
                let message = format!("{} needs {arguments} more behind it", quoted(&text));
                (message, "each argument is an item of its own".to_owned())
            }
            Flag::Ours(instead) => (format!("{} is set by nix8s", quoted(&text)), instead.to_owned()),
            Flag::Unknown => (
                format!("{} is no flag of nixos-anywhere that nix8s knows", quoted(&text)),
                "a flag is one item, and each of its arguments another".to_owned(),
            ),
        };
        let problem =
            Problem { code: code::FLAG, span: item.span, path: &path.item(index), message, help: Some(help) };
        report.error(problem);
    }
}
