//! Drawings as snapshots, and what makes them safe to open.

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::load;

use super::*;

fn reconciler_graph() -> Graph {
    reconcilers::reconcilers()
}

#[test]
fn the_reconcilers_are_drawn_from_their_table() {
    let graph = reconciler_graph();
    insta::assert_snapshot!("reconcilers.dot", dot(&graph));
    insta::assert_snapshot!("reconcilers.mermaid", mermaid(&graph));
    insta::assert_snapshot!("reconcilers.svg", svg(&graph));
}

#[test]
fn drawings_are_the_same_every_time() {
    assert_eq!(svg(&reconciler_graph()), svg(&reconciler_graph()));
}

#[test]
fn text_from_outside_stays_text() {
    let hostile = "a</text><script>alert(1)</script>\"];x[\"\\\n`b`";
    let item = |nodes: Vec<Node>| Item {
        title: hostile.to_owned(),
        note: hostile.to_owned(),
        nodes,
        look: Look::Plain,
    };
    let node = Node { title: hostile.to_owned(), note: hostile.to_owned() };
    let graph = Graph {
        title: hostile.to_owned(),
        items: vec![item(Vec::new()), item(vec![node])],
        edges: vec![Edge { from: 0, to: 1, label: hostile.to_owned(), stroke: Stroke::Solid }],
    };
    for drawing in [svg(&graph), mermaid(&graph)] {
        assert!(!drawing.contains("<script"), "{drawing}");
    }
    // A quote that is not escaped would end the label.
    let dot = dot(&graph);
    assert!(!dot.replace("\\\\", "").replace("\\\"", "").contains("\"];x["), "{dot}");
    assert!(!mermaid(&graph).contains("\"];x["));
}

#[test]
fn a_fleet_is_drawn_by_cluster() {
    let bytes = include_bytes!("../../../../../examples/demo-ha.yaml").to_vec();
    let source = Source { name: "demo-ha.yaml".to_owned(), at: At::Document, bytes };
    let fleet = load(&[source]).fleet.expect("the example is in order");
    let graph = topology::topology(&fleet, None);
    insta::assert_snapshot!("topology.dot", dot(&graph));
    insta::assert_snapshot!("topology.mermaid", mermaid(&graph));
    insta::assert_snapshot!("topology.svg", svg(&graph));
}
