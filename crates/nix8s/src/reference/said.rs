//! docs/reference/codes.md and waits.md: the pages of `nix8s explain` for codes and waits.

use std::fmt::Write;

use nix8s_core::input::Diagnostic;
use nix8s_core::input::Severity;
use nix8s_core::input::load;

use super::MADE;
use crate::explain::Example;
use crate::explain::Kind;
use crate::explain::Line;
use crate::explain::Page;
use crate::explain::Side;
use crate::explain::all;

/// Every code of a problem in the configuration.
pub fn codes() -> String {
    let intro = "`nix8s validate` prints these with the place, the key and what would be right there. Codes below \
                 N8S-0100 are errors, the others warnings; a code means one thing for ever. In examples, lines with \
                 `-` are wrong and those with `+` mend them.";
    page("Codes", intro, Kind::Code)
}

/// Every cause of a wait.
pub fn waits() -> String {
    let intro = "What is wanted and cannot be done now is a wait in the plan; [how to read a plan](../plan.md#waits) has \
                 them in one table. Lines with `-` are what is seen, those with `+` what one does about it.";
    page("Waits", intro, Kind::Wait)
}

fn page(title: &str, intro: &str, kind: Kind) -> String {
    let mut out = format!("# {title}\n\n{MADE}\n\n{intro}\n");
    for page in all().iter().filter(|page| page.kind == kind) {
        one(&mut out, page);
    }
    out
}

fn one(out: &mut String, page: &Page) {
    let title = capital(page.title.trim_end_matches('.'));
    // The heading is the id alone, so that links to it stay when the title is put better.
    write!(out, "\n## {}\n\n**{title}.**", page.id).expect("a text can be written to");
    for (index, paragraph) in page.text.iter().enumerate() {
        let gap = if index == 0 { " " } else { "\n\n" };
        write!(out, "{gap}{}", prose(paragraph)).expect("a text can be written to");
    }
    out.push('\n');
    if let Some(example) = &page.example {
        let lines = lines(example);
        write!(out, "\n```diff\n{}\n```\n", lines.join("\n")).expect("a text can be written to");
    }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    // A title that begins with a key or a flag keeps it as it is typed.
    match rest.next().filter(|_| !text.starts_with("firstServer")) {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => text.to_owned(),
    }
}

/// Angle brackets outside code would be taken for HTML.
fn prose(text: &str) -> String {
    let mut code = false;
    let mut out = String::new();
    for c in text.chars() {
        code ^= c == '`';
        match c {
            '<' if !code => out.push_str("&lt;"),
            other => out.push(other),
        }
    }
    out
}

fn lines(example: &Example) -> Vec<String> {
    let marked = |mark: &str, text: &str| format!("{mark} {text}").trim_end().to_owned();
    match example {
        Example::Documents(documents) => {
            let mut lines = Vec::new();
            for (name, document) in documents {
                if documents.len() > 1 {
                    lines.push(marked(" ", &format!("# {name}")));
                }
                lines.extend(document.iter().map(|line| match line {
                    Line::Kept(text) => marked(" ", text),
                    Line::Wrong(text) => marked("-", text),
                    Line::Right(text) => marked("+", text),
                }));
            }
            lines
        }
        Example::Scene { shows, mends } => {
            let shows = shows.iter().map(|text| marked("-", text));
            shows.chain(mends.iter().map(|text| marked("+", text))).collect()
        }
        Example::Excerpt(lines) => lines.clone(),
    }
}

#[test]
fn numbers_tell_errors_from_warnings() {
    for page in all().iter().filter(|page| page.kind == Kind::Code) {
        let Some(example) = &page.example else { continue };
        let severity = |problem: &Diagnostic| problem.severity == Severity::Warning;
        let problems = load(&example.sources(Side::Wrong)).diagnostics;
        for problem in problems.iter().filter(|problem| problem.code == page.id) {
            assert_eq!(severity(problem), page.id.as_str() >= "N8S-0100", "{problem:?}");
        }
    }
}
