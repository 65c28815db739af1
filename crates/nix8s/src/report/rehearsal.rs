//! What a rehearsal showed, for people.

use std::fmt::Write;

use nix8s_core::model::MachineName;
use nix8s_sim::rehearse::spread::Durations;
use nix8s_sim::rehearse::tally::Away;
use nix8s_sim::rehearse::tally::FailureRow;
use nix8s_sim::rehearse::tally::From;
use nix8s_sim::rehearse::tally::Rehearsal;
use nix8s_sim::rehearse::tally::WaitRow;
use nix8s_sim::rehearse::tally::Worst;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names;
use crate::report::names::count;
use crate::report::names::thousands;
use crate::report::table;
use crate::report::table::Cell;
use crate::report::waits;
use crate::report::words;
use crate::report::words::sentence_list;

/// Rows of a table before the rest is only counted.
const ROWS_MAX: usize = 8;

/// What there is to say about the worst run.
const WORST_MAX: usize = 5;

/// How a run ends that arrives.
const CONVERGED: &str = "converged";

/// The longest bar of the histogram.
const BAR_MAX: usize = 40;

/// A whole rehearsal. `replay`: the command that shows the run of a seed again.
pub fn render(rehearsal: &Rehearsal, replay: &dyn Fn(u64) -> String, detail: Detail, paint: Paint) -> String {
    let mut out = String::new();
    headline(&mut out, rehearsal, paint);
    if detail == Detail::Quiet {
        return out;
    }
    if !rehearsal.assumed.is_empty() {
        section(&mut out, "What was not recorded, and was assumed", paint);
        for assumed in &rehearsal.assumed {
            let _ = writeln!(out, "  {}", clean(assumed));
        }
    }
    if let Some(durations) = &rehearsal.durations {
        section(&mut out, "Time until everything is as configured, simulated", paint);
        distribution(&mut out, durations, paint);
    }
    if let Some(worst) = &rehearsal.worst {
        worst_run(&mut out, worst, &replay(worst.seed), paint);
    }
    waited(&mut out, &rehearsal.waits, detail, paint);
    failed(&mut out, &rehearsal.failures, detail, paint);
    rules(&mut out, rehearsal, paint);
    interrupted(&mut out, rehearsal, paint);
    left(&mut out, rehearsal, replay, paint);
    out
}

fn section(out: &mut String, title: &str, paint: Paint) {
    let _ = writeln!(out, "\n{}", paint.bold(title));
}

fn headline(out: &mut String, rehearsal: &Rehearsal, paint: Paint) {
    let Rehearsal { cluster, runs, converged, seed, .. } = rehearsal;
    let arrived = format!("{} of {} converged", thousands(*converged), count(*runs, "run"));
    let arrived = if converged == runs { paint.green(arrived) } else { paint.yellow(arrived) };
    let from = match rehearsal.from {
        From::KeptWorld => "the simulated world as it is",
        From::BlankMachines => "blank machines",
        From::Recorded => "machines as they were last recorded",
    };
    let faults = match rehearsal.faults {
        "none" => "no",
        other => other,
    };
    let _ = writeln!(
        out,
        "{}: {arrived}, from {from}, with {faults} faults, from seed {seed}.",
        paint.bold(cluster)
    );
    if rehearsal.steps_done == 0 && converged == runs {
        let _ = writeln!(out, "There was nothing to do.");
    }
    if rehearsal.applies_max > 1 {
        let times = rehearsal.applies_max;
        let _ = writeln!(out, "`apply` had to be started up to {times} times in one run.");
    }
    if !rehearsal.rolled_back.is_empty() {
        let back =
            rehearsal.rolled_back.iter().map(|(name, runs)| format!("{name} in {}", count(*runs, "run")));
        let _ = writeln!(out, "Rolled back: {}.", sentence_list(&back.collect::<Vec<_>>()));
    }
}

