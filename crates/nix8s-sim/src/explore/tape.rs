//! What happened in a life that could as well not have: written down as decisions, so that the same life can be lived
//! again with only some of them.
//!
//! A life that is lived again draws what it drew before: for each part of it, the tape of the first time holds where
//! its random numbers begin. So what is left out shifts nothing that comes after it, as far as the world itself lets
//! it. A life without a tape draws the same as one with one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::random::Random;

/// What was written down.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Decisions in the order in which they were asked for, each once.
    pub decisions: Vec<String>,
    asked: BTreeSet<String>,
    streams: BTreeMap<String, Random>,
    draws: BTreeMap<String, u64>,
    counts: BTreeMap<&'static str, u64>,
}

/// Says what happens in a life, and writes it down.
#[derive(Debug, Default)]
pub struct Tape {
    /// What may happen; `None`: everything.
    kept: Option<BTreeSet<String>>,
    /// The first time.
    before: Option<Recording>,
    now: Mutex<Recording>,
}

impl Tape {
    /// For living again, with nothing but these decisions.
    pub fn again(before: Recording, kept: BTreeSet<String>) -> Self {
        Self { kept: Some(kept), before: Some(before), now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Recording> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written down so far.
    pub fn recording(&self) -> Recording {
        self.now().clone()
    }

    /// Whether this happens.
    pub fn happens(&self, decision: &str) -> bool {
        let happens = self.kept.as_ref().is_none_or(|kept| kept.contains(decision));
        let mut now = self.now();
        if happens && now.asked.insert(decision.to_owned()) {
            now.decisions.push(decision.to_owned());
        }
        happens
    }

    /// Whether the next of its kind happens.
    pub fn next_happens(&self, kind: &'static str) -> bool {
        let number = {
            let mut now = self.now();
            let count = now.counts.entry(kind).or_default();
            *count += 1;
            *count
        };
        self.happens(&format!("{kind} {number}"))
    }

    /// A part of the life begins: its random numbers are those of the first time.
    pub fn begin(&self, part: &str, random: &mut Random) {
        if let Some(stream) = self.before.as_ref().and_then(|before| before.streams.get(part)) {
            *random = stream.clone();
        }
        self.now().streams.insert(part.to_owned(), random.clone());
    }

    /// A number that is drawn now, or was the first time; `None`: the first time it was not.
    pub fn drawn(&self, what: String, draw: impl FnOnce() -> u64) -> Option<u64> {
        if let Some(before) = &self.before {
            return before.draws.get(&what).copied();
        }
        let drawn = draw();
        self.now().draws.insert(what, drawn);
        Some(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_does_not_happen_and_draws_are_those_of_the_first_time() {
        let first = Tape::default();
        let mut random = Random::new(1, "life");
        assert!(first.happens("a") && first.happens("b"));
        first.begin("part", &mut random);
        let bits = random.bits();
        assert_eq!(first.drawn("death".to_owned(), || 7), Some(7));

        let again = Tape::again(first.recording(), BTreeSet::from(["b".to_owned()]));
        assert!(!again.happens("a") && again.happens("b"));
        let mut other = Random::new(2, "life");
        again.begin("part", &mut other);
        assert_eq!(other.bits(), bits);
        assert_eq!(again.drawn("death".to_owned(), || 9), Some(7));
        assert_eq!(again.drawn("unheard of".to_owned(), || 9), None);
        assert_eq!(again.recording().decisions, ["b"]);
    }
}
