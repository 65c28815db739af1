//! Reads bytes into a tree with places: YAML 1.2, of which JSON is a part, within limits that hostile input meets early.

pub mod scalar;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use granit_parser::Tag;

use super::code;
use super::report::Path;
use super::report::Problem;
use super::report::Report;
use super::report::quoted;
use super::tree::Entry;
use super::tree::Span;
use super::tree::Tree;
use super::tree::Value;

/// Bytes of one source: several times a document of 100,000 machines.
pub const SOURCE_MAX: usize = 64 << 20;
/// Levels of nesting: no key stands deeper than ten; the rest is for raw Helm values and NixOS options. Bounded, so
/// that code which walks a tree may recurse.
const DEPTH_MAX: usize = 100;
/// Values in one source, so that 64 MiB of `[0,0,…` do not take gigabytes.
const VALUES_MAX: usize = 8_000_000;
/// Values that aliases may copy: real documents use aliases for a handful of settings, bombs for billions.
const COPIED_MAX: usize = 200_000;
/// Different texts that are kept once only.
const INTERNED_MAX: usize = 4096;

/// Reads one source; `None` when it cannot be read at all, which the report then says.
pub fn parse(file: u16, bytes: &[u8], report: &mut Report) -> Option<Tree> {
    let text = text_of(file, bytes, report)?;
    let mut options =
        granit_parser::options! { flow_nesting_limit: DEPTH_MAX, block_nesting_limit: DEPTH_MAX };
    options.set_emit_comments(false);
    let mut builder = Builder::new(report);
    for next in Parser::new_from_str_with_options(text, options) {
        let going_on = match next {
            Ok((event, at)) => builder.take(event, span(file, &at.start)),
            Err(error) => {
                let at = span(file, error.marker());
                let message = error.info();
                return builder.refuse(
                    syntax_code(&message),
                    at,
                    format!("cannot be read: {message}"),
                    syntax_help(text, at),
                );
            }
        };
        going_on?;
    }
    builder.root
}

fn syntax_code(message: &str) -> &'static str {
    if message.contains("nesting") || message.contains("recursion") { code::TOO_DEEP } else { code::SYNTAX }
}

fn syntax_help(text: &str, at: Span) -> Option<String> {
    let line = text.lines().nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        return Some("YAML is indented with spaces, not with tabs".to_owned());
    }
    None
}

fn span(file: u16, at: &granit_parser::Marker) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { file, line: number(at.line()), column: number(at.col() + 1) }
}

/// The text of the bytes, or what is wrong with them: found before the parser sees them.
fn text_of<'b>(file: u16, bytes: &'b [u8], report: &mut Report) -> Option<&'b str> {
    let mut refuse = |code, span, message, help: &str| {
        report.error(Problem { code, span, path: &Path::Root, message, help: Some(help.to_owned()) });
        None
    };
    if bytes.len() > SOURCE_MAX {
        let message = format!("is {} MiB large; the limit is {} MiB", bytes.len() >> 20, SOURCE_MAX >> 20);
        return refuse(
            code::TOO_LARGE,
            Span { file, line: 1, column: 1 },
            message,
            "split it into a folder of sources",
        );
    }
    let place = |offset: usize| {
        let before = &bytes[..offset];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { file, line: number(line), column: number(column) }
    };
    if let Some(offset) = bytes.iter().position(|b| *b == 0) {
        return refuse(
            code::NUL,
            place(offset),
            "contains a NUL byte".to_owned(),
            "is this a YAML or JSON file?",
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let message = "is not UTF-8".to_owned();
            refuse(code::NOT_UTF8, place(error.valid_up_to()), message, "save the file in the encoding UTF-8")
        }
    }
}

/// Keeps frequent texts once.
#[derive(Debug, Default)]
pub struct Interner {
    known: BTreeSet<Arc<str>>,
}

impl Interner {
    /// The text, shared with its earlier occurrences if it is short.
    pub fn intern(&mut self, text: &str) -> Arc<str> {
        if text.len() > 40 {
            return Arc::from(text);
        }
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        if self.known.len() < INTERNED_MAX {
            self.known.insert(Arc::clone(&new));
        }
        new
    }
}