fn distribution(out: &mut String, durations: &Durations, paint: Paint) {
    let _ = writeln!(
        out,
        "  min {}, median {}, p90 {}, max {}",
        time(durations.min_ms),
        time(durations.median_ms),
        time(durations.p90_ms),
        time(durations.max_ms)
    );
    let most = durations.histogram.iter().map(|bar| bar.runs).max().unwrap_or(0).max(1);
    let from: Vec<String> = durations.histogram.iter().map(|bar| time(bar.from_ms)).collect();
    let width = from.iter().map(String::len).max().unwrap_or(0);
    for (bar, from) in durations.histogram.iter().zip(from) {
        let length = (bar.runs * BAR_MAX).div_ceil(most);
        let line = format!("  from {from:width$}  {} {}", "█".repeat(length), thousands(bar.runs));
        let line = if bar.runs == 0 { paint.dim(format_args!("  from {from:width$}  0")) } else { line };
        let _ = writeln!(out, "{line}");
    }
}

fn worst_run(out: &mut String, worst: &Worst, replay: &str, paint: Paint) {
    // What arrived was only slow.
    let title = if worst.ending == CONVERGED { "The longest run" } else { "The worst run" };
    section(out, title, paint);
    let applies =
        if worst.applies == 1 { String::new() } else { format!(", in {} starts of `apply`", worst.applies) };
    let _ = writeln!(out, "  seed {}: {} after {}{applies}", worst.seed, worst.ending, time(worst.took_ms));
    for step in worst.steps.iter().take(WORST_MAX).filter(|step| step.total_ms > 0) {
        let on = step.machine.as_ref().map(|machine| format!(" on {machine}")).unwrap_or_default();
        let _ = writeln!(out, "  took {} for {}{on}", time(step.total_ms), words::verb(step.step));
    }
    for wait in worst.waits.iter().take(WORST_MAX) {
        let machine = wait.machine.as_ref().map_or("the cluster", MachineName::as_str);
        let _ = writeln!(
            out,
            "  {} {} for {}: {}",
            paint.yellow("waited"),
            machine,
            time(wait.total_ms),
            clean(&wait.text)
        );
    }
    for failure in worst.failures.iter().take(WORST_MAX) {
        let times = if failure.times == 1 { "once".to_owned() } else { format!("{} times", failure.times) };
        let _ = writeln!(
            out,
            "  {} {}{} {times}: {}",
            paint.red("failed"),
            words::verb(failure.step),
            on(failure),
            clean(&failure.message)
        );
    }
    let _ = writeln!(out, "  {}", paint.cyan(replay));
}

fn on(failure: &FailureRow) -> String {
    let names: Vec<&MachineName> = failure.machines.iter().collect();
    if names.is_empty() { String::new() } else { format!(" on {}", names::list(&names, Detail::Normal)) }
}

fn waited(out: &mut String, rows: &[WaitRow], detail: Detail, paint: Paint) {
    if rows.is_empty() {
        return;
    }
    section(out, "What was waited for", paint);
    let (shown, rest) = first(rows, detail);
    let cells: Vec<Vec<Cell>> = shown
        .iter()
        .map(|row| {
            let each = row.total_ms / i64::try_from(row.runs).unwrap_or(1).max(1);
            vec![
                Cell::new(waits::cause_name(row.cause)),
                Cell::new(row.machine.as_ref().map_or("the cluster", MachineName::as_str)),
                Cell::new(thousands(row.runs)),
                Cell::new(time(each)),
                Cell::new(time(row.longest_ms)),
                Cell::new(clean(&row.text)),
            ]
        })
        .collect();
    rendered(out, &["CAUSE", "MACHINE", "RUNS", "ON AVERAGE", "LONGEST", "FOR EXAMPLE"], &cells, rest, paint);
}

fn failed(out: &mut String, rows: &[FailureRow], detail: Detail, paint: Paint) {
    if rows.is_empty() {
        return;
    }
    section(out, "Steps that failed", paint);
    let (shown, rest) = first(rows, detail);
    let cells: Vec<Vec<Cell>> = shown
        .iter()
        .map(|row| {
            let names: Vec<&MachineName> = row.machines.iter().collect();
            vec![
                Cell::new(words::verb(row.step)),
                Cell::new(thousands(row.runs)),
                Cell::new(thousands(row.times as usize)),
                Cell::new(names::list(&names, detail)),
                Cell::new(clean(&row.message)),
            ]
        })
        .collect();
    rendered(out, &["STEP", "RUNS", "TIMES", "MACHINES", "FOR EXAMPLE"], &cells, rest, paint);
}

