//! The document as it was written: of all its sources, in today's spellings, without the values of secrets.

use serde_json::Map;
use serde_json::Value as Json;

use super::report::Path;
use super::schema::DOCUMENT;
use super::schema::Kind;
use super::schema::Note;
use super::tree::Tree;
use super::tree::Value;

/// A document to write into a file.
#[derive(Debug, Clone)]
pub struct Written {
    /// The document; `null` is kept, because it removes what a template says.
    pub document: Json,
    /// Where secrets stood, whose values are left out.
    pub secrets: Vec<String>,
}

/// The written form of a checked document.
pub fn written(document: &Tree) -> Written {
    let mut secrets = Vec::new();
    let document = plain(document, Some(&DOCUMENT), &Path::Root, &mut secrets);
    Written { document, secrets }
}

fn plain(tree: &Tree, kind: Option<&Kind>, path: &Path<'_>, secrets: &mut Vec<String>) -> Json {
    match &tree.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Integer(number) => (*number).into(),
        // Where a text is wanted there is one by now; everything else is a number, however it was written.
        Value::Float(number, text) => {
            serde_json::Number::from_f64(*number).map_or_else(|| (**text).into(), Json::Number)
        }
        Value::Text(text) => (**text).into(),
        Value::List(items) => {
            let kind = kind.and_then(Kind::item);
            let one = |(index, item)| plain(item, kind, &path.item(index), secrets);
            Json::Array(items.iter().enumerate().map(one).collect())
        }
        Value::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                let path = path.key(&entry.key);
                if kind.is_some_and(|kind| is_secret(kind, &entry.key)) && entry.tree.value != Value::Null {
                    secrets.push(path.to_string());
                    continue;
                }
                let below = kind.and_then(|kind| kind.below(&entry.key));
                map.insert(entry.key.to_string(), plain(&entry.tree, below, &path, secrets));
            }
            Json::Object(map)
        }
    }
}

fn is_secret(kind: &Kind, key: &str) -> bool {
    let Kind::Table(tables) = kind else { return false };
    tables.iter().flat_map(|table| table.iter()).any(|known| known.name == key && known.note == Note::Secret)
}
