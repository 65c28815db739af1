//! A machine: disks that it needs and has, swap that its distribution refuses.

use super::super::code;
use super::super::fleet::machine::Member;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::tree::Span;
use super::super::tree::Tree;
use super::cluster::Cx;
use crate::model::Distribution;
use crate::model::Provisioner;
use crate::model::Role;

/// Checks a machine.
pub fn check(cx: &Cx<'_>, member: &Member<'_>, path: &Path<'_>, report: &mut Report) {
    layout(member, path, report);
    if !is_plain(&member.settings.tree) {
        disks(member, &member.owner(path, &["install", "extensions", "disko"]).as_path(), report);
        let owner = member.owner(path, &["install"]);
        file_system(member, &owner.as_path(), report);
        swap(cx, member, &owner.as_path(), report);
    }
}

/// Most machines have one disk and nothing else that could be wrong with it.
fn is_plain(tree: &Tree) -> bool {
    let install = tree.get("install").map(Tree::entries).unwrap_or_default();
    let disks = tree.at(&["install", "disks"]).map(Tree::entries).unwrap_or_default();
    let alone = |entry: &super::super::tree::Entry| {
        matches!(&*entry.key, "disks" | "profile" | "enable" | "rootSize")
    };
    install.iter().all(alone)
        && disks.len() < 2
        && tree.get("extensions").is_none()
        && tree.get("disko").is_none()
}

fn layout(member: &Member<'_>, path: &Path<'_>, report: &mut Report) {
    let (tree, disks) = (&*member.settings.tree, &member.settings.disks);
    let installs = match member.machine.provisioner {
        Provisioner::NixosAnywhere | Provisioner::Pxe | Provisioner::Iso => member.settings.install,
        Provisioner::NixosRebuild | Provisioner::Manual | Provisioner::Lima | Provisioner::Terraform => false,
    };
    let has_layout = tree.get("disko").is_some() || tree.at(&["install", "disks", "main"]).is_some();
    if installs && !has_layout {
        let message = "has no disk to be installed on".to_owned();
        let help = Some("set install.disk, best to a path below /dev/disk/by-id".to_owned());
        let span = member.entry.key_span;
        let template = member.entry.tree.get("node").and_then(Tree::text).unwrap_or_default();
        let above = Path::Root.key("nodes");
        let above = above.key(&template);
        let tables = [*path, path.key("install"), above, above.key("install")];
        report.lacking(&tables, Problem { code: code::NO_DISK, span, path, message, help });
    }
    let Some(profile) = tree.at(&["install", "profile"]) else { return };
    let install = path.key("install");
    let mut missing = |what: &str, help: &str| {
        let message = format!("the profile {} needs {what}", profile.text().unwrap_or_default());
        let (span, path) = (profile.span, &install.key("profile"));
        report.error(Problem { code: code::MISSING, span, path, message, help: Some(help.to_owned()) });
    };
    match profile.text().as_deref() {
        Some("etcd-optimized") if installs && disks.etcd.is_none() => {
            missing("a disk for etcd", "set install.disks.etcd");
        }
        Some("custom") if installs && tree.get("disko").is_none() => {
            missing("disko", "describe the layout under disko");
        }
        _ => {}
    }
}

/// Every disk that the settings name, with its place.
fn named(tree: &Tree) -> Vec<&Tree> {
    let one = [
        ["install", "disks", "main"].as_slice(),
        &["install", "disks", "etcd"],
        &["extensions", "linstor", "disk"],
    ];
    let lists = [
        ["install", "disks", "data"].as_slice(),
        &["extensions", "drbd", "devices"],
        &["extensions", "linstor", "disks"],
    ];
    let mut all: Vec<&Tree> = one.iter().filter_map(|path| tree.at(path)).collect();
    all.extend(lists.iter().filter_map(|path| tree.at(path)).flat_map(Tree::items));
    all
}

fn disks(member: &Member<'_>, path: &Path<'_>, report: &mut Report) {
    let named = named(&member.settings.tree);
    let customs = member.settings.disks.custom.len();
    if named.len() + customs < 2 {
        return;
    }
    let mut seen: Vec<std::borrow::Cow<'_, str>> =
        member.settings.disks.custom.iter().map(|d| d.as_str().into()).collect();
    let mut by_kernel = Vec::new();
    for tree in named {
        let Some(device) = tree.text() else { continue };
        if seen.contains(&device) {
            let message = format!("{device} is named for two purposes");
            report.error(Problem { code: code::DISK_TWICE, span: tree.span, path, message, help: None });
        }
        if is_kernel_name(&device) {
            by_kernel.push((tree.span, device.to_string()));
        }
        seen.push(device);
    }
    if let Some((span, _)) = by_kernel.first() {
        kernel_names(*span, &by_kernel, path, report);
    }
}

/// The kernel numbers disks in the order in which they answer, which may differ at the next boot.
fn is_kernel_name(device: &str) -> bool {
    let Some(name) = device.strip_prefix("/dev/") else { return false };
    !name.contains('/')
        && ["sd", "nvme", "vd", "hd", "xvd", "mmcblk"].iter().any(|kind| name.starts_with(kind))
}

fn kernel_names(span: Span, disks: &[(Span, String)], path: &Path<'_>, report: &mut Report) {
    let names: Vec<&str> = disks.iter().map(|(_, name)| &**name).collect();
    let message = format!(
        "{} may be other disks after the next boot: the kernel counts them as they answer",
        names.join(", ")
    );
    let help = Some("name them by /dev/disk/by-id/…".to_owned());
    report.warning(Problem { code: code::KERNEL_NAME, span, path, message, help });
}

fn file_system(member: &Member<'_>, path: &Path<'_>, report: &mut Report) {
    let tree = &*member.settings.tree;
    let install = path.key("install");
    if get::flag(tree, &["install", "encryption", "enable"]) == Some(true) {
        super::content::needs(
            tree.at(&["install", "encryption"]),
            "keyFile",
            &install.key("encryption"),
            report,
        );
    }
    let is_xfs = get::text(tree, &["install", "filesystem", "type"]).as_deref() == Some("xfs");
    let options = tree.at(&["install", "filesystem", "options"]).map(Tree::items).unwrap_or_default();
    for option in options.iter().filter(|_| is_xfs) {
        if matches!(option.text().as_deref(), Some("nobarrier" | "barrier")) {
            let message = "XFS has had no such option since Linux 4.19: mounting fails".to_owned();
            let help = Some("remove it".to_owned());
            let path = &install.key("filesystem");
            report.error(Problem { code: code::MOUNT_OPTION, span: option.span, path, message, help });
        }
    }
}

/// k3s and k0s run their kubelet with swap allowed; kubeadm's refuses to start.
fn swap(cx: &Cx<'_>, member: &Member<'_>, path: &Path<'_>, report: &mut Report) {
    if cx.distribution != Distribution::Kubeadm || member.machine.role == Role::None {
        return;
    }
    let Some(size) = member.settings.tree.at(&["install", "swapSize"]) else { return };
    if size.text().as_deref() != Some("none") {
        let message = "kubeadm's kubelet does not start with swap".to_owned();
        let help = Some("remove swapSize".to_owned());
        let install = path.key("install");
        let path = &install.key("swapSize");
        report.error(Problem { code: code::SWAP, span: size.span, path, message, help });
    }
}
