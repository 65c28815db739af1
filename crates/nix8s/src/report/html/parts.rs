//! The parts of the page besides timelines: waits, machines, the plan, failures, what was seen, and every step.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use maud::Markup;
use maud::html;
use nix8s_core::lifecycle::Stage;
use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Ends;
use nix8s_core::plan::FailureClass;
use nix8s_core::plan::Step;
use nix8s_core::reconcile::age;
use nix8s_engine::state::overview::MachineOverview;
use nix8s_engine::state::overview::Overview;

use crate::output::Detail;
use crate::output::clean;
use crate::report::history::End;
use crate::report::history::Run;
use crate::report::history::Span;
use crate::report::history::Waited;
use crate::report::html::prose;
use crate::report::html::took;
use crate::report::names;
use crate::report::names::count;
use crate::report::names::natural;
use crate::report::plan::View;
use crate::report::status;
use crate::report::waits as grouped;
use crate::report::waits::cause_name;
use crate::report::words;
use crate::report::words::Mood;
use crate::report::words::mood;

/// Things of one list that are shown before the rest is only counted.
const LIST_MAX: usize = 200;

/// Machines that are shown at once; more are folded.
const MACHINES_MAX: usize = 40;

/// What is waited for, and what ends each wait.
pub fn waits(overview: &Overview) -> Markup {
    let ends = |ends: Ends| match ends {
        Ends::Info => ("", "information: nothing has to happen"),
        Ends::Time => ("", "time ends it, or what runs already"),
        Ends::Outside => ("bad-edge", "something outside of nix8s has to happen"),
        Ends::Permit => ("warn-edge", "your leave ends it"),
    };
    let told = grouped::told(&overview.waits);
    html! {
        h2 { "What is waited for" }
        @if overview.waits.is_empty() {
            p.soft { "Nothing." }
        }
        ul.list {
            @for (cause, sentence) in told.iter().take(LIST_MAX) {
                @let (class, ended_by) = ends(cause.ends());
                li class=(class) {
                    (prose(sentence)) ". "
                    span.soft.small { code { (grouped::cause_name(*cause)) } ": " (ended_by) "." }
                }
            }
        }
        @if told.len() > LIST_MAX {
            p.soft { "and " (count(told.len() - LIST_MAX, "more wait")) }
        }
    }
}

/// Every machine, those that are not well first.
pub fn machines(overview: &Overview) -> Markup {
    let mut machines: Vec<_> = overview.machines.iter().collect();
    let well = |m: &MachineOverview| m.stage == Stage::Ready && m.errors.is_empty();
    machines.sort_by(|(a, x), (b, y)| well(x).cmp(&well(y)).then_with(|| natural(a.as_str(), b.as_str())));
    let (first, more) = machines.split_at(machines.len().min(MACHINES_MAX));
    let more = &more[..more.len().min(LIST_MAX)];
    html! {
        h2 { "Machines" }
        (machine_table(first, overview))
        @if !more.is_empty() {
            details {
                summary { (count(more.len(), "more machine")) }
                (machine_table(more, overview))
            }
        }
        @if machines.len() > MACHINES_MAX + LIST_MAX {
            p.soft { "and " (count(machines.len() - MACHINES_MAX - LIST_MAX, "more machine")) ": " code { "nix8s status -v" } " shows all" }
        }
    }
}

