//! The tables as a JSON Schema, for editors: what may stand where, as far as that can be said without the whole
//! document.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::DOCUMENT;
use super::Key;
use super::Kind;
use super::Note;
use super::about::about;

/// The schema of a document (2020-12).
pub fn json_schema() -> Value {
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A configuration of nix8s",
    });
    if let (Value::Object(all), Value::Object(document)) = (&mut all, of(&DOCUMENT, "")) {
        all.extend(document);
    }
    all
}

/// `null` fits everywhere in a map: it removes what a template says.
fn of(kind: &Kind, path: &str) -> Value {
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
        Kind::List(item) => {
            json!({ "type": ["array", "null"], "items": without_null(of(item, &format!("{path}[]"))) })
        }
        Kind::Table(tables) => table(tables, path),
        Kind::Named(name, below) => json!({
            "type": ["object", "null"],
            "description": format!("by name: {}", name.what),
            "patternProperties": { "^x-": true },
            "additionalProperties": of(below, &format!("{path}.*")),
        }),
        Kind::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(|kind| of(kind, path)).collect::<Vec<_>>() })
        }
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

fn table(tables: &[&[Key]], path: &str) -> Value {
    let keys = tables.iter().flat_map(|table| table.iter());
    let dot = if path.is_empty() { "" } else { "." };
    let one = |key: &Key| (key.name.to_owned(), property(key, &format!("{path}{dot}{}", key.name)));
    let properties: Map<String, Value> = keys.map(one).collect();
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": { "^x-": true },
        "additionalProperties": false,
    })
}

/// A key: what it is for, how it is written, and whether it is honoured now.
fn property(key: &Key, path: &str) -> Value {
    let mut schema = of(&key.kind, path);
    let mut sentences: Vec<String> = about(path).map(str::to_owned).into_iter().collect();
    if let Some(form) = schema["description"].as_str() {
        sentences.push(format!("Written as {form}."));
    }
    match key.note {
        Note::Now => {}
        Note::Later(what) => {
            sentences.push(format!("Read and checked; a later version carries it out ({what})."));
        }
        Note::Older(now) => {
            schema["deprecated"] = true.into();
            sentences.push(format!("An older spelling; today: {now}."));
        }
        Note::Secret => {
            schema["writeOnly"] = true.into();
            sentences.push("A secret: better kept in the encrypted file than here.".to_owned());
        }
    }
    if !sentences.is_empty() {
        schema["description"] = sentences.join(" ").into();
    }
    schema
}
