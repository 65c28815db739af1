//! Rewrites older spellings into those of today, before anything is resolved; a setting in both is a warning.

use std::sync::Arc;

use super::code;
use super::report::Path;
use super::report::Problem;
use super::report::Report;
use super::tree::Entry;
use super::tree::Span;
use super::tree::Tree;
use super::tree::Value;

/// Spellings of clusters: where a setting stood, and where it stands.
const CLUSTER: &[(&[&str], &[&str])] = &[
    (&["k3s", "version"], &["version"]),
    (&["kubernetes", "version"], &["version"]),
    (&["k3s", "network", "clusterCidr"], &["network", "podCidr"]),
    (&["k3s", "network", "serviceCidr"], &["network", "serviceCidr"]),
    (&["k3s", "network", "clusterDns"], &["network", "clusterDns"]),
    (&["k3s", "network"], &[]),
    (&["kubernetes", "podCidr"], &["network", "podCidr"]),
    (&["kubernetes", "serviceCidr"], &["network", "serviceCidr"]),
    (&["kubernetes"], &[]),
    (&["firstServer"], &["ha", "firstServer"]),
    (&["ha", "haproxy", "vip"], &["ha", "vip"]),
    (&["ha", "haproxy", "interface"], &["ha", "interface"]),
    (&["ha", "haproxy", "port"], &["ha", "port"]),
    (&["k3s", "extraArgs", "server"], &["k3s", "extraArgs", "control-plane"]),
    (&["k3s", "extraArgs", "agent"], &["k3s", "extraArgs", "worker"]),
    (&["kubeadm", "extraArgs", "server"], &["kubeadm", "extraArgs", "control-plane"]),
    (&["kubeadm", "extraArgs", "agent"], &["kubeadm", "extraArgs", "worker"]),
    (&["k0s", "extraArgs", "server"], &["k0s", "extraArgs", "control-plane"]),
    (&["k0s", "extraArgs", "agent"], &["k0s", "extraArgs", "worker"]),
    (&["helmPackages"], &["helm"]),
    (&["upgrade", "maxParallel"], &["upgrade", "maxUnavailable"]),
    (&["upgrade", "serversFirst"], &["upgrade", "controlPlanesFirst"]),
    (&["upgrade", "rollbackOnFailure"], &["upgrade", "rollback"]),
    (&["upgrade", "pauseBetweenNodes"], &["upgrade", "pause"]),
    (&["upgrade", "healthCheckTimeout"], &["gates", "timeout"]),
    (&["cozystack", "linstor"], &["linstor"]),
    (&["cozystack", "metallb"], &["metallb"]),
    (&["cozystack", "clusterDomain"], &["clusterDomain"]),
];

/// Spellings of templates and members.
const MACHINE: &[(&[&str], &[&str])] =
    &[(&["install", "disk"], &["install", "disks", "main"]), (&["linstor"], &["extensions", "linstor"])];

/// Rewrites the whole document.
pub fn rewrite(document: &mut Tree, report: &mut Report) {
    let root = &Path::Root;
    for template in below(document, "nodes") {
        machine(&mut template.tree, &root.key("nodes").key(&template.key), report);
    }
    for cluster in below(document, "clusters") {
        rewrite_cluster(&mut cluster.tree, &root.key("clusters").key(&cluster.key), report);
    }
    if let Some(provisioning) = child(document, "provisioning") {
        rewrite_provisioning(provisioning, &root.key("provisioning"), report);
    }
}

fn below<'t>(tree: &'t mut Tree, key: &str) -> impl Iterator<Item = &'t mut Entry> {
    child(tree, key).and_then(Tree::entries_mut).into_iter().flatten()
}

fn child<'t>(tree: &'t mut Tree, key: &str) -> Option<&'t mut Tree> {
    tree.entries_mut()?.iter_mut().find(|entry| &*entry.key == key).map(|entry| &mut entry.tree)
}

fn rewrite_cluster(cluster: &mut Tree, path: &Path<'_>, report: &mut Report) {
    let haproxy = cluster.at(&["ha", "haproxy", "enable"]).and_then(Tree::truth) == Some(true);
    for (from, to) in CLUSTER {
        shift(cluster, from, to, path, report);
    }
    let mode = |word: &str, span| Entry {
        key: "mode".into(),
        key_span: span,
        tree: Tree { value: text(word), span },
    };
    let removed = child(cluster, "ha").and_then(|ha| ha.take("haproxy"));
    if let Some(entry) = removed.filter(|_| haproxy) {
        put(cluster, &["ha", "haproxy"], &["ha", "mode"], mode("haproxy", entry.key_span), path, report);
    }
    let enable = child(cluster, "ha").and_then(|ha| ha.take("enable"));
    if let Some(entry) = enable.filter(|entry| entry.tree.truth() == Some(false)) {
        put(cluster, &["ha", "enable"], &["ha", "mode"], mode("none", entry.key_span), path, report);
    }
    let members = path.key("members");
    for member in below(cluster, "members") {
        let path = members.key(&member.key);
        machine(&mut member.tree, &path, report);
        if let Some(inline) = child(&mut member.tree, "node") {
            machine(inline, &path.key("node"), report);
        }
    }
}

