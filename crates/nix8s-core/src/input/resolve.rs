//! Templates and members become settings of machines: `extends` chain, then template, then member.
//!
//! Maps merge key by key; scalars and lists replace, except `profiles`, which adds; `null` removes; a `disko` further
//! down replaces `install` from further up, and the other way round. Pinned by `tests/resolve/`, which Nix runs too.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::code;
use super::report::Path;
use super::report::Problem;
use super::report::Report;
use super::report::quoted;
use super::schema::walk::nearest;
use super::tree::Entry;
use super::tree::Tree;
use super::tree::Value;

/// Keys of a member that say which machine it is, and are no settings of the machine.
pub const MEMBER_KEYS: &[&str] = &["node", "ip", "provisioner", "name", "skip", "scripts"];

/// Every template with all that it extends.
#[derive(Debug, Default)]
pub struct Templates {
    resolved: BTreeMap<Arc<str>, Arc<Tree>>,
}

impl Templates {
    /// Resolves the templates of a document.
    pub fn of(document: &Tree, report: &mut Report) -> Self {
        let empty = Tree::empty(document.span);
        let nodes = document.get("nodes").unwrap_or(&empty);
        let own: BTreeMap<&str, &Entry> = nodes.entries().iter().map(|entry| (&*entry.key, entry)).collect();
        let mut templates = Self::default();
        for entry in nodes.entries() {
            templates.resolve_chain(entry, &own, report);
        }
        templates
    }

    /// A template with all that it extends.
    pub fn get(&self, name: &str) -> Option<&Arc<Tree>> {
        self.resolved.get(name)
    }

    /// Every template, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Tree>)> {
        self.resolved.iter().map(|(name, tree)| (&**name, tree))
    }

    /// The names, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.resolved.keys().map(|name| &**name)
    }

    /// Resolves a template after those it extends: a loop, because chains may be as long as the document.
    fn resolve_chain(&mut self, first: &Entry, own: &BTreeMap<&str, &Entry>, report: &mut Report) {
        let mut chain: Vec<&Entry> = Vec::new();
        let mut base = Tree::empty(first.tree.span);
        let mut at = Some(first);
        while let Some(entry) = at.take() {
            if let Some(known) = self.resolved.get(&entry.key) {
                base = (**known).clone();
                break;
            }
            if let Some(start) = chain.iter().position(|link| link.key == entry.key) {
                report_cycle(&chain[start..], report);
                break;
            }
            chain.push(entry);
            if let Some(parent) = entry.tree.get("extends").and_then(Tree::text) {
                at = own.get(&*parent).copied();
                if at.is_none() {
                    unknown_parent(entry, &parent, own, report);
                }
            }
        }
        while let Some(entry) = chain.pop() {
            base = merge_machine(&base, &entry.tree);
            base.span = entry.key_span;
            self.resolved.insert(Arc::clone(&entry.key), Arc::new(base.clone()));
        }
    }

    /// The settings of a member: its own `Arc` when it overrides something, else its template's. `None` when its
    /// template is not there, which is reported.
    pub fn member(&self, member: &Tree, path: &Path<'_>, report: &mut Report) -> Option<Arc<Tree>> {
        let base = match member.get("node") {
            Some(node) => self.base(node, path, report)?,
            None => Arc::new(Tree::empty(member.span)),
        };
        let overrides = |entry: &&Entry| !MEMBER_KEYS.contains(&&*entry.key) && *entry.key != *"role";
        if member.entries().iter().any(|entry| overrides(&entry)) {
            let own = member.entries().iter().filter(overrides).cloned().collect();
            let own = Tree { value: Value::Map(own), span: member.span };
            return Some(Arc::new(merge_machine(&base, &own)));
        }
        Some(base)
    }

    fn base(&self, node: &Tree, path: &Path<'_>, report: &mut Report) -> Option<Arc<Tree>> {
        if let Value::Map(_) = node.value {
            let parent = node.get("extends").and_then(Tree::text);
            let above = match &parent {
                None => Tree::empty(node.span),
                Some(name) => match self.get(name) {
                    Some(known) => (**known).clone(),
                    None => {
                        let span = node.get("extends").map_or(node.span, |tree| tree.span);
                        self.unknown(span, name, &path.key("node").key("extends"), report);
                        Tree::empty(node.span)
                    }
                },
            };
            return Some(Arc::new(merge_machine(&above, node)));
        }
        let name = node.text()?;
        if let Some(known) = self.get(&name) {
            return Some(Arc::clone(known));
        }
        self.unknown(node.span, &name, &path.key("node"), report);
        None
    }

    fn unknown(&self, span: super::tree::Span, name: &str, path: &Path<'_>, report: &mut Report) {
        let message = format!("there is no template {} in nodes", quoted(name));
        let help = suggest(name, self.names());
        report.error(Problem { code: code::UNKNOWN_TEMPLATE, span, path, message, help });
    }
}

