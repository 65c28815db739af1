//! An earlier document out of which settings are taken: what nobody took is named at the end.

use serde_json::Value as Json;

use super::draft::Twice;
use super::note::Note;
use super::note::Why;
use super::secret::is_secret;
use crate::input::Diagnostic;
use crate::input::code;
use crate::input::parse::parse;
use crate::input::report::Path;
use crate::input::report::Problem;
use crate::input::report::Report;
use crate::input::tree::Entry;
use crate::input::tree::Tree;
use crate::input::tree::Value;

/// The key under which the Nix side marks what JSON cannot say.
const MARK: &str = "_nix8s";

/// A document, and what there is to say about it.
#[derive(Debug)]
pub struct Source {
    root: Tree,
    notes: Vec<Note>,
}

impl Source {
    /// Reads the JSON form of a document.
    ///
    /// # Errors
    /// When it is not JSON, or no map.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let mut report = Report::on(vec![Some(name.to_owned())]);
        let Some(root) = parse(0, bytes, &mut report) else { return Err(report.into_diagnostics()) };
        if !matches!(root.value, Value::Map(_)) {
            let message = format!("is {}, but should be a map", root.kind());
            let problem =
                Problem { code: code::KIND, span: root.span, path: &Path::Root, message, help: None };
            report.error(problem);
        }
        if report.is_clean() { Ok(Self { root, notes: Vec::new() }) } else { Err(report.into_diagnostics()) }
    }

    /// The whole document, to take from.
    pub fn all(&mut self) -> Part<'_> {
        Part { source: self, path: Vec::new() }
    }

    /// Notes a setting that the document gives in two places.
    pub fn twice(&mut self, twice: Twice) {
        let Twice { path, first, last } = twice;
        let message = format!("is given twice, as {first} and as {last}; the last holds");
        let help = "look which of the two was meant".to_owned();
        self.notes.push(Note { path, why: Why::Changed, message, help });
    }

    /// What there is to say, with everything that nobody took.
    pub fn finish(mut self) -> Vec<Note> {
        let mut left = Vec::new();
        leftovers(&self.root, "", &mut left);
        for path in left {
            let message = "is a key that this import does not know".to_owned();
            let help = "see what it did there; NixOS options go below nixos of a template".to_owned();
            self.notes.push(Note { path, why: Why::Left, message, help });
        }
        self.notes.sort();
        self.notes.dedup();
        self.notes
    }
}

fn leftovers(tree: &Tree, path: &str, all: &mut Vec<String>) {
    match &tree.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries {
                leftovers(&entry.tree, &joined(path, &entry.key), all);
            }
        }
        Value::List(items) if items.is_empty() => {}
        Value::Bool(_) | Value::Integer(_) | Value::Float(..) | Value::Text(_) | Value::List(_) => {
            all.push(path.to_owned());
        }
    }
}

/// A path with one more key, as problems print it.
fn joined(path: &str, key: &str) -> String {
    // An item of a list that was put back: its index is no part of the name.
    let (name, index) = match key.split_once('[') {
        Some((name, index)) if index.strip_suffix(']').is_some_and(|n| n.parse::<usize>().is_ok()) => {
            (name, Some(index))
        }
        _ => (key, None),
    };
    let name = Path::Root.key(name).to_string();
    let name = if path.is_empty() { name } else { format!("{path}.{name}") };
    index.map_or(name.clone(), |index| format!("{name}[{index}"))
}

/// A map inside a document, to take from.
#[derive(Debug)]
pub struct Part<'s> {
    source: &'s mut Source,
    path: Vec<String>,
}

