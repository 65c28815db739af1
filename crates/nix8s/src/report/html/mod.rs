//! A page about a cluster: how it stands, what it waits for, what comes next, and what happened, run by run.
//!
//! Needs nothing else and runs nothing: what machines said is text, escaped by the macro that writes the page, and the
//! page's own policy forbids scripts and everything from outside.

mod parts;
mod style;
mod timeline;

use std::time::Duration;

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;
use nix8s_core::lifecycle::Stage;
use nix8s_core::model::size::show_duration;
use nix8s_core::plan::Ends;
use nix8s_engine::state::overview::Overview;

use crate::output::clean;
use crate::report::history::End;
use crate::report::history::Run;
use crate::report::names::count;
use crate::report::names::thousands;
use crate::report::plan::View;
use crate::report::status;

/// Runs that are drawn; earlier ones are a line each.
const RUNS_MAX: usize = 20;

/// Steps of a run that are listed.
const STEPS_MAX: usize = 1000;

/// What a page is made from.
pub struct Page<'a> {
    /// The cluster as it was last seen.
    pub overview: &'a Overview,
    /// Its runs, oldest first.
    pub runs: &'a [Run],
    /// The plan as it stands, where it could be made.
    pub plan: Option<View<'a>>,
    /// Whether these machines are simulated.
    pub is_simulated: bool,
}

/// The whole page.
pub fn page(page: &Page<'_>) -> String {
    let Page { overview, runs, plan, is_simulated } = page;
    let title = format!("nix8s: {}", overview.cluster);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(style::STYLE)) }
            }
            body {
                header {
                    h1 { (overview.cluster) }
                    p.soft {
                        (overview.distribution) " " (overview.version) ", as of " (status::date(overview.at))
                        @if *is_simulated { ". These machines are simulated." }
                    }
                    (cards(overview, runs))
                }
                main {
                    (parts::waits(overview))
                    (parts::machines(overview))
                    (parts::plan(overview, *plan))
                    (history(runs))
                }
            }
        }
    };
    markup.into_string()
}

fn cards(overview: &Overview, runs: &[Run]) -> Markup {
    let in_stage = |stage| overview.machines.values().filter(|machine| machine.stage == stage).count();
    let ready = in_stage(Stage::Ready);
    let (mut done, mut failed) = (0, 0);
    for (_, span) in runs.iter().flat_map(Run::spans) {
        match span.end {
            End::Done { .. } => done += 1,
            End::Failed { .. } => failed += 1,
            End::Unknown => {}
        }
    }
    // Those that have left are still told of, and are nothing that is lacking.
    let all = overview.machines.len() - in_stage(Stage::Gone);
    let urgent = overview.waits.iter().any(|wait| matches!(wait.cause.ends(), Ends::Outside | Ends::Permit));
    let noun =
        |number: usize, one: &str, many: &str| if number == 1 { one.to_owned() } else { many.to_owned() };
    let card = |number: String, words: String, class: &str| {
        html! { div.card { b class=(class) { (number) } span { (words) } } }
    };
    html! {
        div.cards {
            (card(format!("{} of {}", thousands(ready), thousands(all)), "machines ready".to_owned(), if ready == all { "good" } else { "warn" }))
            (card(thousands(overview.waits.len()), noun(overview.waits.len(), "wait", "waits"), if urgent { "warn" } else { "" }))
            (card(thousands(runs.len()), noun(runs.len(), "run", "runs"), ""))
            (card(thousands(done), noun(done, "step done", "steps done"), ""))
            (card(thousands(failed), noun(failed, "step failed", "steps failed"), if failed == 0 { "" } else { "bad" }))
        }
    }
}

fn history(runs: &[Run]) -> Markup {
    let older = runs.len().saturating_sub(RUNS_MAX);
    html! {
        h2 { "What happened" }
        @if runs.is_empty() {
            p.soft { "Nothing yet." }
        } @else {
            (legend())
        }
        @for run in runs[older..].iter().rev() { (one(run)) }
        @if older > 0 {
            h3 { (count(older, "earlier run")) }
            ul.list {
                @for run in runs[..older].iter().rev() {
                    li { (status::date(run.from)) ": " (clean(&run.command)) ", " (ended(run)) }
                }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        div.legend {
            @for (class, words) in timeline::COLOURS {
                span { i class=(class) {} (words) }
            }
            span { i.failed {} "failed" }
            span { i.unknown {} "not known: the run ended first" }
            span { i style="height:5px;vertical-align:.15rem;background:var(--bad)" {} "seen: silent, or not Ready" }
            span { i style="height:4px;vertical-align:.5rem;background:var(--warn);opacity:.6" {} "waits" }
            span { i style="width:2px;background:var(--soft)" {} "seen or asked" }
        }
    }
}

fn one(run: &Run) -> Markup {
    let steps = run.spans().count();
    let failures = run.failures();
    let long = took(u64::try_from(run.to.as_millisecond() - run.from.as_millisecond()).unwrap_or(0));
    html! {
        section {
            h3 { (clean(&run.command)) ", " (status::date(run.from)) }
            p.soft {
                (ended(run)) " after " (long) ": " (count(steps, "step"))
                @if !failures.is_empty() { ", " span.bad { (failures.len()) " failed" } }
                "."
            }
            @if steps > 0 { (timeline::timeline(run)) }
            @if !failures.is_empty() {
                ul.list {
                    @for (machine, span) in &failures { (parts::failure(*machine, span)) }
                }
            }
            (parts::waited(run))
            (parts::marks(run))
            @if steps > 0 { (parts::steps(run, STEPS_MAX)) }
        }
    }
}

fn ended(run: &Run) -> Markup {
    match run.outcome.as_deref() {
        Some("converged") => html! { span.good { "converged" } },
        Some(outcome) => html! { span.warn { (clean(outcome)) } },
        None if run.spans().next().is_none() => html! { "recorded" },
        None => html! { span.bad { "was killed, or still runs;" } " last heard of" },
    }
}

/// A sentence in which what stands between backticks is something to type.
fn prose(text: &str) -> Markup {
    let text = clean(text);
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A time that something took, as people say it.
fn took(ms: u64) -> String {
    let rounded = if ms >= 1000 { ms / 1000 * 1000 } else { ms };
    show_duration(Duration::from_millis(rounded))
}

#[cfg(test)]
mod tests;
