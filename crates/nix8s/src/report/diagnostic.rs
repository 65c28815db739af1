//! Problems of the input as text: errors first, each with its place, the line it stands in, and what would be right.

use std::collections::BTreeMap;
use std::fmt::Write;

use nix8s_core::input::Diagnostic;
use nix8s_core::input::Place;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use unicode_width::UnicodeWidthStr;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names::count;

/// Problems that are shown before the rest is only counted: nobody mends more at once.
const PROBLEMS_MAX: usize = 50;

/// Characters of a source line that are shown: JSON on a single line must not fill the screen.
const LINE_MAX: usize = 100;

/// Problems with their source lines, errors before warnings. Ends with a newline unless there are none.
pub fn render(problems: &[Diagnostic], sources: &[Source], detail: Detail, paint: Paint) -> String {
    let mut sorted: Vec<&Diagnostic> = problems.iter().collect();
    sorted.sort_by(|a, b| {
        (a.severity, &a.place, &a.path, a.code).cmp(&(b.severity, &b.place, &b.path, b.code))
    });
    let shown = match detail {
        Detail::Verbose => sorted.len(),
        Detail::Quiet | Detail::Normal => sorted.len().min(PROBLEMS_MAX),
    };
    let lines = lines(&sorted[..shown], sources);
    let mut out = String::new();
    for problem in &sorted[..shown] {
        one(&mut out, problem, &lines, paint);
        out.push('\n');
    }
    if shown < sorted.len() {
        let _ = writeln!(out, "… and {} (-v shows all).\n", count(sorted.len() - shown, "more problem"));
    }
    out
}

/// `2 errors and 1 warning`, or nothing.
pub fn counts(problems: &[Diagnostic]) -> Option<String> {
    let of = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    match (of(Severity::Error), of(Severity::Warning)) {
        (0, 0) => None,
        (0, warnings) => Some(count(warnings, "warning")),
        (errors, 0) => Some(count(errors, "error")),
        (errors, warnings) => Some(format!("{} and {}", count(errors, "error"), count(warnings, "warning"))),
    }
}

fn one(out: &mut String, problem: &Diagnostic, lines: &BTreeMap<(&str, u32), String>, paint: Paint) {
    let head = match problem.severity {
        Severity::Error => paint.red(format_args!("error[{}]", problem.code)),
        Severity::Warning => paint.yellow(format_args!("warning[{}]", problem.code)),
    };
    let _ = writeln!(out, "{head}: {}", clean(&problem.message));
    let path = clean(&problem.path);
    match &problem.place {
        Some(place) => {
            let at = format!("{}:{}:{}", clean(&place.file), place.line, place.column);
            let _ = writeln!(out, " {} {}  {path}", paint.dim("-->"), paint.cyan(at));
            if let Some(line) = lines.get(&(place.file.as_str(), place.line)) {
                excerpt(out, place, line, paint);
            }
        }
        None if path.is_empty() => {}
        None => {
            let _ = writeln!(out, " {} {path}", paint.dim("-->"));
        }
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(out, " {} {}", paint.green("help:"), clean(help));
    }
}

/// The lines that problems stand in; each source is walked once, however many problems it has.
fn lines<'a>(problems: &[&'a Diagnostic], sources: &[Source]) -> BTreeMap<(&'a str, u32), String> {
    let mut wanted: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for place in problems.iter().filter_map(|problem| problem.place.as_ref()) {
        wanted.entry(&place.file).or_default().push(place.line);
    }
    let mut lines = BTreeMap::new();
    for (file, mut numbers) in wanted {
        numbers.sort_unstable();
        numbers.dedup();
        let Some(source) = sources.iter().find(|source| source.name == file) else { continue };
        let mut wanted = numbers.into_iter().peekable();
        for (at, line) in source.bytes.split(|byte| *byte == b'\n').enumerate() {
            let Some(number) = wanted.peek().copied() else { break };
            if u32::try_from(at + 1).is_ok_and(|at| at == number) {
                lines.insert((file, number), String::from_utf8_lossy(line).trim_end_matches('\r').to_owned());
                wanted.next();
            }
        }
    }
    lines
}

