//! Graphs in the language of Mermaid, which code hosts draw in documents.

use std::fmt::Write;

use super::Graph;
use super::Look;
use super::Stroke;
use crate::output::clean;

/// A graph for a `mermaid` block.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: \"{}\"\n---\nflowchart TB\n", text(&graph.title));
    for (at, item) in graph.items.iter().enumerate() {
        let label = label(&item.title, &item.note);
        let class = item.look.class();
        if item.nodes.is_empty() {
            let _ = writeln!(out, "  i{at}[\"{label}\"]:::{class}");
            continue;
        }
        let _ = writeln!(out, "  subgraph i{at}[\"{label}\"]");
        for (index, node) in item.nodes.iter().enumerate() {
            let _ = writeln!(out, "    i{at}n{index}[\"{}\"]", self::label(&node.title, &node.note));
        }
        let _ = writeln!(out, "  end\n  class i{at} {class}");
    }
    for edge in &graph.edges {
        let arrow = match edge.stroke {
            Stroke::Solid => "-->",
            Stroke::Dashed => "-.->",
        };
        let label =
            if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", text(&edge.label)) };
        let _ = writeln!(out, "  i{} {arrow}{label} i{}", edge.from, edge.to);
    }
    for look in Look::ALL.into_iter().filter(|look| graph.items.iter().any(|item| item.look == *look)) {
        let (fill, border) = look.colours();
        let _ = writeln!(out, "  classDef {} fill:{fill},stroke:{border},color:#1f2328", look.class());
    }
    out
}

fn label(title: &str, note: &str) -> String {
    if note.is_empty() { text(title) } else { format!("{}<br/>{}", text(title), text(note)) }
}

/// Mermaid knows entities with `#` and nothing else to quote with.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' | '|' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
