//! Reduces a finding to a life with as few machines, changes, damages, faults and kills as still shows the same kind of
//! problem.
//!
//! The life is lived once more with a [`Tape`], which holds it as a list of decisions. Then parts of the list are left
//! out, larger parts first, for as long as the problem stays (delta debugging). What is left out also moves what the
//! world draws by itself, how long an installation takes for example, and the problem may hang on such a moment: so
//! each part is tried with several worlds, told apart by a salt.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use super::Finding;
use super::Problem;
use super::Report;
use super::Settings;
use super::Trace;
use super::life;
use super::life::Script;
use super::tape::Recording;
use super::tape::Tape;

/// A life that was reduced.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// What it shows.
    pub finding: Box<Finding>,
    /// What happens in it.
    pub life: Kept,
    /// Decisions of the whole life.
    pub before: usize,
    /// Lives that were tried.
    pub tried: u32,
}

/// What is left of a life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What happens; everything else does not.
    pub decisions: Vec<String>,
    /// Which world.
    pub salt: u64,
}

/// Worlds that are tried with each part left out.
const SALTS: u64 = 6;

/// Kinds of decisions by how their texts begin: first each kind is left out as a whole.
const KINDS: &[&str] =
    &["call ", "world fault", "kill ", "begins ", "bad systems", "damage", "change", "phase"];

/// What a finding is a case of: what stays the same when it is reduced.
pub fn kind(problem: &Problem) -> String {
    match problem {
        Problem::Rule(violation) => format!("rule {}", violation.rule),
        Problem::OwnCheck(text) => {
            let rule = text.split("rule: ").nth(1).and_then(|rest| rest.split([',', ' ']).next());
            format!("own check {}", rule.unwrap_or_default())
        }
        Problem::Panicked(text) => format!("panic {}", first_words(text)),
        Problem::NotConverged(what) => {
            let first = what.first().map_or("", String::as_str);
            // Machines stand before the colon, and what is wrong with them after it.
            format!("not converged {}", first_words(first.split_once(": ").map_or(first, |(_, rest)| rest)))
        }
    }
}

fn first_words(text: &str) -> String {
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Runs the life of a seed; a panic is a finding too.
///
/// # Errors
/// When a rule was broken, it did not converge, or something panicked.
pub fn explore(seed: u64, settings: Settings) -> Result<Report, Box<Finding>> {
    lived(seed, settings, Script::default())
}

/// Lives what is left of a life.
///
/// # Errors
/// When a rule was broken, it did not converge, or something panicked.
pub fn again(seed: u64, settings: Settings, kept: &Kept) -> Result<Report, Box<Finding>> {
    let silent = Settings { trace: Trace::Off, ..settings };
    let (recording, _) = record(seed, silent);
    let (_, ended) = once_more(seed, settings, recording, kept);
    ended
}

/// Reduces a finding with at most so many lives. `None`: the seed does not show it.
pub fn shrink(finding: &Finding, settings: Settings, tries_max: u32) -> Option<Shrunk> {
    let settings = Settings { trace: Trace::Off, ..settings };
    let (recording, ended) = record(finding.seed, settings);
    let found = ended.err()?;
    let wanted = kind(&finding.problem);
    if kind(&found.problem) != wanted {
        return None;
    }
    let before = recording.decisions.len();
    let life = Kept { decisions: recording.decisions.clone(), salt: 0 };
    let best = Shrunk { finding: found, life, before, tried: 0 };
    let mut search = Search { settings, wanted, recording, tries_max, best };
    search.whole_kinds();
    search.parts();
    Some(search.best)
}

struct Search {
    settings: Settings,
    wanted: String,
    recording: Recording,
    tries_max: u32,
    best: Shrunk,
}

impl Search {
    fn whole_kinds(&mut self) {
        for kind in KINDS {
            let rest = |decision: &&String| !decision.starts_with(kind);
            let rest: Vec<String> = self.best.life.decisions.iter().filter(rest).cloned().collect();
            self.tries(&rest);
        }
    }

    /// Leaves out ever smaller parts, until no single decision can be.
    fn parts(&mut self) {
        let mut size = self.best.life.decisions.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            let mut any = false;
            while at < self.best.life.decisions.len() && self.best.tried < self.tries_max {
                let all = &self.best.life.decisions;
                let rest: Vec<String> = all[..at].iter().chain(all.iter().skip(at + size)).cloned().collect();
                if self.tries(&rest) {
                    any = true;
                } else {
                    at += size;
                }
            }
            if self.best.tried >= self.tries_max || (size == 1 && !any) {
                return;
            }
            size = if any && size == 1 { 1 } else { size.div_ceil(2).max(1) };
        }
    }

    /// Whether the problem stays with these decisions, in any of several worlds; then they are the best.
    fn tries(&mut self, decisions: &[String]) -> bool {
        if decisions.len() >= self.best.life.decisions.len() {
            return false;
        }
        let now = self.best.life.salt;
        for salt in std::iter::once(now).chain((0..SALTS).filter(|salt| *salt != now)) {
            let kept = Kept { decisions: decisions.to_vec(), salt };
            self.best.tried += 1;
            let (asked, ended) =
                once_more(self.best.finding.seed, self.settings, self.recording.clone(), &kept);
            if let Err(finding) = ended
                && kind(&finding.problem) == self.wanted
            {
                // What was never asked for need not be kept.
                self.best.life = Kept { decisions: asked.decisions, salt };
                self.best.finding = finding;
                return true;
            }
            if self.best.tried >= self.tries_max {
                return false;
            }
        }
        false
    }
}