/// A collection that is not closed yet.
enum Open {
    List(Vec<Tree>),
    Map(Vec<Entry>, Option<(Arc<str>, Span)>),
}

struct Frame {
    open: Open,
    span: Span,
    anchor: usize,
    /// Values built when it was opened.
    before: usize,
}

struct Anchored {
    tree: Tree,
    size: usize,
}

struct Builder<'r> {
    report: &'r mut Report,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    interner: Interner,
    root: Option<Tree>,
    documents: usize,
    values: usize,
    copied: usize,
}

impl<'r> Builder<'r> {
    fn new(report: &'r mut Report) -> Self {
        Self {
            report,
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            interner: Interner::default(),
            root: None,
            documents: 0,
            values: 0,
            copied: 0,
        }
    }

    /// Takes an event; `None` ends the reading of this source.
    fn take(&mut self, event: Event<'_>, at: Span) -> Option<()> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents == 1 {
                    return Some(());
                }
                let help = "keep one document per file; fragments go into the folder nix8s.d";
                self.refuse(
                    code::SEVERAL_DOCUMENTS,
                    at,
                    "a second document begins here".to_owned(),
                    Some(help.to_owned()),
                )
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::SequenceStart(_, anchor, tag) => self.open(Open::List(Vec::new()), anchor, tag, at),
            Event::MappingStart(_, anchor, tag) => self.open(Open::Map(Vec::new(), None), anchor, tag, at),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            // The ends of stream and document, and events that the options above leave out.
            _ => Some(()),
        }
    }

    fn open(&mut self, open: Open, anchor: usize, tag: Option<Cow<'_, Tag>>, at: Span) -> Option<()> {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            return self.unknown_tag(&tag, at);
        }
        if let Some(Frame { open: Open::Map(_, None), .. }) = self.frames.last() {
            return self.odd_key(at);
        }
        if self.frames.len() >= DEPTH_MAX {
            return self.refuse(
                code::TOO_DEEP,
                at,
                format!("is nested deeper than {DEPTH_MAX} levels"),
                None,
            );
        }
        self.frames.push(Frame { open, span: at, anchor, before: self.values });
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let Frame { open, span, anchor, before } =
            self.frames.pop().expect("the parser closes only what it opened");
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Map(entries, _) => Value::Map(self.without_duplicates(entries)),
        };
        let tree = Tree { value, span };
        if anchor != 0 {
            let size = self.values - before + 1;
            self.copy(size, span)?;
            self.anchors.insert(anchor, Anchored { tree: tree.clone(), size });
        }
        self.push(tree)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Span,
    ) -> Option<()> {
        if let Some(Frame { open: Open::Map(_, pending @ None), .. }) = self.frames.last_mut() {
            *pending = Some((self.interner.intern(text), at));
            return Some(());
        }
        let value = match tag {
            None if style == ScalarStyle::Plain => scalar::plain(text, &mut self.interner),
            None => Value::Text(self.interner.intern(text)),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix() == "str" => {
                Value::Text(self.interner.intern(text))
            }
            Some(tag) if tag.is_yaml_core_schema() => scalar::plain(text, &mut self.interner),
            Some(tag) => return self.unknown_tag(tag, at),
        };
        let tree = Tree { value, span: at };
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { tree: tree.clone(), size: 1 });
        }
        self.push(tree)
    }

    fn alias(&mut self, anchor: usize, at: Span) -> Option<()> {
        if let Some(Frame { open: Open::Map(_, None), .. }) = self.frames.last() {
            return self.odd_key(at);
        }
        let Some(Anchored { tree, size }) = self.anchors.get(&anchor) else {
            let message = "refers to a value that contains itself".to_owned();
            return self.refuse(code::SYNTAX, at, message, None);
        };
        let (size, tree) = (*size, if self.copied + size <= COPIED_MAX { Some(tree.clone()) } else { None });
        self.copy(size, at)?;
        let mut tree = tree.expect("copying is allowed, so it was copied");
        if depth(&tree) + self.frames.len() > DEPTH_MAX {
            return self.refuse(
                code::TOO_DEEP,
                at,
                format!("is nested deeper than {DEPTH_MAX} levels"),
                None,
            );
        }
        tree.span = at;
        self.values += size - 1;
        self.push(tree)
    }

    fn copy(&mut self, size: usize, at: Span) -> Option<()> {
        self.copied += size;
        if self.copied <= COPIED_MAX {
            return Some(());
        }
        let message = format!("aliases copy more than {COPIED_MAX} values");
        self.refuse(
            code::TOO_MANY_VALUES,
            at,
            message,
            Some("use templates in nodes instead of aliases".to_owned()),
        )
    }

    fn push(&mut self, tree: Tree) -> Option<()> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return self.refuse(
                code::TOO_MANY_VALUES,
                tree.span,
                format!("holds more than {VALUES_MAX} values"),
                None,
            );
        }
        match self.frames.last_mut() {
            None => self.root = Some(tree),
            Some(Frame { open: Open::List(items), .. }) => items.push(tree),
            Some(Frame { open: Open::Map(entries, pending), .. }) => {
                let (key, key_span) = pending.take().expect("a value follows its key");
                entries.push(Entry { key, key_span, tree });
            }
        }
        Some(())
    }

    /// Reports keys that stand twice in a map and keeps the first of each.
    fn without_duplicates(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key).then(a.cmp(b)));
        let mut twice = BTreeSet::new();
        for pair in order.windows(2) {
            let (first, second) = (&entries[pair[0]], &entries[pair[1]]);
            if first.key == second.key {
                twice.insert(pair[1]);
                let message =
                    format!("{} is given twice, first in line {}", quoted(&second.key), first.key_span.line);
                let (span, key) = (second.key_span, Arc::clone(&second.key));
                self.on_path(|report, path| {
                    let path = &path.key(&key);
                    report.error(Problem { code: code::DUPLICATE_KEY, span, path, message, help: None });
                });
            }
        }
        let mut index = 0;
        entries.retain(|_| {
            index += 1;
            !twice.contains(&(index - 1))
        });
        entries
    }

    fn odd_key(&mut self, at: Span) -> Option<()> {
        self.refuse(code::ODD_KEY, at, "a key must be a text, not an alias, a list or a map".to_owned(), None)
    }

    fn unknown_tag(&mut self, tag: &Tag, at: Span) -> Option<()> {
        let message = format!("the tag {} means nothing here", quoted(tag.suffix()));
        self.refuse(code::UNKNOWN_TAG, at, message, Some("quote the value if it begins with !".to_owned()))
    }

    fn refuse<T>(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        help: Option<String>,
    ) -> Option<T> {
        self.on_path(|report, path| report.error(Problem { code, span, path, message, help }));
        None
    }

    /// Calls back with the path of what is being read.
    fn on_path(&mut self, tell: impl FnOnce(&mut Report, &Path<'_>)) {
        fn descend(frames: &[Frame], path: &Path<'_>, tell: &mut dyn FnMut(&Path<'_>)) {
            match frames.split_first() {
                None => tell(path),
                Some((Frame { open: Open::List(items), .. }, rest)) => {
                    descend(rest, &path.item(items.len()), tell);
                }
                Some((Frame { open: Open::Map(_, Some((key, _))), .. }, rest)) => {
                    descend(rest, &path.key(key), tell);
                }
                Some((Frame { open: Open::Map(_, None), .. }, rest)) => descend(rest, path, tell),
            }
        }
        let (report, mut tell) = (&mut *self.report, Some(tell));
        descend(&self.frames, &Path::Root, &mut |path| {
            if let Some(tell) = tell.take() {
                tell(report, path);
            }
        });
    }
}

fn depth(tree: &Tree) -> usize {
    match &tree.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.tree)).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(..) | Value::Text(_) => 0,
    }
}
