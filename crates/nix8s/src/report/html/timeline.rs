//! A run as bars: a row for each machine, from the beginning of the run on the left to its end on the right.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::Markup;
use maud::html;
use nix8s_core::model::MachineName;
use nix8s_core::plan::EffectKind;

use crate::output::clean;
use crate::report::history::End;
use crate::report::history::Mark;
use crate::report::history::Run;
use crate::report::history::Span;
use crate::report::history::Waited;
use crate::report::html::took;
use crate::report::names::count;
use crate::report::names::natural;
use crate::report::waits::cause_name;
use crate::report::words;

/// Machines of a run that have a row of their own; of more, those on which something failed come first.
const ROWS_MAX: usize = 150;

/// Parts of the run below which a bar has no room for its words, in percent.
const WORDS_MIN: f64 = 7.0;

/// Steps that take no time a person would notice are bars of this width at least, in percent.
const WIDTH_MIN: f64 = 0.3;

/// What a kind of step is about, as the class of its colour and the words in the legend.
pub const COLOURS: [(&str, &str); 7] = [
    ("k-install", "install"),
    ("k-join", "initialise, join"),
    ("k-move", "cordon, drain, uncordon"),
    ("k-system", "build, copy, switch, upgrade"),
    ("k-check", "check gates"),
    ("k-leave", "leave, clean, delete"),
    ("k-other", "anything else"),
];

fn colour(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Install | EffectKind::Adopt => "k-install",
        EffectKind::Init | EffectKind::Join => "k-join",
        EffectKind::Cordon | EffectKind::Drain | EffectKind::Uncordon => "k-move",
        EffectKind::Build
        | EffectKind::Copy
        | EffectKind::Switch
        | EffectKind::UpgradeComponents
        | EffectKind::Rollback => "k-system",
        EffectKind::CheckGates => "k-check",
        EffectKind::LeaveEtcd | EffectKind::Clean | EffectKind::DeleteNode | EffectKind::Forget => "k-leave",
        EffectKind::GenerateSecrets
        | EffectKind::ElectFirstServer
        | EffectKind::WriteMembership
        | EffectKind::Restart
        | EffectKind::SetMetadata
        | EffectKind::FetchKubeconfig
        | EffectKind::InstallPlatform
        | EffectKind::RunScript => "k-other",
    }
}

/// The time that a run took, as something to place things in.
struct Scale {
    from: Timestamp,
    ms: f64,
}

impl Scale {
    fn of(run: &Run) -> Self {
        let ms = run.to.as_millisecond().saturating_sub(run.from.as_millisecond()).max(1);
        Self { from: run.from, ms: ms as f64 }
    }

    /// How far along the run a moment is, in percent.
    fn at(&self, at: Timestamp) -> f64 {
        let since = at.as_millisecond().saturating_sub(self.from.as_millisecond()).max(0);
        (since as f64 / self.ms * 100.0).clamp(0.0, 100.0)
    }

    /// Moments with round distances, and the end.
    fn ticks(&self) -> Vec<(f64, String)> {
        const STEPS_S: [u64; 14] =
            [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 604_800];
        let whole = self.ms / 1000.0;
        let step = STEPS_S.iter().copied().find(|step| whole / *step as f64 <= 5.0).unwrap_or(2_419_200);
        let mut ticks: Vec<(f64, String)> = (0..)
            .map(|number| number * step)
            // The last round moment would be written over the end.
            .take_while(|s| (*s as f64) < whole * 0.86)
            .map(|s| (s as f64 / whole * 100.0, took(s * 1000)))
            .take(7)
            .collect();
        ticks.push((100.0, took(self.ms as u64)));
        ticks
    }
}

