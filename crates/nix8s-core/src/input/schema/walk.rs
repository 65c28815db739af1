//! Holds a document against the tables and reports everything that does not fit.

use super::super::code;
use super::super::form::Form;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::tree::Entry;
use super::super::tree::Tree;
use super::super::tree::Value;
use super::Key;
use super::Kind;
use super::Note;

/// Checks what stands at a path. `null` fits everywhere: it means that nothing stands there.
pub fn check(tree: &Tree, kind: &Kind, path: &Path<'_>, report: &mut Report) {
    if tree.value == Value::Null {
        return;
    }
    match kind {
        Kind::Any => {}
        Kind::AnyMap => expect(matches!(tree.value, Value::Map(_)), tree, kind, path, report),
        Kind::Flag => flag(tree, path, report),
        Kind::Int(least, most) => int(tree, *least, *most, path, report),
        Kind::Number(least, most) => number(tree, *least, *most, path, report),
        Kind::Text(form) => text(tree, form, path, report),
        Kind::Words(words, older) => words_(tree, words, older, path, report),
        Kind::List(item) => match &tree.value {
            Value::List(items) => {
                for (index, tree) in items.iter().enumerate() {
                    if tree.value == Value::Null {
                        wrong_kind(tree, item, &path.item(index), report);
                    }
                    check(tree, item, &path.item(index), report);
                }
            }
            _ => wrong_kind(tree, kind, path, report),
        },
        Kind::Table(tables) => match &tree.value {
            Value::Map(entries) => table(entries, tables, path, report),
            _ => wrong_kind(tree, kind, path, report),
        },
        Kind::Named(name, kind_below) => match &tree.value {
            Value::Map(entries) => {
                for entry in entries.iter().filter(|entry| !is_extension(&entry.key)) {
                    let path = &path.key(&entry.key);
                    if let Err(help) = (name.check)(&entry.key) {
                        let message = format!("the name {} is not {}", quoted(&entry.key), name.what);
                        report.error(Problem { code: code::NAME, span: entry.key_span, path, message, help });
                    }
                    check(&entry.tree, kind_below, path, report);
                }
            }
            _ => wrong_kind(tree, kind, path, report),
        },
        Kind::Either(kinds) => match kinds.iter().find(|kind| shape(kind) == shape_of(tree)) {
            Some(kind) => check(tree, kind, path, report),
            None => wrong_kind(tree, kind, path, report),
        },
    }
}

/// Keys that belong to third-party modules and are never looked at.
pub fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

fn table(entries: &[Entry], tables: &[&[Key]], path: &Path<'_>, report: &mut Report) {
    for entry in entries {
        let known = tables.iter().flat_map(|table| table.iter()).find(|key| *key.name == *entry.key);
        match known {
            Some(key) => check(&entry.tree, &key.kind, &path.key(&entry.key), report),
            None if is_extension(&entry.key) => {}
            None => unknown_key(entry, tables, path, report),
        }
    }
}

fn unknown_key(entry: &Entry, tables: &[&[Key]], path: &Path<'_>, report: &mut Report) {
    let names = || tables.iter().flat_map(|table| table.iter()).map(|key| key.name);
    let keys = tables.iter().flat_map(|table| table.iter());
    let today: Vec<&str> =
        keys.filter(|key| !matches!(key.note, Note::Older(_))).map(|key| key.name).collect();
    let help = match &*entry.key {
        "<<" => "YAML merge keys belong to YAML 1.1; use a template with extends".to_owned(),
        key => match nearest(key, names()) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("known here: {}", today.join(", ")),
        },
    };
    let message = format!("unknown key {}", quoted(&entry.key));
    let (table, path) = (path, &path.key(&entry.key));
    let span = entry.key_span;
    report.unknown_key(table, Problem { code: code::UNKNOWN_KEY, span, path, message, help: Some(help) });
}