/// A template, an inline template or a member.
fn machine(tree: &mut Tree, path: &Path<'_>, report: &mut Report) {
    for (from, to) in MACHINE {
        shift(tree, from, to, path, report);
    }
    if let Some(role) = child(tree, "role") {
        match role.text().as_deref() {
            Some("server") => role.value = text("control-plane"),
            Some("agent") => role.value = text("worker"),
            _ => {}
        }
    }
    if let Some(login) = child(tree, "ssh").and_then(|ssh| child(ssh, "rootLogin"))
        && login.truth() == Some(false)
    {
        login.value = text("no");
    }
    let nvidia = child(tree, "extensions").and_then(|extensions| extensions.take("nvidia"));
    if let Some(mut entry) = nvidia {
        let vendor = Entry {
            key: "vendor".into(),
            key_span: entry.key_span,
            tree: Tree { value: text("nvidia"), span: entry.key_span },
        };
        if let Some(keys) = entry.tree.entries_mut()
            && !keys.iter().any(|key| &*key.key == "vendor")
        {
            keys.push(vendor);
        }
        put(tree, &["extensions", "nvidia"], &["extensions", "gpu"], entry, path, report);
    }
}

fn rewrite_provisioning(provisioning: &mut Tree, path: &Path<'_>, report: &mut Report) {
    shift(provisioning, &["pxe", "server", "dhcp"], &["pxe", "dhcp"], path, report);
    if let Some(kexec) = child(provisioning, "nixos-anywhere").and_then(|kind| child(kind, "kexec"))
        && let Some(enable) = kexec.take("enable")
    {
        *kexec = enable.tree;
    }
    let remote = child(provisioning, "nixos-anywhere").and_then(|kind| kind.take("buildOnRemote"));
    if let Some(mut entry) = remote {
        entry.tree.value = text(if entry.tree.truth() == Some(true) { "remote" } else { "local" });
        put(
            provisioning,
            &["nixos-anywhere", "buildOnRemote"],
            &["nixos-anywhere", "build"],
            entry,
            path,
            report,
        );
    }
}

fn text(word: &str) -> Value {
    Value::Text(Arc::from(word))
}

/// Moves what stands at one path to another; to the empty path: takes it away when nothing is left in it.
fn shift(tree: &mut Tree, from: &[&str], to: &[&str], path: &Path<'_>, report: &mut Report) {
    let (last, parents) = from.split_last().expect("paths in the tables are not empty");
    let parent = parents.iter().try_fold(&mut *tree, |tree, key| child(tree, key));
    let Some(parent) = parent else { return };
    if to.is_empty() {
        if child(parent, last)
            .is_some_and(|left| left.entries_mut().is_some_and(|entries| entries.is_empty()))
        {
            parent.take(last);
        }
    } else if let Some(entry) = parent.take(last) {
        put(tree, from, to, entry, path, report);
    }
}

/// Puts an entry where it stands today, unless something stands there already.
fn put(tree: &mut Tree, from: &[&str], to: &[&str], mut entry: Entry, path: &Path<'_>, report: &mut Report) {
    let (last, parents) = to.split_last().expect("paths in the tables are not empty");
    let mut at = tree;
    for key in parents {
        let span = entry.key_span;
        match at.entries_mut() {
            Some(entries) if !entries.iter().any(|e| *e.key == **key && e.tree.value != Value::Null) => {
                entries.retain(|e| *e.key != **key);
                entries.push(Entry { key: Arc::from(*key), key_span: span, tree: Tree::empty(span) });
            }
            Some(_) => {}
            None => return,
        }
        at = child(at, key).expect("it was there or has just been put there");
    }
    if let Some(now) = at.get(last) {
        return twice(&entry, [from, to], now.span, path, report);
    }
    at.take(last);
    entry.key = Arc::from(*last);
    if let Some(entries) = at.entries_mut() {
        entries.push(entry);
    }
}

fn twice(entry: &Entry, [from, to]: [&[&str]; 2], now: Span, path: &Path<'_>, report: &mut Report) {
    let to = to.join(".");
    let message =
        format!("is an older spelling of {to}, which is given as well {}; that one holds", report.show(now));
    let help = Some("remove this one".to_owned());
    let path = format!("{path}.{}", from.join("."));
    let path = &Path::Printed(&path);
    report.warning(Problem { code: code::OLDER_SPELLING, span: entry.key_span, path, message, help });
}
