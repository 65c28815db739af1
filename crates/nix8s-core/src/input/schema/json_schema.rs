//! The tables as a JSON Schema, for editors: what may stand where, as far as that can be said without the whole
//! document.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::DOCUMENT;
use super::Key;
use super::Kind;
use super::Note;

/// The schema of a document (2020-12).
pub fn json_schema() -> Value {
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A configuration of nix8s",
    });
    if let (Value::Object(all), Value::Object(document)) = (&mut all, of(&DOCUMENT)) {
        all.extend(document);
    }
    all
}

/// `null` fits everywhere in a map: it removes what a template says.
fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Any => json!({}),
        Kind::AnyMap => json!({ "type": ["object", "null"] }),
        Kind::Flag => json!({ "type": ["boolean", "null"] }),
        Kind::Int(least, most) => json!({ "type": ["integer", "null"], "minimum": least, "maximum": most }),
        Kind::Number(least, most) => {
            let mut number = json!({ "type": ["number", "null"] });
            for (key, bound) in [("minimum", least), ("maximum", most)] {
                if bound.abs() < f64::MAX {
                    number[key] = json!(bound);
                }
            }
            number
        }
        // A version such as 1.34 is read as a text even without quotes.
        Kind::Text(form) => json!({ "type": ["string", "number", "null"], "description": form.what }),
        Kind::Words(words, older) => words_(words, older),
        Kind::List(item) => json!({ "type": ["array", "null"], "items": without_null(of(item)) }),
        Kind::Table(tables) => table(tables),
        Kind::Named(name, below) => json!({
            "type": ["object", "null"],
            "description": format!("by name: {}", name.what),
            "patternProperties": { "^x-": true },
            "additionalProperties": of(below),
        }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(of).collect::<Vec<_>>() }),
    }
}

fn words_(words: &[&str], older: &[&str]) -> Value {
    let word = |word: &&str| match *word {
        "true" => json!(true),
        "false" => json!(false),
        word => json!(word),
    };
    let all: Vec<Value> = words.iter().chain(older).map(word).chain([Value::Null]).collect();
    json!({ "enum": all })
}

/// Items of lists are never left out.
fn without_null(mut schema: Value) -> Value {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| *kind != "null");
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    if let Some(kinds) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        kinds.iter_mut().for_each(|kind| *kind = without_null(kind.take()));
    }
    schema
}

fn table(tables: &[&[Key]]) -> Value {
    let keys = tables.iter().flat_map(|table| table.iter());
    let properties: Map<String, Value> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": { "^x-": true },
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = of(&key.kind);
    match key.note {
        Note::Now => {}
        Note::Later(what) => {
            schema["description"] =
                format!("{what}: read and checked, carried out by a later version").into();
        }
        Note::Older(now) => {
            schema["deprecated"] = true.into();
            schema["description"] = format!("an older spelling; today: {now}").into();
        }
        Note::Secret => {
            schema["writeOnly"] = true.into();
            schema["description"] = "a secret: better kept in the encrypted file than here".into();
        }
    }
    schema
}
