//! Changes texts and trees a little, in ways that parsers and checks have to stand.

use nix8s_sim::random::Random;
use serde_json::Value;
use serde_json::json;

/// Pieces that mean something to a reader of YAML, JSON or a configuration.
const PIECES: &[&str] = &[
    "&a",
    "*a",
    "<<: *a",
    "!!int",
    "!",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ": ",
    "- ",
    "? ",
    "|",
    ">",
    "#",
    "\n",
    "\n\n",
    "\t",
    "  ",
    "---\n",
    "...\n",
    "null",
    "~",
    "true",
    "0",
    "-1",
    "1e9",
    "18446744073709551616",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "ü",
    "日本",
    "\\u0000",
    "\\",
    ",",
    "%YAML 1.1\n",
    "extends",
    "clusters",
    "nodes",
    "members",
    "${x}",
    "../..",
    "::1",
    "10.0.0.0/8",
    "1.34",
    "=",
    "\r\n",
    "\r",
];

/// Values in the place of others.
fn odd_value(random: &mut Random) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!(["a", "a"]),
        json!({"": null}),
        json!("../../x"),
        json!("a b"),
        json!("é"),
        json!("1.99"),
        json!("10.0.0.1"),
        json!("fe80::1"),
        json!("9".repeat(40)),
        json!("a".repeat(300)),
        json!("worker"),
        json!("control-plane"),
        json!("none"),
        json!("/dev/sda"),
        json!("5m"),
        json!("-5m"),
        json!([[[]]]),
    ];
    random.pick(&all).cloned().unwrap()
}

/// A text with one to eight changes; `other` is what may be grafted in.
pub fn bytes(random: &mut Random, text: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for _ in 0..random.between(1, 8) {
        let at = random.between(0, out.len() as u64) as usize;
        let to = (at + random.between(1, 20) as usize).min(out.len());
        match random.between(0, 9) {
            0 => drop(out.drain(at..to)),
            1 => out.truncate(at),
            2 | 3 => {
                let piece = random.pick(PIECES).unwrap().bytes();
                drop(out.splice(at..at, piece));
            }
            4 if at < out.len() => out[at] ^= 1 << random.between(0, 7),
            5 if at < out.len() => out[at] = random.bits() as u8,
            6 => {
                let piece = out[at..to].to_vec();
                drop(out.splice(at..at, piece));
            }
            7 => {
                let from = random.between(0, other.len() as u64) as usize;
                let piece = other[from..(from + 80).min(other.len())].to_vec();
                drop(out.splice(at..to, piece));
            }
            8 => {
                let piece = random.pick(PIECES).unwrap().bytes();
                drop(out.splice(at..to, piece));
            }
            _ => indent(random, &mut out, at),
        }
    }
    out
}

/// Moves the line at a place to the right or to the left.
fn indent(random: &mut Random, out: &mut Vec<u8>, at: usize) {
    let begin = out[..at].iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    if random.chance(500) {
        drop(out.splice(begin..begin, [b' ', b' ']));
    } else if out[begin..].starts_with(b"  ") {
        drop(out.drain(begin..begin + 2));
    }
}

/// A tree with one to four changes; `other` is what may be grafted in.
pub fn tree(random: &mut Random, tree: &Value, other: &Value) -> Value {
    let mut out = tree.clone();
    for _ in 0..random.between(1, 4) {
        let places = size(&out) as u64;
        let mut at = random.between(0, places - 1) as usize;
        if let Some(place) = nth(&mut out, &mut at) {
            change(random, place, other);
        }
    }
    out
}

fn change(random: &mut Random, place: &mut Value, other: &Value) {
    match (random.between(0, 5), &mut *place) {
        (0, Value::Object(map)) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            if let Some(key) = random.pick(&keys) {
                map.remove(key);
            }
        }
        (1, Value::Object(map)) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            if let Some(value) = random.pick(&keys).and_then(|key| map.get(key)).cloned() {
                let name = ["x", "", "a.b", "cp1", "extends", "\u{0}"];
                map.insert((*random.pick(&name).unwrap()).to_owned(), value);
            }
        }
        (0, Value::Array(items)) => drop(items.pop()),
        (1, Value::Array(items)) => items.extend(items.first().cloned()),
        (2, _) => {
            let mut other = other.clone();
            let mut at = random.between(0, size(&other) as u64 - 1) as usize;
            if let Some(graft) = nth(&mut other, &mut at) {
                *place = graft.take();
            }
        }
        (3, Value::String(text)) => {
            *place =
                Value::String(String::from_utf8_lossy(&bytes(random, text.as_bytes(), b"")).into_owned());
        }
        (_, place) => *place = odd_value(random),
    }
}

fn size(tree: &Value) -> usize {
    1 + match tree {
        Value::Object(map) => map.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn nth<'a>(tree: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(tree);
    }
    *at -= 1;
    match tree {
        Value::Object(map) => map.values_mut().find_map(|value| nth(value, at)),
        Value::Array(items) => items.iter_mut().find_map(|value| nth(value, at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The tree without one of its keys or items.
pub fn smaller_trees(tree: &Value) -> Vec<Value> {
    match tree {
        Value::Object(map) => {
            let without = |key: &String| {
                let mut less = map.clone();
                less.remove(key);
                Value::Object(less)
            };
            let inside = |(key, value): (&String, &Value)| {
                smaller_trees(value).into_iter().map(|smaller| with(map, key, smaller)).collect::<Vec<_>>()
            };
            map.keys().map(without).chain(map.iter().flat_map(inside)).collect()
        }
        Value::Array(items) => (0..items.len())
            .map(|at| {
                let mut less = items.clone();
                less.remove(at);
                Value::Array(less)
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn with(map: &serde_json::Map<String, Value>, key: &str, value: Value) -> Value {
    let mut changed = map.clone();
    changed.insert(key.to_owned(), value);
    Value::Object(changed)
}
