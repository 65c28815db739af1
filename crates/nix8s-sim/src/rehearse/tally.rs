//! What many runs add up to: how many arrived, how long that took, what was waited for, what failed, which rule held
//! something back, and what was interrupted. The document that `rehearse -o json` prints is this.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::ClusterName;
use nix8s_core::model::MachineName;
use nix8s_core::plan::Cause;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Wait;
use nix8s_core::plan::rule::Rule;
use serde::Serialize;

use super::Settings;
use super::Start;
use super::run::End;
use super::run::Noticed;
use super::run::Run;
use super::spread::Durations;
use super::spread::durations;
use crate::fault::Level;
use crate::watch::Outages;
use crate::world::Ms;

/// What a rehearsal showed.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsal {
    /// Whose.
    pub cluster: ClusterName,
    /// What the runs started from.
    pub from: From,
    /// What was not recorded, and was taken for granted.
    pub assumed: Vec<String>,
    /// How much went wrong.
    pub faults: &'static str,
    /// The seed of the first run.
    pub seed: u64,
    /// How many runs there were.
    pub runs: usize,
    /// How many of them arrived.
    pub converged: usize,
    /// Runs by how they ended.
    pub endings: BTreeMap<&'static str, usize>,
    /// How long the runs took that arrived; `None`: none did.
    pub durations: Option<Durations>,
    /// Steps that were carried out in all runs together.
    pub steps_done: usize,
    /// The most often that `apply` was started in one run.
    pub applies_max: u32,
    /// The run that is most worth a look: one that broke a rule, else one that did not arrive, else the longest.
    pub worst: Option<Worst>,
    /// What was waited for, the longest first.
    pub waits: Vec<WaitRow>,
    /// Which steps failed, the most frequent first.
    pub failures: Vec<FailureRow>,
    /// Which rules held something back.
    pub rules: Vec<RuleRow>,
    /// What was interrupted.
    pub interrupted: Interrupted,
    /// Machines that went back to the system before, and in how many runs.
    pub rolled_back: BTreeMap<MachineName, usize>,
    /// Runs that did not arrive, and what was left.
    pub not_converged: Vec<NotConverged>,
    /// Rules that were broken: bugs in nix8s.
    pub bugs: Vec<BugRow>,
}

/// What the runs started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// The world that is kept in the state directory.
    KeptWorld,
    /// Blank machines.
    BlankMachines,
    /// Machines like the real ones, as they were last recorded.
    Recorded,
}

/// A run that is worth a look.
#[derive(Debug, Clone, Serialize)]
pub struct Worst {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub ending: &'static str,
    /// How long it took.
    pub took_ms: Ms,
    /// How often `apply` was started.
    pub applies: u32,
    /// What took long to do, the longest first.
    pub steps: Vec<StepRow>,
    /// What it waited for, the longest first.
    pub waits: Vec<WaitRow>,
    /// What failed in it.
    pub failures: Vec<FailureRow>,
}

/// Something that was done.
#[derive(Debug, Clone, Serialize)]
pub struct StepRow {
    /// What.
    pub step: EffectKind,
    /// On which machine; `None`: on the cluster.
    pub machine: Option<MachineName>,
    /// How long it took, all attempts together.
    pub total_ms: Ms,
}

/// Something that was waited for.
#[derive(Debug, Clone, Serialize)]
pub struct WaitRow {
    /// Why.
    pub cause: Cause,
    /// Which machine waited; `None`: the cluster.
    pub machine: Option<MachineName>,
    /// In how many runs.
    pub runs: usize,
    /// All of it together.
    pub total_ms: Ms,
    /// The longest in one run.
    pub longest_ms: Ms,
    /// An example: of the run that waited longest.
    pub text: String,
}

/// A kind of step that failed.
#[derive(Debug, Clone, Serialize)]
pub struct FailureRow {
    /// What.
    pub step: EffectKind,
    /// In how many runs.
    pub runs: usize,
    /// How often.
    pub times: u32,
    /// On which machines.
    pub machines: BTreeSet<MachineName>,
    /// An example.
    pub message: String,
}

/// A rule that held something back.
#[derive(Debug, Clone, Serialize)]
pub struct RuleRow {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// In how many runs.
    pub runs: usize,
    /// How long machines waited because of it, in all runs together.
    pub total_ms: Ms,
    /// Which machines.
    pub machines: BTreeSet<MachineName>,
    /// An example.
    pub text: String,
}

