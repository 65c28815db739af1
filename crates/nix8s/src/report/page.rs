//! Pages of `explain` as text and for programs.

use std::fmt::Write;

use nix8s_core::input::load;
use serde_json::Value;
use serde_json::json;

use crate::explain::Example;
use crate::explain::Kind;
use crate::explain::Line;
use crate::explain::Page;
use crate::explain::Side;
use crate::output::Detail;
use crate::output::Paint;
use crate::report::diagnostic;

/// Columns of a paragraph.
const WIDTH: usize = 100;

/// A page.
pub fn render(page: &Page, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", paint.bold(&page.id), page.title);
    for paragraph in &page.text {
        out.push('\n');
        for line in wrapped(paragraph) {
            let _ = writeln!(out, "  {line}");
        }
    }
    match &page.example {
        None => {}
        Some(Example::Documents(documents)) => {
            let _ = writeln!(out, "\n  {}", paint.bold("What is wrong (-), and what mends it (+):"));
            for (name, lines) in documents {
                let named =
                    if documents.len() > 1 { format!("    {}\n", paint.cyan(name)) } else { String::new() };
                let _ = write!(out, "\n{named}");
                for line in lines {
                    let text = match line {
                        Line::Kept(text) => format!("      {text}"),
                        Line::Wrong(text) => paint.red(format_args!("    - {text}")),
                        Line::Right(text) => paint.green(format_args!("    + {text}")),
                    };
                    let _ = writeln!(out, "{}", text.trim_end());
                }
            }
            out.push_str(&said(page, paint));
        }
        Some(Example::Scene { shows, mends }) => {
            for (heading, lines) in [("What shows it:", shows), ("What mends it:", mends)] {
                let _ = writeln!(out, "\n  {}\n", paint.bold(heading));
                for line in lines {
                    let _ = writeln!(out, "      {line}");
                }
            }
        }
        Some(Example::Excerpt(lines)) => {
            let _ = writeln!(out, "\n  {}\n", paint.bold("For example:"));
            for line in lines {
                let _ = writeln!(out, "      {line}");
            }
        }
    }
    if !page.see.is_empty() {
        let _ = writeln!(out, "\n  {} {}", paint.dim("See also:"), page.see.join(", "));
    }
    out
}

/// What `validate` says about the wrong document: said now, so that it cannot be out of date.
fn said(page: &Page, paint: Paint) -> String {
    let Some(example) = &page.example else { return String::new() };
    let sources = example.sources(Side::Wrong);
    let problems: Vec<_> =
        load(&sources).diagnostics.into_iter().filter(|problem| problem.code == page.id).collect();
    let text = diagnostic::render(&problems, &sources, Detail::Normal, paint);
    let mut out = format!("\n  {}\n\n", paint.bold("What `nix8s validate` says:"));
    for line in text.trim_end().lines() {
        let _ = writeln!(out, "      {line}");
    }
    out
}

/// Every page in a line, by what it is about.
pub fn list(pages: &[Page], paint: Paint) -> String {
    let mut out = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Page> = pages.iter().filter(|page| page.kind == kind).collect();
        let width = of_kind.iter().map(|page| page.id.len()).max().unwrap_or(0).min(44);
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{}", paint.bold(kind.heading()));
        for page in of_kind {
            let _ = writeln!(out, "  {}  {}", paint.cyan(format_args!("{:width$}", page.id)), page.title);
        }
    }
    out
}

/// A page for programs.
pub fn json(page: &Page) -> Value {
    let texts = |example: &Example, side| -> Value {
        let sources = example.sources(side).into_iter();
        let texts = sources.map(|s| (s.name, String::from_utf8_lossy(&s.bytes).into_owned().into()));
        Value::Object(texts.collect())
    };
    let example = page.example.as_ref().map(|example| match example {
        Example::Documents(_) => json!({
            "wrong": texts(example, Side::Wrong),
            "right": texts(example, Side::Right),
        }),
        Example::Scene { shows, mends } => json!({ "shows": shows, "mends": mends }),
        Example::Excerpt(lines) => json!({ "excerpt": lines }),
    });
    json!({
        "kind": page.kind,
        "id": page.id,
        "title": page.title,
        "text": page.text,
        "example": example,
        "see": page.see,
    })
}

/// A paragraph in lines.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
