//! A plan as text: one headline a cluster, what runs now, what follows, what waits. Long groups are folded.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::headline;
use crate::report::names;
use crate::report::names::count;
use crate::report::waits;
use crate::report::words;

/// Lines of one group before it is folded.
const GROUP_MAX: usize = 8;

/// Lines of a forecast before the rest is only counted.
const FORECAST_MAX: usize = 24;

/// Columns for ids: a longer one moves its own line only.
const ID_MAX: usize = 40;

/// Clusters that are shown in full before only their headlines are.
const CLUSTERS_MAX: usize = 8;

/// A cluster's plan and what is needed to tell it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Whose.
    pub cluster: &'a Cluster,
    /// What runs now.
    pub plan: &'a Plan,
    /// What follows.
    pub forecast: &'a [Step],
}

/// Plans of several clusters.
pub fn render(views: &[View<'_>], detail: Detail, paint: Paint) -> String {
    let (idle, busy): (Vec<View<'_>>, Vec<View<'_>>) = views.iter().partition(|view| view.plan.is_empty());
    let mut out = String::new();
    let full = detail == Detail::Verbose || (detail == Detail::Normal && busy.len() <= CLUSTERS_MAX);
    for view in &busy {
        let _ = writeln!(out, "{}", headline::of(*view, paint));
        if full {
            body(&mut out, *view, detail, paint);
            out.push('\n');
        }
    }
    match idle.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(out, "{}: nothing to do.", paint.bold(&one.cluster.name));
        }
        many => {
            let _ = writeln!(out, "{} have nothing to do.", count(many.len(), "cluster"));
        }
    }
    if busy.is_empty() {
        return out;
    }
    if full && busy.iter().any(|view| !view.plan.steps.is_empty()) {
        let legend = [Risk::None, Risk::Interrupts, Risk::Removes, Risk::Erases]
            .map(|risk| format!("{} {}", words::mark(risk, paint), words::risk(risk)));
        let _ = writeln!(out, "{}", legend.join("   "));
    } else if !full && detail == Detail::Normal {
        let _ = writeln!(out, "Name a cluster, or give -v, to see the steps.");
    }
    out
}

fn body(out: &mut String, view: View<'_>, detail: Detail, paint: Paint) {
    if !view.plan.steps.is_empty() {
        let _ = writeln!(out, "\n  {}", paint.bold("now"));
        steps(out, view, detail, paint);
    }
    if !view.forecast.is_empty() {
        let _ = writeln!(out, "\n  {}", paint.bold("after that (forecast)"));
        forecast(out, view, detail, paint);
    }
    if !view.plan.waits.is_empty() {
        let _ = writeln!(out, "\n  {}", paint.bold("waits"));
        for line in waits::lines(&view.plan.waits, detail, paint) {
            let _ = writeln!(out, "    {line}");
        }
    }
}

/// Steps of one subject, in the plan's order. `None` is the cluster.
struct Group<'a> {
    subjects: Vec<Option<&'a MachineName>>,
    steps: Vec<&'a Step>,
}

fn steps(out: &mut String, view: View<'_>, detail: Detail, paint: Paint) {
    let groups = match detail {
        Detail::Verbose => by_subject(&view.plan.steps),
        Detail::Quiet | Detail::Normal => fold(by_subject(&view.plan.steps)),
    };
    let id = |group: &Group<'_>, step: &Step| match group.subjects.len() {
        1 => step.id.clone(),
        _ => step.effect.kind().as_str().to_owned(),
    };
    let widths = groups.iter().flat_map(|group| group.steps.iter().map(move |step| id(group, step).len()));
    let width = widths.max().unwrap_or(0).min(ID_MAX);
    for group in &groups {
        let folded = group.subjects.len() > 1;
        if folded {
            let machines: Vec<&MachineName> = group.subjects.iter().filter_map(|subject| *subject).collect();
            let _ = writeln!(out, "    {}, each:", names::machines(&machines, view.cluster, detail));
        }
        let indent = if folded { "      " } else { "    " };
        for step in &group.steps {
            let id = format!("{:width$}", id(group, step));
            // Many machines have many systems: only one machine's has a name here.
            let system = words::system(&step.effect).filter(|_| !folded).map(|system| format!(" [{system}]"));
            let what = format!("{}{}", words::effect(&step.effect), system.unwrap_or_default());
            let _ = writeln!(
                out,
                "{indent}{} {}  {} {}",
                words::mark(step.risk, paint),
                paint.cyan(id),
                clean(&what),
                paint.dim(format_args!("({})", clean(&step.reason)))
            );
        }
    }
}

fn by_subject(steps: &[Step]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut at: BTreeMap<Option<&MachineName>, usize> = BTreeMap::new();
    for step in steps {
        let subject = step.effect.machine();
        let index = *at.entry(subject).or_insert_with(|| {
            groups.push(Group { subjects: vec![subject], steps: Vec::new() });
            groups.len() - 1
        });
        groups[index].steps.push(step);
    }
    groups
}

