//! Scripts, phases and users' reconcilers as the model has them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use super::super::code;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::tree::Tree;
use super::machine::Member;
use crate::digest;
use crate::model::BUILT_IN;
use crate::model::Body;
use crate::model::Bootstrap;
use crate::model::LAST;
use crate::model::MachineName;
use crate::model::Moment;
use crate::model::OnFailure;
use crate::model::Phase;
use crate::model::Place;
use crate::model::Repeat;
use crate::model::Scope;
use crate::model::Script;
use crate::model::Transition;
use crate::model::UserReconciler;

/// How long a script may take unless it says so.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The order of a user's phase that gives none: after every phase that has one.
const ORDER_NONE: u32 = u32::MAX - 1;

/// Moments by the words of `when`; `phase` is not among them.
const MOMENTS: &[(&str, Moment)] = &[
    ("pre-provision", Moment::Before(Transition::Provision)),
    ("post-provision", Moment::After(Transition::Provision)),
    ("pre-join", Moment::Before(Transition::Join)),
    ("post-join", Moment::After(Transition::Join)),
    ("pre-drain", Moment::Before(Transition::Drain)),
    ("post-drain", Moment::After(Transition::Drain)),
    ("pre-update", Moment::Before(Transition::Update)),
    ("post-update", Moment::After(Transition::Update)),
    ("post-delete", Moment::After(Transition::Delete)),
    ("on-error", Moment::OnError),
];

/// Where scripts stand.
#[derive(Clone, Copy)]
enum Owner<'a> {
    /// A phase, or the place after all phases.
    Phase(&'a str),
    Cluster,
    Member(&'a MachineName),
}

struct Reader<'a, 'd> {
    phases: Vec<Phase>,
    members: &'a [Member<'d>],
    first_server: &'a MachineName,
    scripts: Vec<Script>,
    report: &'a mut Report,
}

