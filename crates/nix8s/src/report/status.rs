//! A cluster as it was last looked at: a headline, its machines, what went wrong, what is waited for.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix8s_core::lifecycle::Stage;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::plan::FailureClass;
use nix8s_core::reconcile::age;
use nix8s_engine::state::overview::MachineOverview;
use nix8s_engine::state::overview::Overview;
use nix8s_engine::state::overview::ScriptOverview;
use nix8s_engine::users::Came;
use nix8s_engine::users::State;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names::count;
use crate::report::names::natural;
use crate::report::names::thousands;
use crate::report::table;
use crate::report::table::Cell;
use crate::report::waits;
use crate::report::words::Mood;
use crate::report::words::mood;

/// Machines of a cluster that are all shown; of more, only those that are not well.
const MACHINES_MAX: usize = 50;

/// A cluster.
pub fn render(overview: &Overview, detail: Detail, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", headline(overview, paint));
    if detail == Detail::Quiet {
        return out;
    }
    let shown = shown(overview, detail);
    if !shown.is_empty() {
        out.push('\n');
        for line in machines(&shown, overview.at, paint) {
            let _ = writeln!(out, "{line}");
        }
    }
    let well = overview.machines.len() - shown.len();
    if well > 0 {
        let _ = writeln!(
            out,
            "  {} well (-v shows all)",
            if shown.is_empty() {
                format!("all {} are", count(well, "machine"))
            } else {
                format!("{} are", count(well, "other machine"))
            }
        );
    }
    for (head, lines) in [
        ("scripts", scripts(&overview.scripts, overview.at, paint)),
        ("reconcilers", reconcilers(&overview.reconcilers, overview.at, paint)),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(out, "\n  {}", paint.bold(head));
        }
        for line in lines {
            let _ = writeln!(out, "    {line}");
        }
    }
    if !overview.waits.is_empty() {
        let _ = writeln!(out, "\n  {}", paint.bold("waits"));
    }
    for line in waits::lines(&overview.waits, detail, paint) {
        let _ = writeln!(out, "    {line}");
    }
    out
}

/// Users' scripts that ran: how, for how many, and when last.
fn scripts(scripts: &[ScriptOverview], now: Timestamp, paint: Paint) -> Vec<String> {
    let line = |script: &ScriptOverview| {
        let many = script.done + script.failed > 1;
        let number = |number: usize| if many { format!(" for {number}") } else { String::new() };
        let mut parts = Vec::new();
        let ran = script.done.saturating_sub(script.not_needed);
        if ran > 0 {
            parts.push(paint.green(format_args!("done{}", number(ran))));
        }
        if script.not_needed > 0 {
            parts.push(format!("not needed{}", number(script.not_needed)));
        }
        if script.failed > 0 {
            parts.push(paint.red(format_args!("failed{}", number(script.failed))));
        }
        let said = script.message.as_ref().map(|text| format!(": {}", clean(text))).unwrap_or_default();
        let ago = age(now, script.last);
        format!("{} ({}): {}, {ago} ago{said}", paint.bold(&script.name), script.when, parts.join(", "))
    };
    scripts.iter().map(line).collect()
}

/// Users' reconcilers: how they stand.
fn reconcilers(all: &[Came], now: Timestamp, paint: Paint) -> Vec<String> {
    let line = |came: &Came| {
        let ended = came.ended.map(|at| format!(", ended {} ago", age(now, at))).unwrap_or_default();
        let state = match came.state {
            State::Waiting => "waits for those that it comes after".to_owned(),
            State::Running => format!("{}, started {} times", paint.green("runs"), came.starts),
            State::Done => format!("{}{ended}", paint.green("done")),
            State::Failed => {
                let status =
                    came.status.map(|status| format!(" with exit code {status}")).unwrap_or_default();
                format!("{}{status}, {} in a row{ended}", paint.red("failed"), came.failures)
            }
            State::Stopped => format!("stopped{ended}"),
        };
        let said = came.message.as_ref().filter(|_| came.state == State::Failed);
        let said = said.map(|text| format!(": {}", clean(text))).unwrap_or_default();
        format!("{}: {state}{said}", paint.bold(&came.name))
    };
    all.iter().map(line).collect()
}