/// The known word that was probably meant.
pub fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let far = (word.chars().count() / 3).max(1) + 1;
    known
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance < far.max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn flag(tree: &Tree, path: &Path<'_>, report: &mut Report) {
    if tree.truth().is_some() {
        return;
    }
    let help = match tree.text().as_deref() {
        Some("yes" | "Yes" | "on" | "On" | "y" | "1") => Some("write true".to_owned()),
        Some("no" | "No" | "off" | "Off" | "n" | "0") => Some("write false".to_owned()),
        Some("true" | "false") => Some("write it without quotes".to_owned()),
        _ => None,
    };
    mismatch(tree, "true or false", help, path, report);
}

fn int(tree: &Tree, least: i64, most: i64, path: &Path<'_>, report: &mut Report) {
    let Some(number) = tree.integer() else {
        return mismatch(tree, "a whole number", None, path, report);
    };
    if !(least..=most).contains(&number) {
        let message = format!("{number} is not within {least} to {most}");
        report.error(Problem { code: code::RANGE, span: tree.span, path, message, help: None });
    }
}

fn number(tree: &Tree, least: f64, most: f64, path: &Path<'_>, report: &mut Report) {
    let good = match tree.value {
        Value::Integer(_) => true,
        Value::Float(number, _) => (least..=most).contains(&number),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => false,
    };
    if !good {
        mismatch(tree, "a number", None, path, report);
    }
}

fn text(tree: &Tree, form: &Form, path: &Path<'_>, report: &mut Report) {
    let Some(text) = tree.text() else {
        return mismatch(tree, form.what, None, path, report);
    };
    if let Err(help) = (form.check)(&text) {
        let message = format!("{} is not {}", quoted(&text), form.what);
        report.error(Problem { code: code::FORM, span: tree.span, path, message, help });
    }
}

fn words_(tree: &Tree, words: &[&str], older: &[&str], path: &Path<'_>, report: &mut Report) {
    let word = match tree.value {
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        _ => match tree.text() {
            Some(text) => text,
            None => return mismatch(tree, &one_of(words), None, path, report),
        },
    };
    if words.contains(&&*word) || older.contains(&&*word) {
        return;
    }
    let help = nearest(&word, words.iter().copied()).map(|near| format!("did you mean {near}?"));
    let message = format!("{} is not {}", quoted(&word), one_of(words));
    report.error(Problem { code: code::WORD, span: tree.span, path, message, help });
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "anything known".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[derive(PartialEq)]
enum Shape {
    Map,
    List,
    Flag,
    Scalar,
}

fn shape(kind: &Kind) -> Shape {
    match kind {
        Kind::AnyMap | Kind::Table(_) | Kind::Named(..) => Shape::Map,
        Kind::List(_) => Shape::List,
        Kind::Flag => Shape::Flag,
        Kind::Any | Kind::Int(..) | Kind::Number(..) | Kind::Text(_) | Kind::Words(..) | Kind::Either(_) => {
            Shape::Scalar
        }
    }
}

fn shape_of(tree: &Tree) -> Shape {
    match tree.value {
        Value::Map(_) => Shape::Map,
        Value::List(_) => Shape::List,
        Value::Bool(_) => Shape::Flag,
        Value::Null | Value::Integer(_) | Value::Float(..) | Value::Text(_) => Shape::Scalar,
    }
}

/// What may stand somewhere, in words; bounds, words and the insides of lists and maps too.
pub fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Int(least, most) => format!("a whole number from {least} to {most}"),
        Kind::List(item) => format!("a list, each item {}", describe(item)),
        Kind::Named(form, below) => {
            format!("a map; each key is {}, and holds {}", form.what, describe(below))
        }
        Kind::Either(kinds) => kinds.iter().map(describe).collect::<Vec<_>>().join(", or "),
        Kind::Any | Kind::AnyMap => format!("{}, handed on as it is", name(kind)),
        Kind::Flag | Kind::Number(..) | Kind::Text(_) | Kind::Words(..) | Kind::Table(_) => name(kind),
    }
}