fn machine_table(machines: &[(&MachineName, &MachineOverview)], overview: &Overview) -> Markup {
    html! {
        table {
            thead { tr { th { "machine" } th { "role" } th { "stage" } th { "since" } th { "version" } th { "system" } } }
            tbody {
                @for (name, machine) in machines {
                    tr {
                        td { b { (name) } }
                        td data-is="role" { (machine.role.map_or("leaves".to_owned(), |role| role.to_string())) }
                        td data-is="stage" {
                            span class=(stage_class(machine.stage)) { (machine.stage) }
                            @for error in &machine.errors {
                                div.small {
                                    span.bad { (words::verb(error.step)) " failed" }
                                    @if error.count > 1 { " " (error.count) " times" }
                                    ": " (prose(&error.message))
                                    @if error.class == FailureClass::Permanent { " It is not tried again by itself." }
                                }
                            }
                        }
                        td.short data-is="since" { (status::since(machine, overview.at)) }
                        td data-is="version" { (machine.version.as_ref().map(ToString::to_string).unwrap_or_default()) }
                        td data-is="system" {
                            @if let Some(system) = &machine.system { code { (system.short()) } }
                            @if let Some(wanted) = machine.wanted.as_ref().filter(|w| machine.system.as_ref() != Some(w)) {
                                " should be " code { (wanted.short()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn stage_class(stage: Stage) -> &'static str {
    match mood(stage) {
        Mood::Good => "good",
        Mood::Bad => "bad",
        Mood::UnderWay => "warn",
    }
}

/// What would be done now, and what follows.
pub fn plan(overview: &Overview, view: Option<View<'_>>) -> Markup {
    html! {
        h2 { "The plan as it stands" }
        @match view {
            None if overview.steps == 0 => p { "Nothing was left to do when somebody looked last." },
            None => p {
                (count(overview.steps, "step")) " could be carried out when somebody looked last. "
                span.soft { "The configuration could not be read here, so they are not listed." }
            },
            Some(view) if view.plan.steps.is_empty() => p { "Nothing to do." },
            Some(view) => {
                (steps_alike(&view.plan.steps))
                @if !view.forecast.is_empty() {
                    details {
                        summary { "What follows: about " (count(view.forecast.len(), "step")) }
                        (steps_alike(view.forecast))
                    }
                }
            },
        }
    }
}

/// Steps that are the same but for their machine are told once.
fn steps_alike(steps: &[Step]) -> Markup {
    let mut groups: Vec<(Vec<&MachineName>, &Step, String)> = Vec::new();
    let mut known = BTreeMap::new();
    for step in steps {
        let words = words::effect(&step.effect);
        let at = *known.entry((words.clone(), step.risk, step.reason.as_str())).or_insert(groups.len());
        if at == groups.len() {
            groups.push((Vec::new(), step, words));
        }
        groups[at].0.extend(step.effect.machine());
    }
    html! {
        ul.list {
            @for (machines, step, words) in groups.iter().take(LIST_MAX) { (planned(machines, step, words)) }
        }
        @if groups.len() > LIST_MAX {
            p.soft { "and more: " code { "nix8s plan -v" } " shows all" }
        }
    }
}

fn planned(machines: &[&MachineName], step: &Step, words: &str) -> Markup {
    let class = match step.risk {
        Risk::None => "good-edge",
        Risk::Interrupts | Risk::Removes => "warn-edge",
        Risk::Erases => "bad-edge",
    };
    html! {
        li class=(class) {
            @match machines {
                [] => {},
                [one] => { b { (one) } ": " },
                several => { b { (count(several.len(), "machine")) } " (" (names::list(several, Detail::Normal)) "): " },
            }
            (prose(words))
            @if step.risk != Risk::None { " " span.small.warn { "(" (words::risk(step.risk)) ")" } }
            @if !step.reason.is_empty() { div.soft.small { (prose(&step.reason)) } }
        }
    }
}

/// A failed step: what, when, what came back, what to try.
pub fn failure(machine: Option<&MachineName>, span: &Span) -> Markup {
    let End::Failed { message, hint, for_good } = &span.end else { return html! {} };
    html! {
        li.bad-edge {
            @if let Some(machine) = machine { b { (machine) } ": " }
            span.bad { (words::verb(span.kind)) " failed" } ": " (prose(message))
            @if *for_good { " " span.small.warn { "It is not tried again by itself." } }
            div.soft.small {
                (status::date(span.to))
                @if let Some(hint) = hint { ". " (prose(hint)) }
            }
        }
    }
}

/// What was waited for in a run, the longest first: causes, not machines, which may be thousands.
pub fn waited(run: &Run) -> Markup {
    let mut causes: BTreeMap<Cause, Vec<&Waited>> = BTreeMap::new();
    for wait in &run.waits {
        causes.entry(wait.cause).or_default().push(wait);
    }
    let length = |wait: &Waited| wait.to.as_millisecond() - wait.from.as_millisecond();
    let mut rows: Vec<(Cause, &Waited, usize)> = Vec::new();
    for (cause, waits) in causes {
        let subjects: BTreeSet<_> = waits.iter().map(|wait| &wait.machine).collect();
        rows.extend(
            waits.into_iter().max_by_key(|wait| length(wait)).map(|wait| (cause, wait, subjects.len())),
        );
    }
    rows.sort_by_key(|(_, wait, _)| std::cmp::Reverse(length(wait)));
    html! {
        @if !rows.is_empty() {
            details {
                summary { "What it waited for" }
                table {
                    thead { tr { th { "cause" } th { "waited" } th { "longest" } th { "for example" } } }
                    tbody {
                        @for (cause, wait, subjects) in &rows {
                            tr {
                                td.mono { (cause_name(*cause)) }
                                td.short data-is="waited" {
                                    @if wait.machine.is_some() { (count(*subjects, "machine")) } @else { "the cluster" }
                                }
                                td.short data-is="longest" {
                                    (took(u64::try_from(length(wait)).unwrap_or(0)))
                                    @if !wait.is_over { ", to the end" }
                                }
                                td data-is="for example" { (prose(&wait.text)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was seen and asked while a run went on.
pub fn marks(run: &Run) -> Markup {
    html! {
        @if !run.marks.is_empty() {
            details open[run.spans().next().is_none()] {
                summary { (count(run.marks.len(), "thing")) " seen or asked" }
                ul.list {
                    @for mark in run.marks.iter().take(LIST_MAX) {
                        li class=(if mark.is_bad { "bad-edge" } else { "" }) {
                            span.soft.small.mono { "+" (age(mark.at, run.from)) } " "
                            @if let Some(machine) = &mark.machine { b { (machine) } ": " }
                            (clean(&mark.text))
                        }
                    }
                }
                @if run.marks.len() > LIST_MAX {
                    p.soft { "and " (run.marks.len() - LIST_MAX) " more: " code { "nix8s events" } " shows all" }
                }
            }
        }
    }
}

/// Every step of a run as text, for those who cannot point at a bar.
pub fn steps(run: &Run, most: usize) -> Markup {
    let mut spans: Vec<_> = run.spans().collect();
    spans.sort_by_key(|(_, span)| span.from);
    html! {
        details {
            summary { "All " (count(spans.len(), "step")) ", in their order" }
            table {
                thead { tr { th { "after" } th { "machine" } th { "step" } th { "took" } th { "came of it" } } }
                tbody {
                    @for (machine, span) in spans.iter().take(most) {
                        tr {
                            td.mono.short { "+" (age(span.from, run.from)) }
                            td data-is="machine" { (machine.map(ToString::to_string).unwrap_or_default()) }
                            td data-is="step" { (prose(&span.words)) }
                            td.short data-is="took" {
                                (took(u64::try_from(span.to.as_millisecond() - span.from.as_millisecond()).unwrap_or(0)))
                            }
                            td data-is="came of it" {
                                @match &span.end {
                                    End::Done { note } => {
                                        span.good { "done" }
                                        @if let Some(note) = note { ": " (clean(note)) }
                                    },
                                    End::Failed { message, .. } => { span.bad { "failed" } ": " (clean(message)) },
                                    End::Unknown => span.warn { "not known" },
                                }
                            }
                        }
                    }
                }
            }
            @if spans.len() > most {
                p.soft { "and " (count(spans.len() - most, "more step")) ": " code { "nix8s events" } " shows all" }
            }
        }
    }
}
