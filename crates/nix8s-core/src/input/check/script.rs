//! Scripts: what they run, what they wait for, in which order their phases come.

use std::collections::BTreeMap;

use super::super::code;
use super::super::fleet::machine::Member;
use super::super::fleet::script::built_in;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::resolve::suggest;
use super::super::tree::Tree;
use super::cluster::Cx;
use super::content::exactly_one;
use super::content::needs;

/// Reconcilers that nix8s brings, which users' own may run after.
const RECONCILERS: &[&str] = &[
    "secrets",
    "machine",
    "control-plane",
    "worker",
    "metadata",
    "system",
    "version",
    "removal",
    "membership-data",
    "kubeconfig",
    "platform",
    "extension",
    "script",
];

/// Something that may wait for others of its kind.
struct Waiting<'d> {
    name: &'d str,
    tree: &'d Tree,
    path: String,
    /// The order of its phase, if it has one.
    order: Option<i64>,
    /// The key that holds what it waits for.
    after: &'static str,
}

/// Checks the scripts that concern a cluster.
pub fn check(document: &Tree, cx: &Cx<'_>, members: &[Member<'_>], report: &mut Report) {
    let phases = phases(document);
    let mut all = Vec::new();
    let root = Path::Root;
    let bootstrap = root.key("bootstrap");
    let at = |path: &[&str]| document.at(path).map(Tree::entries).unwrap_or_default();
    for phase in at(&["bootstrap", "phases"]) {
        let scripts = phase.tree.get("activationScripts").map(Tree::entries).unwrap_or_default();
        let order = phases.get(&*phase.key).copied();
        let above = bootstrap.key("phases");
        let above = above.key(&phase.key);
        for script in scripts {
            let path = above.key("activationScripts").key(&script.key).to_string();
            all.push(Waiting { name: &script.key, tree: &script.tree, path, order, after: "deps" });
        }
    }
    for script in at(&["bootstrap", "activationScripts"]) {
        let path = bootstrap.key("activationScripts").key(&script.key).to_string();
        all.push(Waiting {
            name: &script.key,
            tree: &script.tree,
            path,
            order: Some(i64::MAX),
            after: "deps",
        });
    }
    listed(cx.tree.get("scripts"), cx.path, &phases, &mut all, report);
    for script in &all {
        body(script, &phases, cx, report);
    }
    waiting(&all, &[], report);
    let above = cx.path.key("members");
    for member in members {
        let Some(scripts) = member.entry.tree.get("scripts") else { continue };
        let mut own = Vec::new();
        listed(Some(scripts), &above.key(&member.entry.key), &phases, &mut own, report);
        own.iter().for_each(|script| body(script, &phases, cx, report));
        let others: Vec<&str> = all.iter().map(|script| script.name).collect();
        waiting(&own, &others, report);
        twice(&own, &all, report);
    }
    reconcilers(document, report);
    sequence(document, &phases, report);
}

/// Checks that the phases that nix8s brings keep their sequence: each needs what the one before it does.
fn sequence(document: &Tree, phases: &BTreeMap<&str, i64>, report: &mut Report) {
    let names: Vec<&str> = built_in().map(|(name, _)| name).collect();
    for pair in names.windows(2) {
        let (earlier, later) = (phases[pair[0]], phases[pair[1]]);
        if earlier < later {
            continue;
        }
        let written = |name: &str| {
            document.at(&["bootstrap", "phases", name, "order"]).map(|tree| (name.to_owned(), tree.span))
        };
        let Some((name, span)) = written(pair[1]).or_else(|| written(pair[0])) else { continue };
        let message = format!("{} comes after {}, whose order is {earlier}", pair[1], pair[0]);
        let path = Path::Root;
        let (bootstrap, key) = (path.key("bootstrap"), "order");
        let all = bootstrap.key("phases");
        let path = all.key(&name);
        report.error(Problem { code: code::RANGE, span, path: &path.key(key), message, help: None });
    }
}

fn phases(document: &Tree) -> BTreeMap<&str, i64> {
    let mut all: BTreeMap<&str, i64> = built_in().collect();
    for entry in document.at(&["bootstrap", "phases"]).map(Tree::entries).unwrap_or_default() {
        let known = all.get(&*entry.key).copied();
        all.insert(&entry.key, get::number(&entry.tree, &["order"]).or(known).unwrap_or(i64::MAX - 1));
    }
    all
}

/// The scripts of a list, which carry their name inside.
fn listed<'d>(
    scripts: Option<&'d Tree>,
    path: &Path<'_>,
    phases: &BTreeMap<&str, i64>,
    all: &mut Vec<Waiting<'d>>,
    report: &mut Report,
) {
    let above = path.key("scripts");
    for (index, tree) in scripts.map(Tree::items).unwrap_or_default().iter().enumerate() {
        let path = above.item(index);
        needs(Some(tree), "name", &path, report);
        let name = match tree.get("name").map(|name| &name.value) {
            Some(super::super::tree::Value::Text(name)) => &**name,
            _ => "",
        };
        let order = get::text(tree, &["phase"]).and_then(|phase| phases.get(&*phase).copied());
        all.push(Waiting { name, tree, path: path.to_string(), order, after: "deps" });
    }
}