/// What was interrupted.
#[derive(Debug, Clone, Serialize)]
pub struct Interrupted {
    /// The API server, after it first answered.
    pub api: Away,
    /// What runs on the cluster: while none of its pods served.
    pub workloads: BTreeMap<String, Away>,
    /// The most workers that were down at once, whatever took them down.
    pub workers_down: usize,
    /// The most workers that nix8s kept out of service at once.
    pub workers_taken: usize,
    /// How many it may.
    pub max_unavailable: u32,
}

/// How something was away.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Away {
    /// In how many runs.
    pub runs: usize,
    /// The longest.
    pub longest_ms: Ms,
    /// The seed that shows it.
    pub seed: Option<u64>,
}

/// A run that did not arrive.
#[derive(Debug, Clone, Serialize)]
pub struct NotConverged {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub ending: &'static str,
    /// What was left.
    pub left: Vec<Wait>,
    /// What else there is to say.
    pub note: Option<String>,
}

/// A rule that was broken.
#[derive(Debug, Clone, Serialize)]
pub struct BugRow {
    /// The seed that shows it.
    pub seed: u64,
    /// Who noticed.
    pub noticed: &'static str,
    /// What.
    pub text: String,
}

/// Adds runs up.
pub fn tally(start: &Start, settings: Settings, runs: &[Run]) -> Rehearsal {
    let mut endings = BTreeMap::new();
    let mut rolled_back = BTreeMap::new();
    for run in runs {
        *endings.entry(ending(&run.end)).or_default() += 1;
        for machine in &run.rolled_back {
            *rolled_back.entry(machine.clone()).or_default() += 1;
        }
    }
    let converged: Vec<Ms> = runs.iter().filter(|run| run.is_converged()).map(|run| run.took).collect();
    let waits = waits(runs);
    Rehearsal {
        cluster: start.cluster.name.clone(),
        from: match (&start.assumed, &start.world) {
            (Some(_), _) => From::Recorded,
            (None, Some(_)) => From::KeptWorld,
            (None, None) => From::BlankMachines,
        },
        assumed: start.assumed.clone().unwrap_or_default(),
        faults: match settings.faults {
            Level::None => "none",
            Level::Some => "some",
            Level::Many => "many",
        },
        seed: settings.seed,
        runs: runs.len(),
        converged: converged.len(),
        endings,
        durations: durations(converged),
        steps_done: runs.iter().map(|run| run.done).sum(),
        applies_max: runs.iter().map(|run| run.applies).max().unwrap_or(0),
        worst: worst(runs).map(|run| Worst {
            seed: run.seed,
            ending: ending(&run.end),
            took_ms: run.took,
            applies: run.applies,
            steps: steps(run),
            waits: self::waits(std::slice::from_ref(run)),
            failures: failures(std::slice::from_ref(run)),
        }),
        rules: rules(runs, &waits),
        waits,
        failures: failures(runs),
        interrupted: interrupted(start, runs),
        rolled_back,
        not_converged: runs.iter().filter_map(not_converged).collect(),
        bugs: runs.iter().filter_map(bug).collect(),
    }
}

/// The run that is most worth a look. Of several alike it is the first, so that the answer is always the same.
pub fn worst(runs: &[Run]) -> Option<&Run> {
    let rank = |run: &Run| match run.end {
        End::Bug(_) => 3,
        End::TimedOut(_) | End::Waits(_) | End::StateFailed(_) | End::Interrupted => 2,
        End::NeedsPermit(_) => 1,
        End::Converged => 0,
    };
    runs.iter().rev().max_by_key(|run| (rank(run), run.took))
}

/// An ending's name in documents.
pub fn ending(end: &End) -> &'static str {
    match end {
        End::Converged => "converged",
        End::NeedsPermit(_) => "needs-permit",
        End::Waits(_) => "waits-outside",
        End::TimedOut(_) => "timed-out",
        End::StateFailed(_) => "state-failed",
        End::Interrupted => "interrupted",
        End::Bug(_) => "bug",
    }
}

/// The rule that such a wait keeps, if it keeps one.
pub fn rule(cause: Cause) -> Option<Rule> {
    match cause {
        Cause::Unknown => Some(Rule::UnknownIsNotAbsent),
        Cause::NeedsErase | Cause::NotOurMachine => Some(Rule::NeverErasedTwice),
        Cause::Quorum => Some(Rule::EtcdQuorum),
        Cause::Unavailable => Some(Rule::MaxUnavailable),
        Cause::Halted => Some(Rule::RollHalts),
        Cause::VersionSkew => Some(Rule::Order),
        Cause::BadSystem => Some(Rule::BadSystems),
        Cause::NeedsPermit => Some(Rule::BlastRadius),
        Cause::LaterVersion
        | Cause::ForeignNode
        | Cause::Skipped
        | Cause::Tombstone
        | Cause::AsAsked
        | Cause::Silent
        | Cause::NotThereYet
        | Cause::WrongKey
        | Cause::WrongSystem
        | Cause::BackOff
        | Cause::GivenUp
        | Cause::Earlier
        | Cause::NotNamed
        | Cause::NotReady
        | Cause::Pause => None,
    }
}

