//! The fleet: for each cluster its workers, the address by which they reach the API, and its control planes.

use nix8s_core::model::Cluster;
use nix8s_core::model::Fleet;
use nix8s_core::model::Machine;
use nix8s_core::model::Role;

use super::Edge;
use super::Graph;
use super::Item;
use super::Look;
use super::Node;
use super::Stroke;
use crate::report::names::count;
use crate::report::names::natural;

/// The clusters of a fleet, or one of them.
pub fn topology(fleet: &Fleet, only: Option<&str>) -> Graph {
    let mut graph = Graph { title: String::new(), items: Vec::new(), edges: Vec::new() };
    let clusters = fleet.clusters.values().filter(|c| only.is_none_or(|name| c.name.as_str() == name));
    let mut names = Vec::new();
    for cluster in clusters {
        names.push(cluster.name.to_string());
        add(&mut graph, cluster);
    }
    graph.title = match names.as_slice() {
        [] => "No clusters".to_owned(),
        names => crate::report::words::sentence_list(names),
    };
    graph
}

fn add(graph: &mut Graph, cluster: &Cluster) {
    let control_planes = group(graph, cluster, Role::ControlPlane);
    let api = match (cluster.ha.vip, control_planes) {
        (Some(vip), Some(control_planes)) => {
            let mode = serde_json::to_value(cluster.ha.mode).expect("a unit variant serialises to its name");
            let note = format!("{} · API of {}", mode.as_str().unwrap_or_default(), cluster.name);
            let item =
                push(graph, Item { title: vip.to_string(), note, nodes: Vec::new(), look: Look::Address });
            join(graph, item, control_planes, "", Stroke::Solid);
            Some(item)
        }
        (Some(_) | None, control_planes) => control_planes,
    };
    let workers = group(graph, cluster, Role::Worker);
    if let (Some(workers), Some(api)) = (workers, api) {
        join(graph, workers, api, "reach the API", Stroke::Solid);
    }
    let outside = group(graph, cluster, Role::None);
    for (role, item) in [(Role::ControlPlane, control_planes), (Role::Worker, workers), (Role::None, outside)]
    {
        let Some(item) = item else { continue };
        let mut tools: Vec<&str> = of_role(cluster, role).iter().map(|m| m.provisioner.as_str()).collect();
        tools.sort_unstable();
        tools.dedup();
        for tool in tools {
            let tool = provisioner(graph, tool);
            join(graph, tool, item, "installs", Stroke::Dashed);
        }
    }
}

fn of_role(cluster: &Cluster, role: Role) -> Vec<&Machine> {
    let mut machines: Vec<&Machine> =
        cluster.machines.values().map(|machine| &**machine).filter(|machine| machine.role == role).collect();
    machines.sort_by(|a, b| natural(a.name.as_str(), b.name.as_str()));
    machines
}

fn group(graph: &mut Graph, cluster: &Cluster, role: Role) -> Option<usize> {
    let machines = of_role(cluster, role);
    if machines.is_empty() {
        return None;
    }
    let (noun, look) = match role {
        Role::ControlPlane => ("control plane", Look::Control),
        Role::Worker => ("worker", Look::Plain),
        Role::None => ("machine", Look::Faint),
    };
    let first = &cluster.ha.first_server;
    let node = |machine: &&Machine| {
        let address = machine.ip.map_or_else(|| "address not known yet".to_owned(), |ip| ip.to_string());
        let mut notes = vec![address];
        if role == Role::ControlPlane && machine.name == *first {
            notes.push("first".to_owned());
        }
        if machine.skip {
            notes.push("left alone".to_owned());
        }
        Node { title: machine.name.to_string(), note: notes.join(" · ") }
    };
    let note = match role {
        Role::None => "outside Kubernetes".to_owned(),
        Role::ControlPlane | Role::Worker => format!("{} {}", cluster.distribution, cluster.version),
    };
    let title = format!("{}: {}", cluster.name, count(machines.len(), noun));
    let nodes = machines.iter().map(node).collect();
    Some(push(graph, Item { title, note, nodes, look }))
}

/// One item for each provisioner, however many clusters it serves.
fn provisioner(graph: &mut Graph, name: &str) -> usize {
    let known = graph.items.iter().position(|item| item.look == Look::Faint && item.title == name);
    known.unwrap_or_else(|| {
        let note = "provisioner".to_owned();
        push(graph, Item { title: name.to_owned(), note, nodes: Vec::new(), look: Look::Faint })
    })
}

fn push(graph: &mut Graph, item: Item) -> usize {
    graph.items.push(item);
    graph.items.len() - 1
}

fn join(graph: &mut Graph, from: usize, to: usize, label: &str, stroke: Stroke) {
    graph.edges.push(Edge { from, to, label: label.to_owned(), stroke });
}