/// Puts machines together to which the same happens, where showing each would take too many lines.
fn fold(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let shape = |group: &Group<'_>| -> Option<Vec<(EffectKind, Risk)>> {
        group.subjects[0]?;
        Some(group.steps.iter().map(|step| (step.effect.kind(), step.risk)).collect())
    };
    let mut lines: BTreeMap<Vec<(EffectKind, Risk)>, usize> = BTreeMap::new();
    for group in &groups {
        if let Some(shape) = shape(group) {
            *lines.entry(shape).or_default() += group.steps.len();
        }
    }
    let mut folded: Vec<Group<'_>> = Vec::new();
    let mut at: BTreeMap<Vec<(EffectKind, Risk)>, usize> = BTreeMap::new();
    for group in groups {
        match shape(&group).filter(|shape| lines[shape] > GROUP_MAX) {
            None => folded.push(group),
            Some(shape) => match at.get(&shape) {
                Some(index) => folded[*index].subjects.extend(group.subjects),
                None => {
                    at.insert(shape, folded.len());
                    folded.push(group);
                }
            },
        }
    }
    folded
}

/// Steps of the same kind that follow each other.
struct Run<'a> {
    kind: EffectKind,
    risk: Risk,
    steps: Vec<&'a Step>,
}

fn forecast(out: &mut String, view: View<'_>, detail: Detail, paint: Paint) {
    if detail == Detail::Verbose {
        for step in view.forecast {
            let mark = words::mark(step.risk, paint);
            let _ =
                writeln!(out, "    {mark} {}  {}", paint.cyan(&step.id), clean(&words::effect(&step.effect)));
        }
        return;
    }
    let runs = runs(view.forecast);
    let (mut at, mut lines, mut told) = (0, 0, 0);
    while at < runs.len() && lines < FORECAST_MAX {
        let (length, times) = cycle(&runs[at..]);
        let part = &runs[at..at + length * times];
        let risk = part.iter().map(|run| run.risk).max().unwrap_or(Risk::None);
        let what = if times > 1 { round(part, length, view.cluster) } else { alone(&part[0], view.cluster) };
        let _ = writeln!(out, "    {} {}", words::mark(risk, paint), clean(&what));
        told += part.iter().map(|run| run.steps.len()).sum::<usize>();
        at += part.len();
        lines += 1;
    }
    if told < view.forecast.len() {
        let rest = count(view.forecast.len() - told, "more step");
        let _ = writeln!(out, "      … and {rest} (-v shows all)");
    }
}

fn runs(steps: &[Step]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for step in steps {
        let (kind, risk) = (step.effect.kind(), step.risk);
        match runs
            .last_mut()
            .filter(|run| run.kind == kind && run.risk == risk && step.effect.machine().is_some())
        {
            Some(run) => run.steps.push(step),
            None => runs.push(Run { kind, risk, steps: vec![step] }),
        }
    }
    runs
}

