//! Graphs in the language of Graphviz.

use std::fmt::Write;

use super::Graph;
use super::Stroke;
use crate::output::clean;

/// A graph for `dot`.
pub fn dot(graph: &Graph) -> String {
    let mut out = String::from("digraph nix8s {\n");
    let _ = writeln!(out, "  label={}; labelloc=t; rankdir=TB; compound=true;", quoted(&graph.title));
    out.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for (at, item) in graph.items.iter().enumerate() {
        let (fill, border) = item.look.colours();
        let label = quoted(&format!("{}\n{}", item.title, item.note));
        if item.nodes.is_empty() {
            let _ = writeln!(out, "  i{at} [label={label}, fillcolor=\"{fill}\", color=\"{border}\"];");
            continue;
        }
        let _ = writeln!(out, "  subgraph cluster_i{at} {{");
        let _ = writeln!(
            out,
            "    label={label}; style=\"rounded,filled\"; fillcolor=\"{fill}\"; color=\"{border}\";"
        );
        for (index, node) in item.nodes.iter().enumerate() {
            let label = quoted(&format!("{}\n{}", node.title, node.note));
            let _ =
                writeln!(out, "    i{at}n{index} [label={label}, fillcolor=\"white\", color=\"{border}\"];");
        }
        out.push_str("  }\n");
    }
    for edge in &graph.edges {
        // Graphviz draws arrows between nodes only, and cuts them at the boxes around.
        let end =
            |at: usize| if graph.items[at].nodes.is_empty() { format!("i{at}") } else { format!("i{at}n0") };
        let mut with = Vec::new();
        for (at, name) in [(edge.from, "ltail"), (edge.to, "lhead")] {
            if !graph.items[at].nodes.is_empty() {
                with.push(format!("{name}=cluster_i{at}"));
            }
        }
        if !edge.label.is_empty() {
            with.push(format!("label={}", quoted(&edge.label)));
        }
        if edge.stroke == Stroke::Dashed {
            with.push("style=dashed".to_owned());
        }
        let _ = writeln!(out, "  {} -> {} [{}];", end(edge.from), end(edge.to), with.join(", "));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| clean(line).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}
