//! A plan: its steps and their order, and faintly what follows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Step;

use super::Edge;
use super::Graph;
use super::Item;
use super::Look;
use super::Node;
use super::Stroke;
use crate::report::names::count;
use crate::report::plan::View;
use crate::report::words;

/// When a step is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Now,
    Later,
}

/// Steps of one kind that come after the same: drawn together, or a plan for a hundred machines would be unreadable.
type Alike = (When, EffectKind, Risk, BTreeSet<usize>);

/// The steps of a plan and of its forecast.
pub fn plan(view: View<'_>) -> Graph {
    let View { cluster, plan, forecast } = view;
    let mut groups: Vec<(Alike, Vec<&Step>)> = Vec::new();
    let mut known: BTreeMap<Alike, usize> = BTreeMap::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last: BTreeMap<&MachineName, usize> = BTreeMap::new();
    let steps = plan.steps.iter().map(|step| (When::Now, step));
    for (when, step) in steps.chain(forecast.iter().map(|step| (When::Later, step))) {
        // A forecast tells what follows, machine by machine; what exactly waits for what is planned when it is time.
        let before: BTreeSet<usize> = match when {
            When::Now => step.after.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect(),
            When::Later => {
                step.effect.machine().and_then(|machine| last.get(machine).copied()).into_iter().collect()
            }
        };
        let alike = (when, step.effect.kind(), step.risk, before);
        let at = *known.entry(alike.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push((alike, Vec::new()));
        }
        groups[at].1.push(step);
        if when == When::Now {
            by_id.insert(&step.id, at);
        }
        last.extend(step.effect.machine().map(|machine| (machine, at)));
    }
    let arrows = |(to, ((when, _, _, before), _)): (usize, &(Alike, Vec<&Step>))| {
        let stroke = if *when == When::Now { Stroke::Solid } else { Stroke::Dashed };
        before.iter().map(|from| Edge { from: *from, to, label: String::new(), stroke }).collect::<Vec<_>>()
    };
    let edges = groups.iter().enumerate().flat_map(arrows).collect();
    let mut title = format!("{}: {} now", cluster.name, count(plan.steps.len(), "step"));
    if !forecast.is_empty() {
        title.push_str(&format!(", about {} to follow", forecast.len()));
    }
    if !plan.waits.is_empty() {
        title.push_str(&format!(", {}", count(plan.waits.len(), "wait")));
    }
    Graph { title, items: groups.iter().map(|(alike, steps)| item(alike, steps)).collect(), edges }
}

fn item((when, kind, risk, _): &Alike, steps: &[&Step]) -> Item {
    let look = match (when, risk) {
        (_, Risk::Erases) => Look::Erases,
        (_, Risk::Interrupts | Risk::Removes) => Look::Warns,
        (When::Now, Risk::None) => Look::Plain,
        (When::Later, Risk::None) => Look::Faint,
    };
    let later = if *when == When::Later { "later: " } else { "" };
    if let [step] = steps {
        let note = format!("{later}{}", words::effect(&step.effect));
        return Item { title: step.id.clone(), note, nodes: Vec::new(), look };
    }
    let first = steps.first().map(|step| words::effect(&step.effect)).unwrap_or_default();
    let same = steps.iter().all(|step| words::effect(&step.effect) == first);
    let node = |step: &&Step| Node {
        title: step.effect.machine().map_or_else(|| step.id.clone(), ToString::to_string),
        note: if same { String::new() } else { words::effect(&step.effect) },
    };
    let note = if same { format!("{later}{first}") } else { later.trim_end_matches(": ").to_owned() };
    let title = format!("{}: {}", words::verb(*kind), count(steps.len(), "machine"));
    Item { title, note, nodes: steps.iter().map(node).collect(), look }
}
