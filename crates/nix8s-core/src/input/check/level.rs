//! What may not stand together on one level: checked before templates and members are laid over each other.

use super::super::code;
use super::super::fleet::settings::custom_devices;
use super::super::form;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::tree::Tree;

/// Checks every template and member of a document.
pub fn check(document: &Tree, report: &mut Report) {
    let nodes = Path::Root.key("nodes");
    for template in document.get("nodes").map(Tree::entries).unwrap_or_default() {
        level(&template.tree, &nodes.key(&template.key), report);
    }
    let clusters = Path::Root.key("clusters");
    for cluster in document.get("clusters").map(Tree::entries).unwrap_or_default() {
        let above = clusters.key(&cluster.key);
        let above = above.key("members");
        for member in cluster.tree.get("members").map(Tree::entries).unwrap_or_default() {
            let path = above.key(&member.key);
            level(&member.tree, &path, report);
            if let Some(inline) = member.tree.get("node") {
                level(inline, &path.key("node"), report);
            }
        }
    }
}

fn level(tree: &Tree, path: &Path<'_>, report: &mut Report) {
    let Some(disko) = tree.get("disko") else { return };
    let profile = get::text(tree, &["install", "profile"]);
    let layout = tree
        .at(&["install", "disks"])
        .or_else(|| tree.at(&["install", "profile"]).filter(|_| profile.as_deref() != Some("custom")));
    if let Some(layout) = layout {
        let message = "install lays out the disks, and disko does too".to_owned();
        let help = Some("keep one of the two here; further down, one replaces the other".to_owned());
        let path = &path.key("install");
        report.error(Problem { code: code::INSTALL_AND_DISKO, span: layout.span, path, message, help });
    }
    for (device, span) in custom_devices(disko) {
        if (form::DEVICE.check)(&device).is_err() {
            let message = format!("{} is not {}", quoted(&device), form::DEVICE.what);
            report.error(Problem { code: code::FORM, span, path: &path.key("disko"), message, help: None });
        }
    }
}
