//! What there is to say about each code, rule, wait, exit code and key: one page each, offline.

mod example;
mod key;
mod section;

use nix8s_core::input::code;
use nix8s_core::plan::Cause;
use nix8s_core::plan::rule::Held;
use nix8s_core::plan::rule::RULES;
use serde::Serialize;

use crate::error::Exit;
use crate::report::waits::cause_name;
pub use example::Example;
pub use example::Line;
pub use example::Side;
use section::Section;

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A code of a problem in the configuration.
    Code,
    /// A rule that no plan may break.
    Rule,
    /// A cause of a wait.
    Wait,
    /// An exit code, and the kind of error that it stands for.
    Exit,
    /// A key of the configuration.
    Key,
}

impl Kind {
    /// Every kind, in the order of the list.
    pub const ALL: [Self; 5] = [Self::Code, Self::Rule, Self::Wait, Self::Exit, Self::Key];

    /// The heading in the list.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Code => "Problems of the configuration",
            Self::Rule => "Rules that no plan may break",
            Self::Wait => "Waits",
            Self::Exit => "Exit codes",
            Self::Key => "Keys of the configuration",
        }
    }
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// What it is about.
    pub kind: Kind,
    /// What it is found by.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    /// What it means and why it is so: paragraphs.
    pub text: Vec<String>,
    /// What shows it, and what mends it.
    pub example: Option<Example>,
    /// Where else to look: ids of other pages.
    pub see: Vec<String>,
}

/// Every page.
pub fn all() -> Vec<Page> {
    let mut pages = codes();
    pages.extend(rules());
    pages.extend(waits());
    pages.extend(exits());
    pages.extend(key::pages());
    pages
}

/// The pages that a word stands for: an id in any case, a code's number, a rule's number or name, a part of a key that
/// ends like it.
pub fn find(word: &str) -> Vec<Page> {
    let word = word.trim().to_lowercase();
    let mut found: Vec<Page> = all().into_iter().filter(|page| is_called(page, &word)).collect();
    if found.is_empty() {
        found = key::find(&word);
    }
    found
}

fn is_called(page: &Page, word: &str) -> bool {
    let id = page.id.to_lowercase();
    match page.kind {
        Kind::Code => id == word || id.strip_prefix("n8s-") == Some(word),
        Kind::Rule => {
            let title = page.title.to_lowercase();
            id == word || id.replace(' ', "-") == word || id.replace(' ', "") == word || title == word
        }
        Kind::Exit => {
            let number = id.strip_prefix("exit ").unwrap_or(&id);
            id == word || number == word || format!("exit-{number}") == word || page.title == word
        }
        Kind::Wait | Kind::Key => id == word,
    }
}

/// Every id and name that finds a page and could have been meant by a word.
pub fn names(word: &str) -> Vec<String> {
    let other = |page: &Page| page.kind != Kind::Key;
    let mut names: Vec<String> = all().into_iter().filter(other).map(|page| page.id).collect();
    names.extend(RULES.iter().map(|row| row.name.to_owned()));
    names.extend(key::names(word.split('.').count()));
    names
}

fn codes() -> Vec<Page> {
    let texts = section::parse(include_str!("codes.txt"));
    let page = |code: &code::Code| {
        let more = texts.get(code.id);
        let mut text = vec![code.explanation.to_owned()];
        text.extend(more.into_iter().flat_map(|section| section.text.clone()));
        Page {
            kind: Kind::Code,
            id: code.id.to_owned(),
            title: code.title.to_owned(),
            text,
            example: more.and_then(|section| section.example.clone()),
            see: Vec::new(),
        }
    };
    code::ALL.iter().map(page).collect()
}

fn rules() -> Vec<Page> {
    let texts = section::parse(include_str!("rules.txt"));
    let held = |held: &Held| match held {
        Held::Plan => "on every plan before anything runs",
        Held::Executor => "while the plan is carried out",
        Held::Machine => "on the machine itself",
    };
    let page = |row: &nix8s_core::plan::rule::Row| {
        let Section { mut text, example, .. } =
            texts.get(row.number.to_string().as_str()).cloned().unwrap_or_default();
        let places: Vec<String> = row.held.iter().map(|place| held(place).to_owned()).collect();
        text.push(format!("It is held {}.", crate::report::words::sentence_list(&places)));
        Page {
            kind: Kind::Rule,
            id: format!("rule {}", row.number),
            title: row.name.to_owned(),
            text,
            example,
            see: Vec::new(),
        }
    };
    RULES.iter().map(page).collect()
}

fn waits() -> Vec<Page> {
    let texts = section::parse(include_str!("waits.txt"));
    let ends = |cause: Cause| match cause.ends() {
        nix8s_core::plan::Ends::Info => "It is information: nothing has to happen.",
        nix8s_core::plan::Ends::Time => "Time ends it, or what runs already.",
        nix8s_core::plan::Ends::Outside => "Something outside of nix8s ends it.",
        nix8s_core::plan::Ends::Permit => "Your leave ends it.",
    };
    let page = |name: &&str| {
        let cause: Cause = serde_json::from_value((*name).into()).expect("a test walks the list");
        let Section { title, mut text, example } = texts.get(*name).cloned().unwrap_or_default();
        text.push(ends(cause).to_owned());
        Page {
            kind: Kind::Wait,
            id: cause_name(cause),
            title: title.unwrap_or_default().to_owned(),
            text,
            example,
            see: Vec::new(),
        }
    };
    section::order(include_str!("waits.txt")).iter().map(page).collect()
}

fn exits() -> Vec<Page> {
    let texts = section::parse(include_str!("exits.txt"));
    let page = |exit: &Exit| {
        let code = exit.code().to_string();
        let Section { text, example, .. } = texts.get(code.as_str()).cloned().unwrap_or_default();
        let title = exit.as_str().to_owned();
        Page { kind: Kind::Exit, id: format!("exit {code}"), title, text, example, see: Vec::new() }
    };
    Exit::ALL.iter().map(page).collect()
}

#[cfg(test)]
mod tests;