impl Part<'_> {
    /// The map under a path.
    pub fn below(&mut self, path: &[&str]) -> Part<'_> {
        let path = self.path.iter().cloned().chain(path.iter().map(|key| (*key).to_owned())).collect();
        Part { source: self.source, path }
    }

    /// What stands at a path, and stays there.
    pub fn peek(&self, path: &[&str]) -> Option<&Tree> {
        let at = self.path.iter().try_fold(&self.source.root, |tree, key| tree.get(key));
        path.iter().try_fold(at?, |tree, key| tree.get(key))
    }

    /// The keys of the map.
    pub fn keys(&self) -> Vec<String> {
        let entries = self.peek(&[]).map(Tree::entries).unwrap_or_default();
        entries.iter().map(|entry| entry.key.to_string()).collect()
    }

    /// Takes what stands at a path: it counts as understood.
    pub fn take(&mut self, path: &[&str]) -> Option<Tree> {
        let (last, above) = path.split_last()?;
        let mut keys = self.path.iter().map(String::as_str).chain(above.iter().copied());
        let parent = keys.try_fold(&mut self.source.root, |tree, key| {
            tree.entries_mut()?.iter_mut().find(|entry| &*entry.key == key).map(|entry| &mut entry.tree)
        })?;
        parent.take(last).map(|entry| entry.tree).filter(|tree| tree.value != Value::Null)
    }

    /// Whether nothing is said at a path.
    pub fn is_empty(&self, path: &[&str]) -> bool {
        self.peek(path).is_none_or(is_empty)
    }

    /// Takes everything that is left here.
    pub fn take_all(&mut self) {
        for key in self.keys() {
            self.take(&[&key]);
        }
    }

    /// Takes a text.
    pub fn text(&mut self, path: &[&str]) -> Option<String> {
        self.peek(path)?.text()?;
        self.take(path)?.text().map(std::borrow::Cow::into_owned)
    }

    /// Takes a truth value.
    pub fn flag(&mut self, path: &[&str]) -> Option<bool> {
        self.peek(path)?.truth()?;
        self.take(path)?.truth()
    }

    /// Takes the items of a list; keys of the notes about them are `key[0]`, `key[1]`, ….
    pub fn items(&mut self, path: &[&str]) -> Vec<Tree> {
        if self.peek(path).is_none_or(|tree| !matches!(tree.value, Value::List(_))) {
            return Vec::new();
        }
        self.take(path).map(|tree| tree.items().to_vec()).unwrap_or_default()
    }

    /// Takes the texts of a list with their indices; what is no text stays, to be named.
    pub fn texts(&mut self, path: &[&str]) -> Vec<(usize, String)> {
        let Some((last, above)) = path.split_last() else { return Vec::new() };
        let mut texts = Vec::new();
        for (index, item) in self.items(path).into_iter().enumerate() {
            match item.text() {
                Some(text) => texts.push((index, text.into_owned())),
                None => self.below(above).put_back(&format!("{last}[{index}]"), item),
            }
        }
        texts
    }

    /// Takes what stands at a path as JSON, without what cannot or must not be carried over, which is noted.
    pub fn value(&mut self, path: &[&str]) -> Option<Json> {
        let tree = self.take(path)?;
        self.carry(path, &tree)
    }

    /// The JSON of something that was taken from a path.
    pub fn carry(&mut self, path: &[&str], tree: &Tree) -> Option<Json> {
        let at = self.path_of(path);
        let key = path.last().copied().unwrap_or_default();
        carry(tree, key, &at, &mut self.source.notes)
    }

    /// Puts something back under a key, for a part of its own.
    pub fn put_back(&mut self, key: &str, tree: Tree) {
        let at = self.path.iter().try_fold(&mut self.source.root, |tree, key| {
            let entries = tree.entries_mut()?;
            entries.iter_mut().find(|entry| *entry.key == **key).map(|entry| &mut entry.tree)
        });
        if let Some(entries) = at.and_then(Tree::entries_mut) {
            entries.push(Entry { key: key.into(), key_span: tree.span, tree });
        }
    }

    /// The printed path of a key.
    pub fn path_of(&self, path: &[&str]) -> String {
        let keys = self.path.iter().map(String::as_str).chain(path.iter().copied());
        keys.fold(String::new(), |path, key| joined(&path, key))
    }

    /// Says something about a key.
    pub fn note(&mut self, why: Why, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let path = self.path_of(path);
        self.source.notes.push(Note { path, why, message: message.into(), help: help.into() });
    }

    /// Takes items out of a list for which there is a reason to, and says the reason.
    pub fn retain(&mut self, path: &[&str], gone: impl Fn(&Tree) -> Option<String>) {
        let Some((last, above)) = path.split_last() else { return };
        let Some(Tree { value: Value::List(items), span }) = self.peek(path).cloned() else { return };
        let mut kept = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match gone(&item) {
                None => kept.push(item),
                Some(why) => {
                    let key = format!("{last}[{index}]");
                    self.note(Why::Left, &[above, &[&key]].concat(), why, "write what was meant");
                }
            }
        }
        self.take(path);
        if !kept.is_empty() {
            self.below(above).put_back(last, Tree { value: Value::List(kept), span });
        }
    }

    /// Takes a key away and says why it is not carried over; nothing happens when it is not there.
    pub fn leave(&mut self, path: &[&str], message: &str, help: &str) {
        if self.take(path).is_some_and(|tree| !is_empty(&tree)) {
            self.note(Why::Left, path, message, help);
        }
    }
}