/// What may have been meant, or what there is.
pub fn suggest<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Option<String> {
    if let Some(near) = nearest(name, known.clone()) {
        return Some(format!("did you mean {near}?"));
    }
    let some: Vec<&str> = known.take(10).collect();
    if some.is_empty() { None } else { Some(format!("there are: {}", some.join(", "))) }
}

fn report_cycle(chain: &[&Entry], report: &mut Report) {
    let first = chain[0];
    let names: Vec<&str> = chain.iter().map(|entry| &*entry.key).chain([&*first.key]).take(20).collect();
    let message = format!("the templates extend each other in a circle: {}", names.join(" → "));
    let span = first.tree.get("extends").map_or(first.key_span, |tree| tree.span);
    report.error(Problem {
        code: code::EXTENDS_CYCLE,
        span,
        path: &Path::Root.key("nodes").key(&first.key).key("extends"),
        message,
        help: None,
    });
}

fn unknown_parent(entry: &Entry, parent: &str, own: &BTreeMap<&str, &Entry>, report: &mut Report) {
    let message = format!("extends {}, which is not in nodes", quoted(parent));
    let help = suggest(parent, own.keys().copied().filter(|name| *name != &*entry.key));
    let span = entry.tree.get("extends").map_or(entry.key_span, |tree| tree.span);
    report.error(Problem {
        code: code::UNKNOWN_TEMPLATE,
        span,
        path: &Path::Root.key("nodes").key(&entry.key).key("extends"),
        message,
        help,
    });
}

/// Lays settings of a machine over those from further up.
pub fn merge_machine(above: &Tree, below: &Tree) -> Tree {
    let gives = |key: &str| below.get(key).is_some();
    let custom = below.at(&["install", "profile"]).and_then(Tree::text).as_deref() == Some("custom");
    let dropped = |key: &str| match key {
        "extends" => true,
        "install" => gives("disko"),
        "disko" => gives("install") && !custom,
        _ => false,
    };
    let mut entries: Vec<Entry> = above.entries().iter().filter(|e| !dropped(&e.key)).cloned().collect();
    for entry in below.entries().iter().filter(|entry| &*entry.key != "extends") {
        lay(&mut entries, entry, Lists::of(&entry.key));
    }
    Tree { value: Value::Map(entries), span: below.span }
}

/// What a list further down does to the one further up.
#[derive(Clone, Copy)]
enum Lists {
    Replace,
    Add,
}

impl Lists {
    fn of(key: &str) -> Self {
        if key == "profiles" { Self::Add } else { Self::Replace }
    }
}

fn lay(entries: &mut Vec<Entry>, entry: &Entry, lists: Lists) {
    let at = entries.iter().position(|above| above.key == entry.key);
    match (at, &entry.tree.value) {
        (Some(at), Value::Null) => {
            entries.remove(at);
        }
        (None, Value::Null) => {}
        (Some(at), Value::Map(_)) if matches!(entries[at].tree.value, Value::Map(_)) => {
            let tree = merge_maps(&entries[at].tree, &entry.tree);
            entries[at] = Entry { tree, ..entry.clone() };
        }
        (Some(at), Value::List(items)) if matches!(lists, Lists::Add) => {
            let mut all = entries[at].tree.items().to_vec();
            let new: Vec<Tree> =
                items.iter().filter(|i| !all.iter().any(|a| a.value == i.value)).cloned().collect();
            all.extend(new);
            entries[at].tree.value = Value::List(all);
        }
        (Some(at), _) => entries[at] = without_nulls(entry),
        (None, _) => entries.push(without_nulls(entry)),
    }
}

fn merge_maps(above: &Tree, below: &Tree) -> Tree {
    let mut entries = above.entries().to_vec();
    for entry in below.entries() {
        lay(&mut entries, entry, Lists::Replace);
    }
    Tree { value: Value::Map(entries), span: below.span }
}

/// Nothing further up can be removed here, but a null further down means the same.
fn without_nulls(entry: &Entry) -> Entry {
    let Value::Map(entries) = &entry.tree.value else { return entry.clone() };
    let kept = entries.iter().filter(|below| below.tree.value != Value::Null).map(without_nulls).collect();
    Entry { tree: Tree { value: Value::Map(kept), span: entry.tree.span }, ..entry.clone() }
}
