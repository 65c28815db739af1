//! What a cluster runs and watches: gates, charts, manifests, MetalLB, snapshots, certificates.

use super::super::code;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::resolve::suggest;
use super::super::tree::Tree;
use super::cluster::Cx;

/// Checks that what is asked for is asked for completely.
pub fn check(cx: &Cx<'_>, report: &mut Report) {
    gates(cx, report);
    charts(cx, report);
    manifests(cx, report);
    metallb(cx, report);
    if cx.tree.at(&["etcd", "snapshot", "s3"]).is_some() {
        let above = cx.path.key("etcd");
        let above = above.key("snapshot");
        needs(cx.tree.at(&["etcd", "snapshot", "s3"]), "bucket", &above.key("s3"), report);
    }
    if get::flag(cx.tree, &["pki", "external"]) == Some(true) {
        needs(cx.tree.get("pki"), "caCert", &cx.path.key("pki"), report);
    }
}

/// Reports that a map lacks a key without which it means nothing.
pub fn needs(tree: Option<&Tree>, key: &str, path: &Path<'_>, report: &mut Report) {
    let Some(tree) = tree.filter(|tree| matches!(tree.value, super::super::tree::Value::Map(_))) else {
        return;
    };
    if tree.get(key).is_none() {
        let message = format!("has no {key}");
        report.error(Problem { code: code::MISSING, span: tree.span, path, message, help: None });
    }
}

/// Reports that not exactly one of some keys is given.
pub fn exactly_one(tree: &Tree, keys: &[&str], path: &Path<'_>, report: &mut Report) {
    let given: Vec<&str> = keys.iter().copied().filter(|key| tree.get(key).is_some()).collect();
    if given.len() == 1 || !matches!(tree.value, super::super::tree::Value::Map(_)) {
        return;
    }
    let message = match given.as_slice() {
        [] => format!("has none of {}", keys.join(", ")),
        several => format!("has {} at once", several.join(" and ")),
    };
    let help = Some(format!("give exactly one of {}", keys.join(", ")));
    report.error(Problem { code: code::ONE_OF, span: tree.span, path, message, help });
}

fn items<'t>(tree: &'t Tree, path: &[&str]) -> &'t [Tree] {
    tree.at(path).map(Tree::items).unwrap_or_default()
}

fn gates(cx: &Cx<'_>, report: &mut Report) {
    let above = cx.path.key("gates");
    for (index, gate) in items(cx.tree, &["gates", "http"]).iter().enumerate() {
        needs(Some(gate), "url", &above.key("http").item(index), report);
    }
    for (index, gate) in items(cx.tree, &["gates", "script"]).iter().enumerate() {
        needs(Some(gate), "run", &above.key("script").item(index), report);
    }
    for (index, gate) in items(cx.tree, &["gates", "promql"]).iter().enumerate() {
        let above = above.key("promql");
        let path = &above.item(index);
        needs(Some(gate), "url", path, report);
        needs(Some(gate), "query", path, report);
        exactly_one(gate, &["below", "above"], path, report);
    }
}

fn charts(cx: &Cx<'_>, report: &mut Report) {
    let above = cx.path.key("helm");
    let charts = cx.tree.at(&["helm", "charts"]).map(Tree::entries).unwrap_or_default();
    for entry in charts {
        needs(Some(&entry.tree), "chart", &above.key("charts").key(&entry.key), report);
    }
    let names: Vec<&str> = charts.iter().map(|entry| &*entry.key).collect();
    ordered(items(cx.tree, &["helm", "order"]), &names, &above.key("order"), report);
}

fn manifests(cx: &Cx<'_>, report: &mut Report) {
    let above = cx.path.key("manifests");
    let resources = cx.tree.at(&["manifests", "resources"]).map(Tree::entries).unwrap_or_default();
    for entry in resources {
        let kinds = ["file", "dir", "url", "content", "kustomize"];
        exactly_one(&entry.tree, &kinds, &above.key("resources").key(&entry.key), report);
    }
    let names: Vec<&str> = resources.iter().map(|entry| &*entry.key).collect();
    ordered(items(cx.tree, &["manifests", "order"]), &names, &above.key("order"), report);
}

fn ordered(order: &[Tree], names: &[&str], path: &Path<'_>, report: &mut Report) {
    for (index, item) in order.iter().enumerate() {
        let Some(name) = item.text().filter(|name| !names.contains(&&**name)) else { continue };
        let message = format!("there is no {}", super::super::report::quoted(&name));
        let help = suggest(&name, names.iter().copied());
        let path = &path.item(index);
        report.error(Problem { code: code::UNKNOWN_NAME, span: item.span, path, message, help });
    }
}

fn metallb(cx: &Cx<'_>, report: &mut Report) {
    let Some(metallb) = cx.tree.get("metallb").filter(|tree| get::flag(tree, &["enable"]) == Some(true))
    else {
        return;
    };
    let path = &cx.path.key("metallb");
    needs(Some(metallb), "addresses", path, report);
    if get::text(metallb, &["mode"]).as_deref() == Some("bgp") {
        needs(Some(metallb), "peers", path, report);
    }
}
