//! The texts of pages: sections that begin with `# id` or `# id: title`, paragraphs, and lines of an example that begin
//! with `|`.

use std::collections::BTreeMap;

use super::example::Example;

/// What a text says about an id.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What it is, where the heading says so.
    pub title: Option<&'static str>,
    /// Paragraphs.
    pub text: Vec<String>,
    /// What shows it and what mends it.
    pub example: Option<Example>,
}

/// Every section of a text by its id.
pub fn parse(text: &'static str) -> BTreeMap<&'static str, Section> {
    let named = |(heading, lines): (&'static str, Vec<&'static str>)| {
        let (id, title) = split(heading);
        (id, section(title, &lines))
    };
    sections(text).map(named).collect()
}

/// The ids in their order.
pub fn order(text: &'static str) -> Vec<&'static str> {
    sections(text).map(|(heading, _)| split(heading).0).collect()
}

fn split(heading: &'static str) -> (&'static str, Option<&'static str>) {
    heading.split_once(": ").map_or((heading, None), |(id, title)| (id, Some(title)))
}

fn sections(text: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("# "), all.last_mut()) {
            (Some(id), _) => all.push((id.trim(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    all.into_iter()
}

fn section(title: Option<&'static str>, lines: &[&'static str]) -> Section {
    let mut text: Vec<String> = Vec::new();
    let (mut example, mut broken) = (Vec::new(), true);
    for line in lines {
        if let Some(line) = line.strip_prefix('|') {
            example.push(line);
        } else if line.is_empty() {
            broken = true;
        } else if broken {
            text.push((*line).to_owned());
            broken = false;
        } else if let Some(paragraph) = text.last_mut() {
            paragraph.push(' ');
            paragraph.push_str(line);
        }
    }
    let example = (!example.is_empty()).then(|| Example::parse(&example));
    Section { title, text, example }
}