/// A run as bars; nothing where nothing was done.
pub fn timeline(run: &Run) -> Markup {
    let scale = Scale::of(run);
    let mut rows: Vec<(&MachineName, &Vec<Span>)> = run.machines.iter().collect();
    rows.sort_by(|(a, _), (b, _)| natural(a.as_str(), b.as_str()));
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    if left_out > 0 {
        let well = |spans: &[Span]| !spans.iter().any(|span| matches!(span.end, End::Failed { .. }));
        rows.sort_by_key(|(_, spans)| well(spans));
        rows.truncate(ROWS_MAX);
    }
    let of = beside(run);
    html! {
        div.timeline {
            div.row.axis {
                div.name {}
                div.track {
                    @for (at, text) in scale.ticks() {
                        i.end[at >= 100.0] style=(format!("left:{at:.2}%")) { (text) }
                    }
                }
            }
            @if !run.cluster.is_empty() || of.contains_key(&None) {
                (row("the cluster", &run.cluster, of.get(&None), &scale))
            }
            @for (name, spans) in &rows {
                (row(name.as_str(), spans, of.get(&Some(*name)), &scale))
            }
            @if left_out > 0 {
                p.soft.small { "and " (count(left_out, "machine")) " on which nothing failed" }
            }
        }
    }
}

/// What a row shows besides steps.
#[derive(Default)]
struct Beside<'a> {
    marks: Vec<&'a Mark>,
    waits: Vec<&'a Waited>,
}

/// What each row shows besides steps; `None` is the cluster.
fn beside(run: &Run) -> BTreeMap<Option<&MachineName>, Beside<'_>> {
    let mut of: BTreeMap<Option<&MachineName>, Beside<'_>> = BTreeMap::new();
    for mark in &run.marks {
        of.entry(mark.machine.as_ref()).or_default().marks.push(mark);
    }
    for wait in &run.waits {
        of.entry(wait.machine.as_ref()).or_default().waits.push(wait);
    }
    of
}

fn row(name: &str, spans: &[Span], beside: Option<&Beside<'_>>, scale: &Scale) -> Markup {
    let (marks, waits) = beside.map_or((&[][..], &[][..]), |of| (&of.marks[..], &of.waits[..]));
    html! {
        div.row {
            div.name title=(name) { (name) }
            div.track {
                @for wait in waits {
                    @let left = scale.at(wait.from);
                    @let told = format!("waits: {}: {}", cause_name(wait.cause), clean(&wait.text));
                    span.wait style=(format!("left:{left:.2}%;width:{:.2}%", scale.at(wait.to) - left)) title=(told) {}
                }
                @for span in spans { (bar(span, scale)) }
                @for (at, mark) in marks.iter().enumerate() {
                    @if mark.is_bad {
                        @let end = marks[at..].iter().find(|later| !later.is_bad).map_or(100.0, |m| scale.at(m.at));
                        @let left = scale.at(mark.at);
                        span.gap style=(format!("left:{left:.2}%;width:{:.2}%", end - left)) title=(clean(&mark.text)) {}
                    } @else {
                        span.mark style=(format!("left:{:.2}%", scale.at(mark.at))) title=(clean(&mark.text)) {}
                    }
                }
            }
        }
    }
}

fn bar(span: &Span, scale: &Scale) -> Markup {
    let left = scale.at(span.from);
    let width = (scale.at(span.to) - left).max(WIDTH_MIN);
    let left = left.min(100.0 - width);
    let has_room = width >= WORDS_MIN;
    let long = took(u64::try_from(span.to.as_millisecond() - span.from.as_millisecond()).unwrap_or(0));
    let verb = words::verb(span.kind);
    let (class, told) = match &span.end {
        End::Done { note } => {
            let note = note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            (colour(span.kind), format!("{}, {long}{note}", span.words))
        }
        End::Failed { message, .. } => ("failed", format!("{verb} failed after {long}: {message}")),
        End::Unknown => ("unknown", format!("{}: what became of it is not known", span.words)),
    };
    html! {
        span class=(format!("bar {class}{}", if has_room { "" } else { " thin" }))
            style=(format!("left:{left:.2}%;width:{width:.2}%")) title=(clean(&told)) {
            @if has_room { (verb) }
        }
    }
}