/// `prod: k3s v1.34.1, 3 control planes and 12 workers: 14 ready, 1 error. Looked at …`
fn headline(overview: &Overview, paint: Paint) -> String {
    let role = |role| overview.machines.values().filter(|machine| machine.role == Some(role)).count();
    let mut kinds =
        vec![count(role(Role::ControlPlane), "control plane"), count(role(Role::Worker), "worker")];
    if role(Role::None) > 0 {
        kinds.push(format!("{} outside Kubernetes", count(role(Role::None), "machine")));
    }
    let mut stages: BTreeMap<Stage, usize> = BTreeMap::new();
    for machine in overview.machines.values() {
        *stages.entry(machine.stage).or_default() += 1;
    }
    let stages: Vec<String> = stages
        .iter()
        .map(|(stage, n)| stage_paint(*stage)(paint, format!("{} {stage}", thousands(*n))))
        .collect();
    let todo = match overview.steps {
        0 => String::new(),
        steps => format!(" {} could be carried out then.", count(steps, "step")),
    };
    format!(
        "{}: {} {}, {}: {}. As of {}.{todo}",
        paint.bold(&overview.cluster),
        overview.distribution,
        overview.version,
        crate::report::words::sentence_list(&kinds),
        stages.join(", "),
        date(overview.at),
    )
}

fn shown(overview: &Overview, detail: Detail) -> Vec<(&MachineName, &MachineOverview)> {
    let all = detail == Detail::Verbose || overview.machines.len() <= MACHINES_MAX;
    let unwell = |machine: &MachineOverview| machine.stage != Stage::Ready || !machine.errors.is_empty();
    let mut shown: Vec<_> = overview.machines.iter().filter(|(_, machine)| all || unwell(machine)).collect();
    shown.sort_by(|(a, _), (b, _)| natural(a.as_str(), b.as_str()));
    shown
}

fn machines(shown: &[(&MachineName, &MachineOverview)], now: Timestamp, paint: Paint) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = shown.iter().map(|(name, machine)| row(name, machine, now)).collect();
    let table =
        table::render(&["MACHINE", "ROLE", "STAGE", "SINCE", "VERSION", "SYSTEM"], &rows, "  ", paint);
    let mut lines = table.into_iter();
    let mut out: Vec<String> = lines.next().into_iter().collect();
    for (line, (_, machine)) in lines.zip(shown) {
        out.push(line);
        out.extend(machine.held.iter().map(|held| {
            let head = paint.yellow(format_args!("{} is held up", crate::report::words::verb(held.step)));
            format!("    {head} since {} ago: {}", age(now, held.since), clean(&held.why))
        }));
        out.extend(machine.errors.iter().map(|error| {
            let step = crate::report::words::verb(error.step);
            let times =
                if error.count == 1 { String::new() } else { format!(" {} times, last", error.count) };
            let ago = age(now, error.last);
            let class = match error.class {
                FailureClass::Transient => "",
                FailureClass::Permanent => "; it is not tried again by itself",
            };
            let head = paint.red(format_args!("{step} failed"));
            format!("    {head}{times} {ago} ago: {}{class}", clean(&error.message))
        }));
    }
    out
}

fn row(name: &MachineName, machine: &MachineOverview, now: Timestamp) -> Vec<Cell> {
    let role = match machine.role {
        Some(Role::ControlPlane) => "control plane",
        Some(Role::Worker) => "worker",
        Some(Role::None) => "no Kubernetes",
        None => "leaves",
    };
    let short =
        |path: &Option<nix8s_core::model::StorePath>| path.as_ref().map(|path| path.short().to_owned());
    let system = match (short(&machine.system), short(&machine.wanted)) {
        (Some(running), Some(wanted)) if running != wanted => format!("{running} -> {wanted}"),
        (Some(running), _) => running,
        (None, Some(wanted)) => format!("-> {wanted}"),
        (None, None) => String::new(),
    };
    vec![
        Cell::painted(name.as_str(), |paint, text| paint.bold(text)),
        Cell::new(role),
        Cell::painted(machine.stage.as_str(), stage_paint(machine.stage)),
        Cell::new(since(machine, now)),
        Cell::new(machine.version.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::new(system),
    ]
}

/// How long a machine is in its stage, and whether that is too long.
pub fn since(machine: &MachineOverview, now: Timestamp) -> String {
    let passed = now.duration_since(machine.since);
    let stuck = machine.stage.limit().is_some_and(|limit| passed.unsigned_abs() > limit);
    format!("{}{}", age(now, machine.since), if stuck { " (stuck)" } else { "" })
}

fn stage_paint(stage: Stage) -> fn(Paint, String) -> String {
    match mood(stage) {
        Mood::Good => |paint, text| paint.green(text),
        Mood::Bad => |paint, text| paint.red(text),
        Mood::UnderWay => |paint, text| paint.yellow(text),
    }
}

/// Day and time, UTC.
pub fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