fn is_empty(tree: &Tree) -> bool {
    match &tree.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.iter().all(|entry| is_empty(&entry.tree)),
        Value::Bool(_) | Value::Integer(_) | Value::Float(..) | Value::Text(_) => false,
    }
}

/// What the Nix side says about a value that JSON cannot hold: what it is, and its name.
pub fn mark(tree: &Tree) -> Option<String> {
    tree.get(MARK)?.text().map(std::borrow::Cow::into_owned)
}

fn carry(tree: &Tree, key: &str, path: &str, notes: &mut Vec<Note>) -> Option<Json> {
    if let Some(what) = mark(tree) {
        let message = format!("is {what}, which cannot stand in YAML");
        let help = "write it into a Nix module and name that under nixosModules".to_owned();
        notes.push(Note { path: path.to_owned(), why: Why::Left, message, help });
        return None;
    }
    match &tree.value {
        Value::Null => None,
        Value::Bool(truth) => Some((*truth).into()),
        Value::Integer(number) => Some((*number).into()),
        Value::Float(number, text) => Some(
            serde_json::Number::from_f64(*number)
                .filter(|number| number.to_string() == **text)
                .map_or_else(|| (**text).into(), Json::Number),
        ),
        Value::Text(text) => carry_text(text, key, path, notes),
        Value::List(items) => {
            let one = |(index, item)| carry(item, key, &format!("{path}[{index}]"), notes);
            let carried: Vec<Json> = items.iter().enumerate().filter_map(one).collect();
            (items.is_empty() || !carried.is_empty()).then_some(Json::Array(carried))
        }
        Value::Map(entries) => {
            let one = |entry: &Entry| {
                let below = joined(path, &entry.key);
                Some((entry.key.to_string(), carry(&entry.tree, &entry.key, &below, notes)?))
            };
            Some(Json::Object(entries.iter().filter_map(one).collect()))
        }
    }
}

fn carry_text(text: &str, key: &str, path: &str, notes: &mut Vec<Note>) -> Option<Json> {
    let mut note = |why, message: &str, help: &str| {
        let (message, help) = (message.to_owned(), help.to_owned());
        notes.push(Note { path: path.to_owned(), why, message, help });
    };
    if is_secret(key, text) {
        note(
            Why::Secret,
            "is a secret that stands in the configuration; its value was not carried over",
            "whoever can read that file has it: make a new one, keep it in a file of its own, and name the file",
        );
        return None;
    }
    let Some(stored) = text.strip_prefix("/nix/store/") else { return Some(text.into()) };
    if let Some((root, rest)) = stored.split_once('/')
        && root.ends_with("-source")
    {
        return Some(format!("./{rest}").into());
    }
    note(
        Why::Left,
        "is a copy in the Nix store, which everybody on that computer can read: evaluating made it of a path",
        "write the path of the file itself; if it is a private key, make a new one",
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(source: Source) -> Vec<String> {
        source.finish().into_iter().map(|note| format!("{}: {}", note.path, note.why.as_str())).collect()
    }

    #[test]
    fn what_nobody_takes_is_named() {
        let text = br#"{"a": {"b": 1, "c": {"d": [1]}, "e": {}, "f": [], "g": null}, "x.y": 2}"#;
        let mut source = Source::parse("x", text).expect("it is JSON");
        assert_eq!(source.all().below(&["a"]).take(&["b"]).and_then(|tree| tree.integer()), Some(1));
        assert_eq!(notes(source), ["\"x.y\": left out", "a.c.d: left out"]);
    }

    #[test]
    fn secrets_marks_and_copies_in_the_store_are_not_carried() {
        let text = br#"{"a": {"token": "abc", "f": {"_nix8s": "a function"}, "k": "/nix/store/abc-deploy",
                        "p": "/nix/store/abc-source/keys/deploy", "l": [{"password": "x"}, 2]}}"#;
        let mut source = Source::parse("x", text).expect("it is JSON");
        let value = source.all().value(&["a"]).expect("it is there");
        assert_eq!(value, serde_json::json!({ "p": "./keys/deploy", "l": [{}, 2] }));
        assert_eq!(
            notes(source),
            ["a.f: left out", "a.k: left out", "a.l[0].password: secret", "a.token: secret"]
        );
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let problems = Source::parse("x.json", b"[1]").expect_err("a list");
        assert_eq!(problems[0].message, "is a list, but should be a map");
        assert!(Source::parse("x.json", b"{").is_err());
    }
}