fn body(script: &Waiting<'_>, phases: &BTreeMap<&str, i64>, cx: &Cx<'_>, report: &mut Report) {
    let path = Path::Printed(&script.path);
    exactly_one(script.tree, &["run", "text"], &path, report);
    if get::text(script.tree, &["when"]).as_deref() == Some("phase") {
        needs(Some(script.tree), "phase", &path, report);
    }
    if let Some(phase) = script.tree.get("phase")
        && let Some(name) = phase.text().filter(|name| !phases.contains_key(&**name))
    {
        let message = format!("there is no phase {}", quoted(&name));
        let help = suggest(&name, phases.keys().copied());
        report.error(Problem {
            code: code::UNKNOWN_NAME,
            span: phase.span,
            path: &path.key("phase"),
            message,
            help,
        });
    }
    let members = cx.tree.get("members").map(Tree::entries).unwrap_or_default();
    for node in script.tree.get("nodes").map(Tree::items).unwrap_or_default() {
        let Some(name) = node.text() else { continue };
        let is_it =
            |key: &str| *key == *name || name.strip_suffix(key).is_some_and(|rest| rest.ends_with('-'));
        let named =
            |entry: &super::super::tree::Entry| get::text(&entry.tree, &["name"]).as_deref() == Some(&name);
        let is_here = members.iter().any(|entry| is_it(&entry.key) || named(entry));
        if !is_here && path.to_string().starts_with("clusters.") {
            let message = format!("there is no member {} in this cluster", quoted(&name));
            let help = suggest(&name, members.iter().map(|entry| &*entry.key));
            report.error(Problem {
                code: code::UNKNOWN_NAME,
                span: node.span,
                path: &path.key("nodes"),
                message,
                help,
            });
        }
    }
}

fn reconcilers(document: &Tree, report: &mut Report) {
    let entries = document.at(&["bootstrap", "reconcilers"]).map(Tree::entries).unwrap_or_default();
    let above = Path::Root;
    let above = above.key("bootstrap");
    let mut all = Vec::new();
    for entry in entries {
        let path = above.key("reconcilers");
        let path = path.key(&entry.key);
        needs(Some(&entry.tree), "run", &path, report);
        all.push(Waiting {
            name: &entry.key,
            tree: &entry.tree,
            path: path.to_string(),
            order: None,
            after: "after",
        });
    }
    waiting(&all, RECONCILERS, report);
}

/// Checks that a member's scripts have other names than those of the cluster: what has run on it is remembered by name.
fn twice(own: &[Waiting<'_>], all: &[Waiting<'_>], report: &mut Report) {
    for one in own.iter().filter(|one| !one.name.is_empty()) {
        let Some(other) = all.iter().find(|other| other.name == one.name) else { continue };
        let message = format!("{} is the name of {} as well", quoted(one.name), other.path);
        let (span, path) = (one.tree.span, &Path::Printed(&one.path));
        report.error(Problem { code: code::SCRIPT_TWICE, span, path, message, help: None });
    }
}

/// Checks that what is waited for exists, comes before, and waits for nothing that waits for it.
fn waiting(all: &[Waiting<'_>], others: &[&str], report: &mut Report) {
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, one) in all.iter().enumerate().filter(|(_, one)| !one.name.is_empty()) {
        if let Some(first) = by_name.insert(one.name, index) {
            let message = format!("{} is the name of {} as well", quoted(one.name), all[first].path);
            let (span, path) = (one.tree.span, &Path::Printed(&one.path));
            report.error(Problem { code: code::SCRIPT_TWICE, span, path, message, help: None });
        }
    }
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    for (index, one) in all.iter().enumerate() {
        let path = Path::Printed(&one.path);
        for dep in one.tree.get(one.after).map(Tree::items).unwrap_or_default() {
            let Some(name) = dep.text() else { continue };
            match by_name.get(&*name).copied() {
                Some(other) => {
                    waits[index].push(other);
                    later(one, &all[other], dep, &path, report);
                }
                None if others.contains(&&*name) => {}
                None => {
                    let message = format!("waits for {}, which does not exist", quoted(&name));
                    let help = suggest(&name, by_name.keys().copied().chain(others.iter().copied()));
                    let path = &path.key(one.after);
                    report.error(Problem { code: code::SCRIPT_UNKNOWN, span: dep.span, path, message, help });
                }
            }
        }
    }
    cycle(all, waits, report);
}

fn later(one: &Waiting<'_>, other: &Waiting<'_>, dep: &Tree, path: &Path<'_>, report: &mut Report) {
    if let (Some(own), Some(its)) = (one.order, other.order)
        && its > own
    {
        let message = format!("waits for {}, whose phase comes later", other.name);
        let help = Some("phases are barriers: move one of the two".to_owned());
        let path = &path.key(one.after);
        report.error(Problem { code: code::SCRIPT_LATER, span: dep.span, path, message, help });
    }
}

/// Takes away what waits for nothing until nothing is left, or only circles and what waits for them.
fn cycle(all: &[Waiting<'_>], mut waits: Vec<Vec<usize>>, report: &mut Report) {
    let mut left: Vec<usize> = (0..all.len()).collect();
    loop {
        let free: Vec<usize> = left.iter().copied().filter(|one| waits[*one].is_empty()).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|one| !free.contains(one));
        waits.iter_mut().for_each(|deps| deps.retain(|dep| !free.contains(dep)));
    }
    let Some(mut at) = left.first().copied() else { return };
    let mut chain = Vec::new();
    while !chain.contains(&at) {
        chain.push(at);
        at = waits[at][0];
    }
    chain.drain(..chain.iter().position(|one| *one == at).expect("the walk ended where it had been"));
    let names: Vec<&str> = chain.iter().chain([&at]).map(|one| all[*one].name).collect();
    let message = format!("wait for each other in a circle: {}", names.join(" → "));
    let one = &all[chain[0]];
    let (span, path) = (one.tree.span, &Path::Printed(&one.path));
    report.error(Problem { code: code::SCRIPT_CYCLE, span, path, message, help: None });
}
