//! Turns numbers into texts where texts are wanted: `26.10` without quotes is the release 26.10, in every digest and
//! every document that is printed.

use std::sync::Arc;

use super::super::tree::Tree;
use super::super::tree::Value;
use super::Kind;
use super::walk::fits;

/// Settles what stands in a checked document.
pub fn settle(tree: &mut Tree, kind: &Kind) {
    if let Kind::Either(kinds) = kind {
        if let Some(kind) = kinds.iter().find(|kind| fits(kind, tree)) {
            settle(tree, kind);
        }
        return;
    }
    match (&mut tree.value, kind) {
        (Value::Integer(number), Kind::Text(_)) => tree.value = Value::Text(number.to_string().into()),
        (Value::Float(_, text), Kind::Text(_)) => tree.value = Value::Text(Arc::clone(text)),
        (Value::Map(entries), _) => {
            for entry in entries {
                if let Some(kind) = kind.below(&entry.key) {
                    settle(&mut entry.tree, kind);
                }
            }
        }
        (Value::List(items), _) => {
            if let Some(kind) = kind.item() {
                items.iter_mut().for_each(|item| settle(item, kind));
            }
        }
        (Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(..) | Value::Text(_), _) => {}
    }
}
