//! Trees as JSON: for digests, and for people and Nix.

use std::fmt::Write;

use super::tree::Tree;
use super::tree::Value;

/// Writes a tree with sorted keys, so that equal settings give equal texts.
pub fn canonical(tree: &Tree, out: &mut String) {
    match &tree.value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Integer(number) => write!(out, "{number}").expect("writing to a String"),
        // By value: 1.50 is 1.5. Where a text is meant, it has become one before.
        Value::Float(number, text) if !number.is_finite() => out.push_str(text),
        Value::Float(number, _) => write!(out, "{number:?}").expect("writing to a String"),
        Value::Text(text) => write!(out, "{text:?}").expect("writing to a String"),
        Value::List(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            out.push('{');
            for entry in sorted {
                write!(out, "{:?}:", entry.key).expect("writing to a String");
                canonical(&entry.tree, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

/// The tree as a JSON value; entries with `null` are left out, because they mean absence.
pub fn value(tree: &Tree) -> serde_json::Value {
    match &tree.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number, text) => {
            serde_json::Number::from_f64(*number).map_or_else(|| (**text).into(), serde_json::Value::Number)
        }
        Value::Text(text) => (**text).into(),
        Value::List(items) => items.iter().map(value).collect(),
        Value::Map(entries) => {
            let kept = entries.iter().filter(|entry| entry.tree.value != Value::Null);
            serde_json::Value::Object(kept.map(|entry| (entry.key.to_string(), value(&entry.tree))).collect())
        }
    }
}
