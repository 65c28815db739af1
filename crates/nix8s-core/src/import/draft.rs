//! The document that an importer writes.

use serde_json::Map;
use serde_json::Value;

/// A document that grows key by key.
#[derive(Debug, Default)]
pub struct Draft {
    root: Value,
    twice: Vec<Twice>,
}

/// A setting that the earlier document gives in two places, differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// Where it stands today.
    pub path: String,
    /// What was there.
    pub first: Value,
    /// What is there now.
    pub last: Value,
}

impl Draft {
    /// Puts a value at a path; a map is laid over one that is there already, key by key.
    pub fn put(&mut self, path: &[&str], value: impl Into<Value>) {
        let at = path.iter().fold(&mut self.root, |at, key| {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at.as_object_mut().expect("it has just been made one").entry(*key).or_insert(Value::Null)
        });
        lay(at, value.into(), &path.join("."), &mut self.twice);
    }

    /// Adds an item to the list at a path.
    pub fn push(&mut self, path: &[&str], item: Value) {
        let mut items = match self.get(path) {
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        };
        items.push(item);
        // A list that grows is not given twice.
        self.remove(path);
        self.put(path, items);
    }

    fn remove(&mut self, path: &[&str]) {
        if let Some((last, above)) = path.split_last()
            && let Some(Value::Object(map)) =
                above.iter().try_fold(&mut self.root, |at, key| at.get_mut(*key))
        {
            map.remove(*last);
        }
    }

    /// What stands at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.root, |at, key| at.get(*key)).filter(|value| !value.is_null())
    }

    /// The document, and what was given twice.
    pub fn finish(self) -> (Value, Vec<Twice>) {
        let root = if self.root.is_null() { Value::Object(Map::new()) } else { self.root };
        (root, self.twice)
    }
}

fn lay(into: &mut Value, from: Value, path: &str, twice: &mut Vec<Twice>) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                let path = format!("{path}.{key}");
                lay(into.entry(key).or_insert(Value::Null), value, &path, twice);
            }
        }
        (into, from) => {
            let first = std::mem::replace(into, from);
            if !first.is_null() && first != *into {
                twice.push(Twice { path: path.to_owned(), first, last: into.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_are_laid_over_each_other_and_lists_grow() {
        let mut draft = Draft::default();
        draft.put(&["a", "b"], json!({ "c": 1 }));
        draft.put(&["a", "b"], json!({ "d": 2 }));
        draft.push(&["a", "l"], json!("x"));
        draft.push(&["a", "l"], json!("y"));
        let whole = json!({ "a": { "b": { "c": 1, "d": 2 }, "l": ["x", "y"] } });
        assert_eq!(draft.finish(), (whole, Vec::new()));
        assert_eq!(Draft::default().finish().0, json!({}));
    }

    #[test]
    fn a_setting_that_is_given_twice_is_known() {
        let mut draft = Draft::default();
        draft.put(&["a", "b"], 1);
        draft.put(&["a"], json!({ "b": 1 }));
        draft.put(&["a"], json!({ "b": 2 }));
        let twice = Twice { path: "a.b".to_owned(), first: json!(1), last: json!(2) };
        assert_eq!(draft.finish(), (json!({ "a": { "b": 2 } }), vec![twice]));
    }
}