/// The length of the cycle that the runs begin with and how often it comes in a row; (1, 1) when there is none.
fn cycle(runs: &[Run<'_>]) -> (usize, usize) {
    /// No roll has more kinds of steps a machine than this.
    const LENGTH_MAX: usize = 12;
    for length in 2..=LENGTH_MAX.min(runs.len() / 2) {
        let same = |n: usize| (0..length).all(|i| runs[i].kind == runs[n * length + i].kind);
        let times = 1 + (1..runs.len() / length).take_while(|n| same(*n)).count();
        if times > 1 {
            return (length, times);
        }
    }
    (1, 1)
}

fn round(part: &[Run<'_>], length: usize, cluster: &Cluster) -> String {
    let verbs: Vec<String> = part[..length].iter().map(|run| words::verb(run.kind)).collect();
    let machines = distinct(part.iter().flat_map(|run| &run.steps).copied());
    let listed = names::list_in_order(&machines);
    format!("{} in turn: {listed}: {}", names::counted(&machines, cluster), verbs.join(", "))
}

fn alone(run: &Run<'_>, cluster: &Cluster) -> String {
    let machines = distinct(run.steps.iter().copied());
    match (machines.as_slice(), run.steps.as_slice()) {
        ([], [step, ..]) => words::effect(&step.effect),
        ([machine], [step]) => format!("{machine}: {}", words::effect(&step.effect)),
        (machines, _) => {
            format!("{} {}", words::verb(run.kind), names::machines(machines, cluster, Detail::Normal))
        }
    }
}

/// Machines in the order in which something happens to them.
fn distinct<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<&'a MachineName> {
    let mut seen = BTreeSet::new();
    steps.filter_map(|step| step.effect.machine()).filter(|machine| seen.insert(*machine)).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use nix8s_core::model::Role;
    use nix8s_core::plan::Cause;
    use nix8s_core::plan::Effect;
    use nix8s_core::plan::Wait;

    use super::*;
    use crate::report::sample;

    fn joins(cluster: &Cluster, via: &str) -> Vec<Step> {
        let join = |machine: &MachineName| Effect::Join {
            machine: machine.clone(),
            role: Role::Worker,
            via: via.parse().unwrap(),
        };
        let workers = cluster.machines.values().filter(|machine| machine.role == Role::Worker);
        workers
            .map(|m| sample::step(join(&m.name), Risk::None, &format!("{} is not a member yet", m.name)))
            .collect()
    }

    fn plan(cluster: &Cluster, steps: Vec<Step>, waits: Vec<Wait>) -> Plan {
        Plan { cluster: cluster.name.clone(), at: Timestamp::UNIX_EPOCH, steps, waits }
    }

    fn shown(cluster: &Cluster, plan: &Plan, forecast: &[Step], detail: Detail) -> String {
        render(&[View { cluster, plan, forecast }], detail, Paint::PLAIN)
    }

    #[test]
    fn few_steps_are_shown_each_with_its_reason() {
        let cluster = sample::cluster(1, 2);
        let init = Effect::Init { machine: "cp1".parse().unwrap() };
        let steps = vec![sample::step(init, Risk::None, "no control plane holds a datastore")];
        let silent = Wait {
            machine: Some("w2".parse().unwrap()),
            cause: Cause::NotThereYet,
            text: "no answer from 10.0.0.3 yet: boot it into an installer".to_owned(),
            until: None,
        };
        let plan = plan(&cluster, steps, vec![silent]);
        insta::assert_snapshot!(shown(&cluster, &plan, &joins(&cluster, "cp1"), Detail::Normal), @r"
        prod: 1 step now and about 2 to follow: initialises the cluster on cp1 and joins 2 machines. Nothing that runs is touched. 1 thing waits for you.

          now
            + init:cp1  initialise the cluster (no control plane holds a datastore)

          after that (forecast)
            + join 2 workers: w1, w2

          waits
            not-there-yet  w2: no answer from 10.0.0.3 yet: boot it into an installer

        + touches nothing that runs   ~ interrupts   - removes   ! erases
        ");
    }

    #[test]
    fn the_same_on_many_machines_is_told_once() {
        let cluster = sample::cluster(3, 12);
        let plan = plan(&cluster, joins(&cluster, "cp1"), Vec::new());
        insta::assert_snapshot!(shown(&cluster, &plan, &[], Detail::Normal), @r"
        prod: 12 steps now: joins 12 machines. Nothing that runs is touched.

          now
            12 workers: w1, w2, … w12, each:
              + join  join as worker via cp1 (w1 is not a member yet)

        + touches nothing that runs   ~ interrupts   - removes   ! erases
        ");
        let all = shown(&cluster, &plan, &[], Detail::Verbose);
        assert_eq!(all.matches("join:w").count(), 12, "{all}");
    }

    #[test]
    fn a_roll_is_told_as_one_round_after_another() {
        let cluster = sample::cluster(1, 12);
        let plan = plan(&cluster, sample::roll(&"cp1".parse().unwrap()).to_vec(), Vec::new());
        let workers = cluster.machines.keys().filter(|name| name.as_str().starts_with('w'));
        let forecast: Vec<Step> = workers.flat_map(sample::roll).collect();
        insta::assert_snapshot!(shown(&cluster, &plan, &forecast, Detail::Normal), @r"
        prod: 4 steps now and about 48 to follow: restarts Kubernetes on 13 machines. Interrupts 13 machines.

          now
            ~ cordon:cp1    cordon (before the drain)
            ~ drain:cp1     drain, within 5m (kernel changes)
            ~ restart:cp1   restart Kubernetes (kernel changes)
            + uncordon:cp1  uncordon (it is well again)

          after that (forecast)
            ~ 12 workers in turn: w1, w10, … w9: cordon, drain, restart, uncordon

        + touches nothing that runs   ~ interrupts   - removes   ! erases
        ");
    }

    #[test]
    fn ten_thousand_machines_fit_on_a_screen() {
        let cluster = sample::cluster(0, 10_000);
        let waits = cluster.machines.keys().map(|name| Wait {
            machine: Some(name.clone()),
            cause: Cause::Silent,
            text: format!("{name} does not answer"),
            until: None,
        });
        let plan = plan(&cluster, joins(&cluster, "cp1"), waits.collect());
        let forecast: Vec<Step> = cluster.machines.keys().flat_map(sample::roll).collect();
        let text = shown(&cluster, &plan, &forecast, Detail::Normal);
        assert!(text.lines().count() < 20, "{text}");
        assert!(text.contains("10,000 workers: w1, w2, … w10000"), "{text}");
    }

    #[test]
    fn an_empty_plan_is_one_sentence() {
        let cluster = sample::cluster(1, 0);
        let plan = plan(&cluster, Vec::new(), Vec::new());
        assert_eq!(shown(&cluster, &plan, &[], Detail::Normal), "prod: nothing to do.\n");
    }
}
