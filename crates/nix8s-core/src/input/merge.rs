//! Puts sources together into one document; a key given twice is an error that names both places.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::At;
use super::code;
use super::report::Path;
use super::report::Problem;
use super::report::Report;
use super::report::quoted;
use super::tree::Entry;
use super::tree::Span;
use super::tree::Tree;
use super::tree::Value;

/// One document from several trees.
pub fn merge(parts: Vec<(At, Tree)>, report: &mut Report) -> Tree {
    let mut document = Tree::empty(Span::default());
    for (at, tree) in parts {
        let span = tree.span;
        if document.span == Span::default() {
            document.span = span;
        }
        let tree = match at {
            At::Document | At::Flake => tree,
            At::Key(key) => nest(&[&key], tree),
            At::Node(name) => nest(&["nodes", &name], tree),
            At::Cluster(name) => nest(&["clusters", &name], tree),
        };
        match &tree.value {
            Value::Null => {}
            Value::Map(_) => lay(&mut document, tree, &Path::Root, &Together::Document, report),
            _ => {
                let message =
                    format!("is {}, but should be a map with nodes, clusters, provisioning", tree.kind());
                report.error(Problem { code: code::KIND, span, path: &Path::Root, message, help: None });
            }
        }
    }
    document
}

fn nest(keys: &[&str], tree: Tree) -> Tree {
    keys.iter().rev().fold(tree, |tree, key| {
        let span = tree.span;
        let entry = Entry { key: Arc::from(*key), key_span: span, tree };
        Tree { value: Value::Map(vec![entry]), span }
    })
}

/// Where maps of several sources are put together; everything else has one place.
enum Together {
    /// The document, and what stands below its keys.
    Document,
    /// `clusters`: a fragment may add members to a cluster.
    Clusters,
    /// A cluster.
    Cluster,
    /// `nodes`, `members`, `policy` and the like: their entries have one place.
    Entries,
}

impl Together {
    fn below(&self, key: &str) -> Option<Self> {
        match self {
            Self::Document if key == "clusters" => Some(Self::Clusters),
            Self::Document => Some(Self::Entries),
            Self::Clusters => Some(Self::Cluster),
            Self::Cluster if key == "members" => Some(Self::Entries),
            Self::Cluster | Self::Entries => None,
        }
    }
}

fn lay(into: &mut Tree, from: Tree, path: &Path<'_>, here: &Together, report: &mut Report) {
    let Value::Map(new) = from.value else { return };
    let Some(entries) = into.entries_mut() else { return };
    if entries.is_empty() {
        *entries = new;
        return;
    }
    let mut places: BTreeMap<Arc<str>, usize> =
        entries.iter().enumerate().map(|(at, entry)| (Arc::clone(&entry.key), at)).collect();
    for entry in new {
        let Some(at) = places.get(&entry.key).copied() else {
            places.insert(Arc::clone(&entry.key), entries.len());
            entries.push(entry);
            continue;
        };
        let path = &path.key(&entry.key);
        let maps = matches!((&entries[at].tree.value, &entry.tree.value), (Value::Map(_), Value::Map(_)));
        if let Some(below) = here.below(&entry.key).filter(|_| maps) {
            lay(&mut entries[at].tree, entry.tree, path, &below, report);
        } else {
            let first = report.show(entries[at].key_span);
            let message = format!("{} is given here and {first}", quoted(&entry.key));
            let help = Some("keep it in one of the two places".to_owned());
            report.error(Problem { code: code::GIVEN_TWICE, span: entry.key_span, path, message, help });
        }
    }
}
