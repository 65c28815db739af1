//! Runs a whole life of a generated cluster from a seed: it converges, is changed and damaged, converges again, with
//! faults and kills on the way, and everything watched from outside.

mod change;
mod life;
pub mod scale;
pub mod shrink;
pub mod tape;

use std::time::Duration;

use crate::check::Violation;
use crate::fault::Level;
use life::Script;

/// How to explore.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How much goes wrong; `None`: as the seed says.
    pub faults: Option<Level>,
    /// Whether what nix8s does is kept line by line.
    pub trace: Trace,
}

/// Whether what nix8s does is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// No.
    Off,
    /// Printed as it happens.
    Print,
}

impl Default for Settings {
    fn default() -> Self {
        Self { faults: None, trace: Trace::Off }
    }
}

/// What a life came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Machines at the end.
    pub machines: usize,
    /// Configurations that were converged to.
    pub phases: u32,
    /// Runs of nix8s.
    pub runs: u32,
    /// Runs that were killed.
    pub kills: u32,
    /// Steps carried out.
    pub steps: usize,
    /// Steps that failed.
    pub failed: usize,
    /// How much virtual time passed.
    pub took: Duration,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The seed that shows it.
    pub seed: u64,
    /// In which phase.
    pub phase: u32,
    /// What.
    pub problem: Problem,
}

/// What can be found.
#[derive(Debug, Clone)]
pub enum Problem {
    /// nix8s, or the world, panicked.
    Panicked(String),
    /// A rule was broken in the world.
    Rule(Violation),
    /// nix8s found itself to break a rule, and stopped.
    OwnCheck(String),
    /// It did not converge, or what it said in the end was not so.
    NotConverged(Vec<String>),
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, phase, problem } = self;
        write!(f, "seed {seed} in phase {phase}: {problem}")?;
        write!(f, "replay it with: NIX8S_SEED={seed} cargo test -p nix8s-sim --test converge -- --nocapture")
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Panicked(text) => writeln!(f, "it panicked: {text}"),
            Self::Rule(violation) => write!(f, "{violation}"),
            Self::OwnCheck(text) => writeln!(f, "nix8s' own check fired: {text}"),
            Self::NotConverged(what) => {
                writeln!(f, "not converged:")?;
                what.iter().try_for_each(|line| writeln!(f, "  {line}"))
            }
        }
    }
}

/// Runs the life of a seed. The same seed gives the same life.
///
/// # Errors
/// When a rule was broken, or it did not converge.
pub fn run(seed: u64, settings: Settings) -> Result<Report, Box<Finding>> {
    paused().block_on(life::live(seed, settings, Script::default()))
}

/// A runtime whose time jumps whenever nothing runs.
pub(crate) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output needs nothing from the system")
}