type Ended = Result<Report, Box<Finding>>;

fn record(seed: u64, settings: Settings) -> (Recording, Ended) {
    taped(seed, settings, Tape::default(), 0)
}

fn once_more(seed: u64, settings: Settings, before: Recording, kept: &Kept) -> (Recording, Ended) {
    let decisions: BTreeSet<String> = kept.decisions.iter().cloned().collect();
    taped(seed, settings, Tape::again(before, decisions), kept.salt)
}

fn taped(seed: u64, settings: Settings, tape: Tape, salt: u64) -> (Recording, Ended) {
    let tape = Arc::new(tape);
    let ended = lived(seed, settings, Script { tape: Some(Arc::clone(&tape)), salt });
    (tape.recording(), ended)
}

fn lived(seed: u64, settings: Settings, script: Script) -> Ended {
    let life = || super::paused().block_on(life::live(seed, settings, script));
    catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| {
        let problem = Problem::Panicked(text_of(&*panic));
        Err(Box::new(Finding { seed, phase: 0, problem }))
    })
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds whose lives show what is held here for all of them.
    const SEEDS: u64 = 10;

    #[test]
    fn a_life_on_tape_is_the_life_without() {
        for seed in 0..SEEDS {
            let without = super::super::run(seed, Settings::default()).map_err(|f| kind(&f.problem));
            let (recording, ended) = record(seed, Settings::default());
            assert_eq!(ended.map_err(|f| kind(&f.problem)), without, "seed {seed}");
            let all = Kept { decisions: recording.decisions.clone(), salt: 0 };
            let (asked, ended) = once_more(seed, Settings::default(), recording, &all);
            assert_eq!(ended.map_err(|f| kind(&f.problem)), without, "seed {seed} once more");
            assert_eq!(asked.decisions, all.decisions, "seed {seed}");
        }
    }

    #[test]
    fn a_life_in_which_nothing_happens_has_one_machine() {
        for seed in 0..SEEDS {
            let report = again(seed, Settings::default(), &Kept::default()).unwrap();
            assert_eq!((report.machines, report.phases, report.kills), (1, 1, 0), "seed {seed}");
        }
    }

    #[test]
    fn the_kind_of_a_finding_does_not_hang_on_machines() {
        let not = |text: &str| kind(&Problem::NotConverged(vec![text.to_owned()]));
        assert_eq!(not("w1: its Node is not Ready, and nothing"), not("w22: its Node is not Ready"));
        assert_ne!(not("w1: its Node is not Ready"), not("w1: it runs None"));
        let own = "[Violation { rule: EtcdQuorum, step: \"drain:cp1\" }]";
        assert_eq!(kind(&Problem::OwnCheck(own.to_owned())), "own check EtcdQuorum");
    }
}