/// Reads everything that users add to a cluster's life.
pub fn read(
    document: &Tree,
    cluster: &Tree,
    path: &Path<'_>,
    members: &[Member<'_>],
    first_server: &MachineName,
    report: &mut Report,
) -> Bootstrap {
    let phases = phases(document);
    let mut reader = Reader { phases, members, first_server, scripts: Vec::new(), report };
    let at = |keys: &[&str]| document.at(keys).map(Tree::entries).unwrap_or_default();
    let above = Path::Root;
    let above = above.key("bootstrap");
    let (all_phases, last) = (above.key("phases"), above.key("activationScripts"));
    for phase in at(&["bootstrap", "phases"]) {
        let path = all_phases.key(&phase.key);
        let path = path.key("activationScripts");
        for entry in phase.tree.get("activationScripts").map(Tree::entries).unwrap_or_default() {
            reader.script(&entry.tree, Some(&entry.key), Owner::Phase(&phase.key), &path.key(&entry.key));
        }
    }
    for entry in at(&["bootstrap", "activationScripts"]) {
        reader.script(&entry.tree, Some(&entry.key), Owner::Phase(LAST.0), &last.key(&entry.key));
    }
    reader.listed(cluster, Owner::Cluster, path);
    let above = path.key("members");
    for member in members {
        reader.listed(&member.entry.tree, Owner::Member(&member.machine.name), &above.key(&member.entry.key));
    }
    let Reader { phases, scripts, .. } = reader;
    Bootstrap { phases, scripts: sorted(scripts), reconcilers: reconcilers(document) }
}

/// What nix8s brings, with what the user says of it, and the user's own; by order.
fn phases(document: &Tree) -> Vec<Phase> {
    let mut all = Bootstrap::default().phases;
    for entry in document.at(&["bootstrap", "phases"]).map(Tree::entries).unwrap_or_default() {
        let order = get::number(&entry.tree, &["order"]);
        let condition = entry.tree.get("condition").and_then(body);
        match all.iter_mut().find(|phase| phase.name == *entry.key) {
            Some(phase) => (phase.order, phase.condition) = (order.unwrap_or(phase.order), condition),
            None => all.push(Phase {
                name: entry.key.to_string(),
                order: order.unwrap_or(ORDER_NONE),
                condition,
                is_built_in: false,
            }),
        }
    }
    all.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    all
}

impl Reader<'_, '_> {
    /// The scripts of a list, which carry their name inside.
    fn listed(&mut self, tree: &Tree, owner: Owner<'_>, path: &Path<'_>) {
        let path = path.key("scripts");
        for (index, tree) in tree.get("scripts").map(Tree::items).unwrap_or_default().iter().enumerate() {
            self.script(tree, None, owner, &path.item(index));
        }
    }

    fn script(&mut self, tree: &Tree, key: Option<&str>, owner: Owner<'_>, path: &Path<'_>) {
        let named = get::text(tree, &["name"]);
        if let (Some(key), Some(named)) = (key, &named)
            && key != named
        {
            self.no_effect(tree, path, "name", &format!("the script is called {key}, as its key says"));
        }
        let Some(name) = key.map(str::to_owned).or(named) else { return };
        let Some(body) = tree.get("run").or_else(|| tree.get("text")).and_then(body) else { return };
        let Some(when) = self.moment(tree, owner, path) else { return };
        let nodes = self.nodes(tree, owner);
        // What names machines of other clusters alone is not about this one.
        if nodes.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let place = get::word(tree, &["where"], &[("local", Place::Local), ("node", Place::Node)]);
        let scope = self.scope(tree, owner, nodes.is_some() || place == Some(Place::Node), path);
        let place = place.unwrap_or(Place::Local);
        if tree.get("repeat").is_some() && !matches!(when, Moment::Phase { .. }) {
            self.no_effect(tree, path, "repeat", "a hook runs once each time that it is about");
        }
        let deps: BTreeSet<String> = get::texts(tree, &["deps"]).into_iter().collect();
        let first = nodes.as_ref().and_then(|nodes| nodes.first());
        let on = match (scope, place) {
            (Scope::Node, _) => None,
            (Scope::Cluster, Place::Node) => Some(first.unwrap_or(self.first_server).clone()),
            (Scope::Cluster, Place::Local) => first.cloned(),
        };
        let failures = [("stop", OnFailure::Stop), ("continue", OnFailure::Continue)];
        let repeats = [("each-apply", Repeat::EachApply)];
        self.scripts.push(Script {
            digest: digest_of(&body, &deps),
            name,
            when,
            scope,
            nodes: nodes.map(|nodes| nodes.into_iter().collect()),
            on,
            place,
            body,
            deps,
            condition: tree.get("condition").and_then(self::body),
            timeout: get::duration(tree, &["timeout"]).unwrap_or(TIMEOUT),
            on_failure: get::word(tree, &["onFailure"], &failures).unwrap_or(OnFailure::Stop),
            repeat: get::word(tree, &["repeat"], &repeats).unwrap_or(Repeat::Never),
        });
    }

    /// What `when` says, or else where it stands.
    fn moment(&mut self, tree: &Tree, owner: Owner<'_>, path: &Path<'_>) -> Option<Moment> {
        let when = get::text(tree, &["when"]);
        if let Some(when) = when.as_deref().filter(|when| *when != "phase") {
            if tree.get("phase").is_some() {
                self.no_effect(tree, path, "phase", &format!("it runs {when}, in whatever phase that is"));
            }
            return MOMENTS.iter().find(|(word, _)| *word == when).map(|(_, moment)| moment.clone());
        }
        let own = get::text(tree, &["phase"]);
        let name = match (own, owner) {
            (Some(own), _) => own,
            (None, Owner::Phase(phase)) => phase.to_owned(),
            (None, Owner::Cluster | Owner::Member(_)) => "post".to_owned(),
        };
        let order = match name == LAST.0 {
            true => LAST.1,
            false => self.phases.iter().find(|phase| phase.name == name)?.order,
        };
        Some(Moment::Phase { name, order })
    }

    /// The machines that are named, in their order; `None` when none is.
    fn nodes(&self, tree: &Tree, owner: Owner<'_>) -> Option<Vec<MachineName>> {
        if let Owner::Member(name) = owner {
            return Some(vec![name.clone()]);
        }
        tree.get("nodes")?;
        let machines = self.members.iter().map(|member| &member.machine);
        let is_it = |name: &str| {
            machines.clone().find(|m| m.name.as_str() == name || m.member.as_str() == name).map(|m| &m.name)
        };
        let named = get::texts(tree, &["nodes"]);
        Some(named.iter().filter_map(|name| is_it(name).cloned()).collect())
    }

    fn scope(&mut self, tree: &Tree, owner: Owner<'_>, names_machines: bool, path: &Path<'_>) -> Scope {
        let written = get::word(tree, &["scope"], &[("cluster", Scope::Cluster), ("node", Scope::Node)]);
        match (owner, written) {
            (Owner::Member(_), Some(Scope::Cluster)) => {
                self.no_effect(tree, path, "scope", "the scripts of a member are about its machine");
                Scope::Node
            }
            (Owner::Member(_), _) => Scope::Node,
            (Owner::Phase(_) | Owner::Cluster, Some(scope)) => scope,
            (Owner::Phase(_) | Owner::Cluster, None) if names_machines => Scope::Node,
            (Owner::Phase(_) | Owner::Cluster, None) => Scope::Cluster,
        }
    }

    fn no_effect(&mut self, tree: &Tree, path: &Path<'_>, key: &str, why: &str) {
        let span = tree.get(key).map_or(tree.span, |tree| tree.span);
        let (path, message) = (&path.key(key), format!("has no effect: {why}"));
        self.report.warning(Problem { code: code::NO_EFFECT, span, path, message, help: None });
    }
}

/// A command: its arguments, or a text for bash.
fn body(tree: &Tree) -> Option<Body> {
    match tree.text() {
        Some(text) => Some(Body::Text(text.into_owned())),
        None => {
            let argv: Vec<String> = get::texts(tree, &[]);
            (!argv.is_empty()).then_some(Body::Run(argv))
        }
    }
}

fn digest_of(body: &Body, deps: &BTreeSet<String>) -> String {
    digest::of(serde_json::to_string(&(body, deps)).expect("texts are JSON").as_bytes())
}

/// By phase, and there what others wait for first; else as written. Circles have been reported.
fn sorted(mut left: Vec<Script>) -> Vec<Script> {
    left.sort_by_key(|script| match script.when {
        Moment::Phase { order, .. } => order,
        Moment::Before(_) | Moment::After(_) | Moment::OnError => 0,
    });
    let mut sorted: Vec<Script> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |script: &Script| left.iter().any(|other| script.deps.contains(&other.name));
        let next = left.iter().position(|script| !waits(script)).unwrap_or(0);
        sorted.push(left.remove(next));
    }
    sorted
}

fn reconcilers(document: &Tree) -> BTreeMap<String, UserReconciler> {
    let entries = document.at(&["bootstrap", "reconcilers"]).map(Tree::entries).unwrap_or_default();
    let read = |tree: &Tree| UserReconciler {
        enable: get::flag(tree, &["enable"]).unwrap_or(true),
        after: get::texts(tree, &["after"]),
        run: get::texts(tree, &["run"]),
        interval: get::duration(tree, &["interval"]),
        watch_paths: get::texts(tree, &["watchPaths"]),
    };
    entries.iter().map(|entry| (entry.key.to_string(), read(&entry.tree))).collect()
}

/// The names of the phases that nix8s brings, with their orders, as checks compare them.
pub fn built_in() -> impl Iterator<Item = (&'static str, i64)> {
    BUILT_IN.iter().map(|(name, order)| (*name, i64::from(*order)))
}