/// Whether this is the one of several kinds that is meant.
pub fn fits(kind: &Kind, tree: &Tree) -> bool {
    shape(kind) == shape_of(tree)
}

/// What a kind is called, for people.
fn name(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::AnyMap | Kind::Table(_) | Kind::Named(..) => "a map".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Int(..) => "a whole number".to_owned(),
        Kind::Number(..) => "a number".to_owned(),
        Kind::Text(form) => form.what.to_owned(),
        Kind::Words(words, _) => one_of(words),
        Kind::List(_) => "a list".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(", or "),
    }
}

fn expect(good: bool, tree: &Tree, kind: &Kind, path: &Path<'_>, report: &mut Report) {
    if !good {
        wrong_kind(tree, kind, path, report);
    }
}

fn wrong_kind(tree: &Tree, kind: &Kind, path: &Path<'_>, report: &mut Report) {
    let help = match kind {
        Kind::List(_) if shape_of(tree) == Shape::Scalar => {
            Some("write it as a list of one: [ … ]".to_owned())
        }
        _ => None,
    };
    mismatch(tree, &name(kind), help, path, report);
}

fn mismatch(tree: &Tree, wanted: &str, help: Option<String>, path: &Path<'_>, report: &mut Report) {
    let message = format!("is {}, but should be {wanted}", tree.kind());
    report.error(Problem { code: code::KIND, span: tree.span, path, message, help });
}

/// Every path of keys that the tables know, for example `clusters.*.ha.vip`; older spellings left out.
pub fn known_paths(kind: &'static Kind) -> Vec<String> {
    let mut all = Vec::new();
    each_key(kind, "", &mut |path, key| {
        if matches!(key.note, Note::Older(_)) {
            return Below::Leave;
        }
        all.push(path.to_owned());
        Below::Look
    });
    all
}

/// Whether the keys below a key are wanted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Yes.
    Look,
    /// No.
    Leave,
}

/// Shows every key of the tables with its path, each before those below it.
pub fn each_key(kind: &'static Kind, prefix: &str, see: &mut dyn FnMut(&str, &'static Key) -> Below) {
    for key in kind.keys() {
        let path = join(prefix, key.name);
        if see(&path, key) == Below::Look {
            each_key(&key.kind, &path, see);
        }
    }
    for (mark, below) in kind.insides() {
        each_key(below, &format!("{prefix}{mark}"), see);
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Every path of keys that a document uses, in the spelling of [`known_paths`].
pub fn used_paths(tree: &Tree, kind: &Kind) -> std::collections::BTreeSet<String> {
    let mut all = std::collections::BTreeSet::new();
    collect_used(tree, kind, "", &mut all);
    all
}

fn collect_used(tree: &Tree, kind: &Kind, prefix: &str, all: &mut std::collections::BTreeSet<String>) {
    match kind {
        Kind::Table(tables) => {
            for key in tables.iter().flat_map(|table| table.iter()) {
                if let Some(below) = tree.get(key.name) {
                    let path = join(prefix, key.name);
                    collect_used(below, &key.kind, &path, all);
                    all.insert(path);
                }
            }
        }
        Kind::Named(_, below) => {
            let path = format!("{prefix}.*");
            tree.entries().iter().for_each(|entry| collect_used(&entry.tree, below, &path, all));
        }
        Kind::List(below) => {
            let path = format!("{prefix}[]");
            tree.items().iter().for_each(|item| collect_used(item, below, &path, all));
        }
        Kind::Either(kinds) => {
            if let Some(kind) = kinds.iter().find(|kind| shape(kind) == shape_of(tree)) {
                collect_used(tree, kind, prefix, all);
            }
        }
        Kind::Any
        | Kind::AnyMap
        | Kind::Flag
        | Kind::Int(..)
        | Kind::Number(..)
        | Kind::Text(_)
        | Kind::Words(..) => {}
    }
}
