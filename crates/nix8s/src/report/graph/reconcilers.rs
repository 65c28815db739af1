//! The reconcilers, by their own table: an arrow leads from the one that writes something to those that read it.

use nix8s_core::reconcile::RECONCILERS;

use super::Edge;
use super::Graph;
use super::Item;
use super::Look;
use super::Stroke;

/// Every reconciler, what it writes, and who reads that.
pub fn reconcilers() -> Graph {
    let name = |kind| {
        let value = serde_json::to_value(kind).expect("a unit variant serialises to its name");
        value.as_str().unwrap_or_default().to_owned()
    };
    let item = |row: &nix8s_core::reconcile::Reconciler| Item {
        title: row.name.to_owned(),
        note: row.does.to_owned(),
        nodes: Vec::new(),
        look: Look::Plain,
    };
    let mut edges = Vec::new();
    for (to, row) in RECONCILERS.iter().enumerate() {
        for kind in row.reads {
            let from = RECONCILERS.iter().position(|writer| writer.writes == *kind);
            edges.extend(from.map(|from| Edge { from, to, label: name(*kind), stroke: Stroke::Solid }));
        }
    }
    Graph {
        title: "Reconcilers: what each reads comes from the one that writes it".to_owned(),
        items: RECONCILERS.iter().map(item).collect(),
        edges,
    }
}