fn waits(runs: &[Run]) -> Vec<WaitRow> {
    let mut rows: BTreeMap<(Cause, Option<MachineName>), WaitRow> = BTreeMap::new();
    for run in runs {
        for ((cause, machine), waited) in &run.waited {
            let row = rows.entry((*cause, machine.clone())).or_insert_with(|| WaitRow {
                cause: *cause,
                machine: machine.clone(),
                runs: 0,
                total_ms: 0,
                longest_ms: -1,
                text: String::new(),
            });
            row.runs += 1;
            row.total_ms += waited.ms;
            if waited.ms > row.longest_ms {
                row.longest_ms = waited.ms;
                row.text.clone_from(&waited.text);
            }
        }
    }
    let mut rows: Vec<WaitRow> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total_ms));
    rows
}

fn steps(run: &Run) -> Vec<StepRow> {
    let rows = run.busy.iter().map(|((step, machine), ms)| StepRow {
        step: *step,
        machine: machine.clone(),
        total_ms: *ms,
    });
    let mut rows: Vec<StepRow> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total_ms));
    rows
}

fn failures(runs: &[Run]) -> Vec<FailureRow> {
    let mut rows: BTreeMap<EffectKind, FailureRow> = BTreeMap::new();
    for run in runs {
        let mut counted = BTreeSet::new();
        for ((kind, machine), failed) in &run.failed {
            let row = rows.entry(*kind).or_insert_with(|| FailureRow {
                step: *kind,
                runs: 0,
                times: 0,
                machines: BTreeSet::new(),
                message: failed.message.clone(),
            });
            row.runs += usize::from(counted.insert(*kind));
            row.times += failed.times;
            row.machines.extend(machine.clone());
        }
    }
    let mut rows: Vec<FailureRow> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.times));
    rows
}

fn rules(runs: &[Run], waits: &[WaitRow]) -> Vec<RuleRow> {
    let mut rows: BTreeMap<Rule, RuleRow> = BTreeMap::new();
    for wait in waits {
        let Some(rule) = rule(wait.cause) else { continue };
        let row = rows.entry(rule).or_insert_with(|| RuleRow {
            number: rule.row().number,
            name: rule.row().name,
            runs: runs
                .iter()
                .filter(|run| run.waited.keys().any(|key| self::rule(key.0) == Some(rule)))
                .count(),
            total_ms: 0,
            machines: BTreeSet::new(),
            text: wait.text.clone(),
        });
        row.total_ms += wait.total_ms;
        row.machines.extend(wait.machine.clone());
    }
    rows.into_values().collect()
}

fn interrupted(start: &Start, runs: &[Run]) -> Interrupted {
    let mut workloads: BTreeMap<String, Away> = BTreeMap::new();
    let mut api = Away::default();
    for run in runs {
        add(&mut api, run.watch.api, run.seed);
        for (name, outages) in &run.watch.workloads {
            add(workloads.entry(name.clone()).or_default(), *outages, run.seed);
        }
    }
    Interrupted {
        api,
        workloads,
        workers_down: runs.iter().map(|run| run.watch.workers_down).max().unwrap_or(0),
        workers_taken: runs.iter().map(|run| run.watch.workers_taken).max().unwrap_or(0),
        max_unavailable: start.cluster.upgrade.max_unavailable,
    }
}

fn add(away: &mut Away, outages: Outages, seed: u64) {
    away.runs += usize::from(outages.count > 0);
    if outages.longest > away.longest_ms {
        away.longest_ms = outages.longest;
        away.seed = Some(seed);
    }
}

fn not_converged(run: &Run) -> Option<NotConverged> {
    let (left, note) = match &run.end {
        End::Converged | End::Bug(_) => return None,
        End::NeedsPermit(waits) | End::Waits(waits) | End::TimedOut(waits) => (waits.clone(), None),
        End::StateFailed(why) => (Vec::new(), Some(why.clone())),
        End::Interrupted => (Vec::new(), None),
    };
    Some(NotConverged { seed: run.seed, ending: ending(&run.end), left, note })
}

fn bug(run: &Run) -> Option<BugRow> {
    let End::Bug(bug) = &run.end else { return None };
    let noticed = match bug.noticed {
        Noticed::OwnCheck => "own-check",
        Noticed::World => "world",
    };
    Some(BugRow { seed: run.seed, noticed, text: bug.text.clone() })
}
