//! Pages of keys: made from the tables that documents are checked against, and from the example of every key.

use nix8s_core::input::parse::parse;
use nix8s_core::input::report::Report;
use nix8s_core::input::schema::Key;
use nix8s_core::input::schema::Note;
use nix8s_core::input::schema::about;
use nix8s_core::input::schema::walk;
use nix8s_core::input::tree::Tree;

use super::Example;
use super::Kind;
use super::Page;

/// The example that has every key at least once, which a test holds.
const EVERY_KEY: &str = include_str!("../../../../examples/every-key.yaml");

/// The first provisioner in the example.
const FIRST: &str = "nixos-anywhere";

/// Lines of an excerpt below its key before it is cut off.
const LINES_MAX: usize = 8;

/// A page for each key.
pub fn pages() -> Vec<Page> {
    let mut report = Report::on(vec![Some(String::new())]);
    let tree = parse(0, EVERY_KEY.as_bytes(), &mut report);
    about::keys().into_iter().map(|(path, key)| page(&path, key, tree.as_ref())).collect()
}

/// The pages of keys whose path ends like this one; names that the user chose fit where the tables have any.
pub fn find(word: &str) -> Vec<Page> {
    let wanted: Vec<&str> = word.split('.').collect();
    let mut found: Vec<Page> = pages().into_iter().filter(|page| ends_like(&page.id, &wanted)).collect();
    // What stands highest is what is meant: `version` is a cluster's before it is a chart's.
    let highest = found.iter().map(|page| page.id.matches('.').count()).min();
    if wanted.len() == 1 {
        found.retain(|page| Some(page.id.matches('.').count()) == highest);
    }
    together(found)
}

/// One page for keys of tables that stand in several places.
fn together(found: Vec<Page>) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for page in found {
        match pages.iter_mut().find(|known| known.title == page.title && known.text == page.text) {
            Some(known) => known.see.push(page.id),
            None => pages.push(page),
        }
    }
    pages
}

/// The last parts of each key, as many as somebody typed.
pub fn names(parts: usize) -> impl Iterator<Item = String> {
    about::keys().into_iter().map(move |(path, _)| {
        let all: Vec<&str> = path.split('.').collect();
        all[all.len().saturating_sub(parts)..].join(".")
    })
}

fn ends_like(path: &str, wanted: &[&str]) -> bool {
    let parts: Vec<String> = path.split('.').map(|part| part.trim_end_matches("[]").to_lowercase()).collect();
    let Some(start) = parts.len().checked_sub(wanted.len()) else { return false };
    // A whole path begins with a top-level key; a part of one must end with the key itself.
    parts[start..].iter().zip(wanted).all(|(part, word)| part == "*" || part == word.trim_end_matches("[]"))
        && parts.last().is_some_and(|last| last != "*")
}

fn page(path: &str, key: &'static Key, tree: Option<&Tree>) -> Page {
    let mut text = Vec::new();
    let mut see = Vec::new();
    match key.note {
        Note::Older(now) => {
            text.push(format!(
                "An older spelling of `{now}`. It is read, and means the same; only where both stand does today's hold \
                 (N8S-0106)."
            ));
            see.push(now.to_owned());
        }
        Note::Later(what) => text.push(format!(
            "It is read and checked now, and carried out by a later version: until then the plan shows {what} as a wait \
             (later-version)."
        )),
        Note::Secret => text.push("It is never shown, nor written anywhere by nix8s.".to_owned()),
        Note::Now => {}
    }
    text.push(format!("What may stand there: {}.", walk::describe(&key.kind)));
    let keys = about::keys_below(&key.kind);
    if !keys.is_empty() {
        text.push(format!("Keys below it: {}.", keys.join(", ")));
    }
    let sentence = about::about(path).map(str::to_owned);
    let title = sentence.unwrap_or_else(|| "an older spelling.".to_owned());
    let example = tree.and_then(|tree| excerpt(tree, path)).map(Example::Excerpt);
    Page { kind: Kind::Key, id: path.to_owned(), title, text, example, see }
}

/// The lines of the example in which a key stands, below those that it stands under.
fn excerpt(tree: &Tree, path: &str) -> Option<Vec<String>> {
    // The example gives all provisioners but the first their `ssh` by an alias, which nobody could read here.
    if let Some((kind, rest)) = path.strip_prefix("provisioning.").and_then(|rest| rest.split_once(".ssh."))
        && kind != FIRST
    {
        let lines = excerpt(tree, &format!("provisioning.{FIRST}.ssh.{rest}"))?;
        return Some(lines.into_iter().map(|line| line.replace(FIRST, kind)).collect());
    }
    let lines: Vec<&str> = EVERY_KEY.lines().collect();
    let parts: Vec<&str> = path.split('.').collect();
    let mut at = places(tree, &parts)?;
    let last = at.pop()?;
    let mut out: Vec<String> = Vec::new();
    at.dedup();
    for line in at.into_iter().filter(|line| *line < last) {
        // A parent that has more on its line would say something else than that it is the parent.
        let text = lines.get(line)?;
        let ends = [": {", ": [", ": &"].iter().find_map(|more| text.find(more));
        let head = ends.map_or(*text, |end| &text[..=end]);
        out.push(head.to_owned());
    }
    let first = lines.get(last)?;
    out.push((*first).to_owned());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let below = lines[last + 1..].iter().take_while(|line| indent(line) > indent(first));
    let below: Vec<&&str> = below.collect();
    out.extend(below.iter().take(LINES_MAX).map(|line| (**line).to_owned()));
    if below.len() > LINES_MAX {
        out.push(format!("{}…", " ".repeat(indent(below[LINES_MAX]))));
    }
    Some(out)
}

/// The lines, from 0, of the keys along a path.
fn places(tree: &Tree, parts: &[&str]) -> Option<Vec<usize>> {
    let Some((first, rest)) = parts.split_first() else { return Some(Vec::new()) };
    let (name, is_list) = first.strip_suffix("[]").map_or((*first, false), |name| (name, true));
    for entry in tree.entries().iter().filter(|entry| name == "*" || *entry.key == *name) {
        let items: Vec<&Tree> = if is_list { entry.tree.items().iter().collect() } else { vec![&entry.tree] };
        for item in items {
            if let Some(mut below) = places(item, rest) {
                below.insert(0, usize::try_from(entry.key_span.line).ok()?.checked_sub(1)?);
                return Some(below);
            }
        }
    }
    None
}