fn excerpt(out: &mut String, place: &Place, line: &str, paint: Paint) {
    let column = (place.column.max(1) - 1) as usize;
    // A window of the line around the place.
    let start = column.saturating_sub(LINE_MAX / 2);
    let start = if column < LINE_MAX { 0 } else { start };
    let window: String = line.chars().skip(start).take(LINE_MAX).collect();
    let before: String = window.chars().take(column - start).collect();
    let marked = token(&window[before.len()..]);
    let more = line.chars().nth(start + LINE_MAX).is_some();
    let (left, right) = (if start > 0 { "…" } else { "" }, if more { "…" } else { "" });
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(clean(&before).width() + left.chars().count());
    let carets = "^".repeat(clean(marked).width().max(1));
    let bar = paint.dim("|");
    let _ = writeln!(out, " {} {bar} {left}{}{right}", paint.dim(&number), clean(&window));
    let _ = writeln!(out, " {gutter} {bar} {indent}{}", paint.red(carets));
}

/// What a reader would call the word at the beginning: a quoted text, or up to what ends a key or a value.
fn token(text: &str) -> &str {
    let mut chars = text.char_indices();
    let end = match chars.next() {
        Some((_, quote @ ('"' | '\''))) => chars.find(|(_, c)| *c == quote).map(|(at, _)| at + 1),
        Some((_, '{' | '[' | '}' | ']')) => Some(1),
        Some(_) => {
            let ends = |(at, c): &(usize, char)| match c {
                ',' | '}' | ']' | '#' => true,
                ':' => text[at + 1..].chars().next().is_none_or(char::is_whitespace),
                _ => c.is_whitespace(),
            };
            text.char_indices().find(ends).map(|(at, _)| at)
        }
        None => None,
    };
    text[..end.unwrap_or(text.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use nix8s_core::input::At;

    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "nix8s.yaml".into(), at: At::Document, bytes: text.into() }
    }

    fn problem(severity: Severity, line: u32, column: u32) -> Diagnostic {
        Diagnostic {
            severity,
            code: "N8S-0001",
            place: Some(Place { file: "nix8s.yaml".into(), line, column }),
            path: "clusters.prod.members.cp1.ip".into(),
            message: "\"10.0.0.300\" is not an IP address".into(),
            help: Some("Give four numbers from 0 to 255.".into()),
        }
    }

    fn shown(problems: &[Diagnostic], text: &str) -> String {
        render(problems, &[source(text)], Detail::Normal, Paint::PLAIN)
    }

    #[test]
    fn errors_come_first_and_point_at_their_word() {
        let text = "members:\n  cp1:\n    ip: 10.0.0.300 # wrong\n";
        let problems = [problem(Severity::Warning, 1, 1), problem(Severity::Error, 3, 9)];
        insta::assert_snapshot!(shown(&problems, text), @r#"
        error[N8S-0001]: "10.0.0.300" is not an IP address
         --> nix8s.yaml:3:9  clusters.prod.members.cp1.ip
         3 |     ip: 10.0.0.300 # wrong
           |         ^^^^^^^^^^
         help: Give four numbers from 0 to 255.

        warning[N8S-0001]: "10.0.0.300" is not an IP address
         --> nix8s.yaml:1:1  clusters.prod.members.cp1.ip
         1 | members:
           | ^^^^^^^
         help: Give four numbers from 0 to 255.
        "#);
    }

    #[test]
    fn a_place_in_a_very_long_line_shows_its_surroundings_only() {
        let text = format!(
            "{{\"a\": \"{}\", \"ip\": \"日本\", \"b\": \"{}\"}}",
            "x".repeat(10_000),
            "y".repeat(10_000)
        );
        let column = text.chars().position(|c| c == '日').unwrap() as u32;
        let shown = shown(&[problem(Severity::Error, 1, column)], &text);
        assert!(shown.lines().all(|line| line.chars().count() < 120), "{shown}");
        let carets = shown.lines().find(|line| line.contains('^')).unwrap();
        assert_eq!(carets.matches('^').count(), 6, "two quotes and two wide characters: {shown}");
    }

    #[test]
    fn places_outside_of_the_text_are_survived() {
        for (line, column) in [(0, 0), (1, 99), (9, 1), (u32::MAX, u32::MAX)] {
            assert!(shown(&[problem(Severity::Error, line, column)], "a: 1\r\n").contains("N8S-0001"));
        }
    }

    #[test]
    fn more_problems_than_anyone_mends_at_once_are_counted() {
        let problems = vec![problem(Severity::Error, 1, 1); 60];
        assert!(shown(&problems, "a: 1\n").ends_with("… and 10 more problems (-v shows all).\n\n"));
        assert_eq!(counts(&problems).unwrap(), "60 errors");
    }
}
