//! Graphs as SVG that needs nothing else: no fonts, no scripts, legible in light and dark.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::Graph;
use super::Item;
use super::Node;
use super::Stroke;
use super::layout::layout;
use crate::report::markup::escape;

/// Widths of a character, generous because every system has other letters.
const TITLE_CHAR: f64 = 8.2;
const NOTE_CHAR: f64 = 6.4;
/// Heights of a line, and space inside boxes.
const TITLE_LINE: f64 = 20.0;
const NOTE_LINE: f64 = 16.0;
const PAD: f64 = 12.0;
/// Space between boxes in a box, and around the drawing.
const GAP: f64 = 10.0;
const MARGIN: f64 = 20.0;
/// Room for the title.
const HEAD: f64 = 40.0;
/// Characters of a note before it goes on in the next line.
const NOTE_MAX: usize = 40;
/// Boxes beside each other in a box.
const COLUMNS_MAX: usize = 16;

/// Colours: of the light page, and of the dark one.
const STYLE: &str = "\
text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
.head { font-size: 16px; font-weight: 600; } .title { font-size: 13px; font-weight: 600; }
.note, .label { font-size: 11px; fill: #57606a; } .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.page { fill: #ffffff; } .box { stroke-width: 1.25px; } .inner { fill: #ffffff; stroke-width: 1px; }
.edge { fill: none; stroke: #6e7781; stroke-width: 1.25px; } .dashed { stroke-dasharray: 5 4; } .tip { fill: #6e7781; }
.plain { fill: #f6f8fa; stroke: #8c959f; } .control { fill: #ddf4ff; stroke: #0969da; }
.address { fill: #dafbe1; stroke: #1a7f37; } .faint { fill: #ffffff; stroke: #8c959f; stroke-dasharray: 3 3; }
.warns { fill: #fff8c5; stroke: #9a6700; } .erases { fill: #ffebe9; stroke: #cf222e; } .inner { stroke: #d0d7de; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .note, .label { fill: #9da7b3; } .label { stroke: #0d1117; } .page { fill: #0d1117; }
.inner { fill: #0d1117; stroke: #30363d; } .edge { stroke: #8b949e; } .tip { fill: #8b949e; }
.plain { fill: #161b22; stroke: #6e7681; } .control { fill: #0c2d6b; stroke: #58a6ff; }
.address { fill: #0f3d1e; stroke: #3fb950; } .faint { fill: #0d1117; stroke: #6e7681; }
.warns { fill: #3b2a04; stroke: #d29922; } .erases { fill: #490b0b; stroke: #f85149; }
}";

/// A graph as a drawing.
pub fn svg(graph: &Graph) -> String {
    let sizes: Vec<(f64, f64)> = graph.items.iter().map(size).collect();
    let edges: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let placed = layout(&sizes, &edges);
    let title = graph.title.width() as f64 * TITLE_CHAR * 1.25;
    let width = placed.size.0.max(title) + 2.0 * MARGIN;
    let height = placed.size.1 + HEAD + 2.0 * MARGIN;
    let shift = ((width - placed.size.0) / 2.0, HEAD + MARGIN);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>",
        escape(&graph.title)
    );
    out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" ");
    out.push_str("orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
    let _ = writeln!(out, "<rect class=\"page\" width=\"{width:.0}\" height=\"{height:.0}\"/>");
    text(&mut out, "head", width / 2.0, MARGIN + 14.0, &graph.title);
    let (mut labels, mut labelled) = (String::new(), Vec::new());
    for (edge, route) in graph.edges.iter().zip(&placed.routes) {
        let points: Vec<(f64, f64)> = route.iter().map(|(x, y)| (x + shift.0, y + shift.1)).collect();
        let dashed = if edge.stroke == Stroke::Dashed { " dashed" } else { "" };
        let path = path(&points);
        let _ = writeln!(out, "<path class=\"edge{dashed}\" marker-end=\"url(#tip)\" d=\"{path}\"/>");
        if let (false, [first, second, ..]) = (edge.label.is_empty(), points.as_slice()) {
            // Nearer to where it begins: there arrows are still apart.
            let at = (first.0 + (second.0 - first.0) * 0.4, first.1 + (second.1 - first.1) * 0.4 + 4.0);
            // Arrows that leave a box side by side share what stands on them.
            let near = |(x, y, label): &(f64, f64, &str)| {
                *label == edge.label && *y == at.1 && (x - at.0).abs() < edge.label.width() as f64 * NOTE_CHAR
            };
            if !labelled.iter().any(near) {
                text(&mut labels, "label", at.0, at.1, &edge.label);
                labelled.push((at.0, at.1, &edge.label));
            }
        }
    }
    for ((item, (x, y)), size) in graph.items.iter().zip(&placed.corners).zip(&sizes) {
        draw(&mut out, item, (x + shift.0, y + shift.1), *size);
    }
    out.push_str(&labels);
    out.push_str("</svg>\n");
    out
}

/// A curve that leaves each point downwards.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let Some((before_x, before_y)) = at.checked_sub(1).map(|before| points[before]) else {
            let _ = write!(out, "M{x:.1} {y:.1}");
            continue;
        };
        let half = (y - before_y) / 2.0;
        let _ = write!(out, "C{before_x:.1} {:.1} {x:.1} {:.1} {x:.1} {y:.1}", before_y + half, y - half);
    }
    out
}

fn text(out: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let words = escape(words);
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{words}</text>"
    );
}

fn draw(out: &mut String, item: &Item, corner: (f64, f64), size: (f64, f64)) {
    let (x, y) = corner;
    let _ = writeln!(
        out,
        "<rect class=\"box {}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"7\"/>",
        item.look.class(),
        size.0,
        size.1
    );
    let below = words(out, &item.title, &item.note, (x + size.0 / 2.0, y));
    let (width, height) = inner(&item.nodes);
    let columns = columns(item.nodes.len());
    let grid = columns as f64 * (width + GAP) - GAP;
    let left = x + (size.0 - grid) / 2.0;
    for (at, node) in item.nodes.iter().enumerate() {
        let x = left + (at % columns) as f64 * (width + GAP);
        let y = below + (at / columns) as f64 * (height + GAP);
        let _ = writeln!(
            out,
            "<rect class=\"inner\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\"/>"
        );
        words(out, &node.title, &node.note, (x + width / 2.0, y));
    }
}

/// Writes a title and a note from the top of a box; where the next thing may begin.
fn words(out: &mut String, title: &str, note: &str, (x, top): (f64, f64)) -> f64 {
    let mut y = top + PAD / 2.0 + TITLE_LINE;
    text(out, "title", x, y - 5.0, title);
    for line in wrapped(note) {
        y += NOTE_LINE;
        text(out, "note", x, y - 5.0, &line);
    }
    y + PAD / 2.0
}

fn size(item: &Item) -> (f64, f64) {
    let (width, height) = box_of(&item.title, &item.note);
    if item.nodes.is_empty() {
        return (width, height);
    }
    let (inner_width, inner_height) = inner(&item.nodes);
    let columns = columns(item.nodes.len());
    let rows = item.nodes.len().div_ceil(columns);
    let grid = columns as f64 * (inner_width + GAP) - GAP + 2.0 * PAD;
    (width.max(grid), height + rows as f64 * (inner_height + GAP) - GAP + PAD)
}

/// The size that every box in a box has.
fn inner(nodes: &[Node]) -> (f64, f64) {
    let sizes = nodes.iter().map(|node| box_of(&node.title, &node.note));
    sizes.fold((0.0, 0.0), |(width, height), (w, h)| (f64::max(width, w), f64::max(height, h)))
}

fn box_of(title: &str, note: &str) -> (f64, f64) {
    let lines = wrapped(note);
    let notes = lines.iter().map(|line| line.width() as f64 * NOTE_CHAR).fold(0.0, f64::max);
    let width = (title.width() as f64 * TITLE_CHAR).max(notes) + 2.0 * PAD;
    (width, PAD + TITLE_LINE + lines.len() as f64 * NOTE_LINE)
}

/// About as wide as high, boxes being twice as wide as high; a few beside each other in any case.
fn columns(number: usize) -> usize {
    let mut columns = number.clamp(1, 4);
    while columns < COLUMNS_MAX && columns * columns * 2 < number {
        columns += 1;
    }
    columns
}

fn wrapped(note: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in note.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= NOTE_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