fn first<T>(rows: &[T], detail: Detail) -> (&[T], usize) {
    match detail {
        Detail::Verbose => (rows, 0),
        Detail::Quiet | Detail::Normal => {
            let shown = rows.len().min(ROWS_MAX);
            (&rows[..shown], rows.len() - shown)
        }
    }
}

fn rendered(out: &mut String, headings: &[&str], cells: &[Vec<Cell>], rest: usize, paint: Paint) {
    for line in table::render(headings, cells, "  ", paint) {
        let _ = writeln!(out, "{line}");
    }
    if rest > 0 {
        let _ = writeln!(out, "  {}", paint.dim(format_args!("and {rest} more; -v shows them")));
    }
}

fn rules(out: &mut String, rehearsal: &Rehearsal, paint: Paint) {
    section(out, "Rules", paint);
    for bug in &rehearsal.bugs {
        let who = if bug.noticed == "world" { "in the world" } else { "in a plan that was not carried out" };
        let text = clean(bug.text.lines().next().unwrap_or_default());
        let _ = writeln!(out, "  {} seed {}, {who}: {text}", paint.red("broken"), bug.seed);
    }
    for rule in &rehearsal.rules {
        let names: Vec<&MachineName> = rule.machines.iter().collect();
        let whom =
            if names.is_empty() { "the cluster".to_owned() } else { names::list(&names, Detail::Normal) };
        let _ = writeln!(
            out,
            "  rule {} ({}) held back {whom} in {}, for {} altogether: {}",
            rule.number,
            rule.name,
            count(rule.runs, "run"),
            time(rule.total_ms),
            clean(&rule.text)
        );
    }
    if rehearsal.bugs.is_empty() {
        let _ = writeln!(out, "  none was broken, as seen from outside");
    }
}

fn interrupted(out: &mut String, rehearsal: &Rehearsal, paint: Paint) {
    section(out, "Interruptions", paint);
    let seen = &rehearsal.interrupted;
    let _ = writeln!(out, "  the API server: {}", away(&seen.api));
    for (name, workload) in &seen.workloads {
        let _ = writeln!(out, "  {name}, simulated pods: {}", away(workload));
    }
    let _ = writeln!(
        out,
        "  workers: at most {} down at once, whatever the reason; nix8s kept at most {} out of service \
         (maxUnavailable is {})",
        seen.workers_down, seen.workers_taken, seen.max_unavailable
    );
}

fn away(away: &Away) -> String {
    match away.seed {
        Some(seed) => {
            let runs = count(away.runs, "run");
            format!("away in {runs}, at most {} at a time (seed {seed})", time(away.longest_ms))
        }
        None => "never away".to_owned(),
    }
}

fn left(out: &mut String, rehearsal: &Rehearsal, replay: &dyn Fn(u64) -> String, paint: Paint) {
    if rehearsal.not_converged.is_empty() {
        return;
    }
    section(out, "Runs that did not converge", paint);
    for run in rehearsal.not_converged.iter().take(ROWS_MAX) {
        let _ = writeln!(out, "  seed {}: {}", run.seed, run.ending);
        for wait in run.left.iter().filter(|w| w.cause.ends() != nix8s_core::plan::Ends::Info).take(WORST_MAX)
        {
            let _ =
                writeln!(out, "    {} {}", waits::cause_name(wait.cause), clean(&waits::sentence_of(wait)));
        }
        if let Some(note) = &run.note {
            let _ = writeln!(out, "    {}", clean(note));
        }
        let _ = writeln!(out, "    {}", paint.cyan(replay(run.seed)));
    }
    if rehearsal.not_converged.len() > ROWS_MAX {
        let _ = writeln!(out, "  and {} more", rehearsal.not_converged.len() - ROWS_MAX);
    }
}

/// A time of the simulated world. Its milliseconds are nothing that anybody would rely on.
fn time(ms: i64) -> String {
    let seconds = u64::try_from((ms + 500) / 1000).unwrap_or(0);
    nix8s_core::model::size::show_duration(std::time::Duration::from_secs(seconds))
}
