//! What goes wrong, and when: a function of the seed, bounded in time so that what can converge does.

pub mod world;

use std::collections::BTreeMap;

use crate::random::Random;
use crate::world::Ms;

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// What a good data centre sees in a bad week.
    Some,
    /// Everything, all the time.
    Many,
}

impl std::str::FromStr for Level {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "some" => Ok(Self::Some),
            "many" => Ok(Self::Many),
            other => Err(format!("{other:?} is not none, some or many")),
        }
    }
}

/// How long after the start faults still begin: three hours, so that every backing-off retry has its chance after.
pub const HORIZON: Ms = 3 * 3600 * 1000;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// It fails without having done anything.
    Fails,
    /// It never answers.
    Hangs,
    /// The connection breaks before anything was done.
    LostBefore,
    /// It is done, and the answer is lost.
    LostAfter,
    /// It takes long.
    Slow,
}

/// Decides about calls.
#[derive(Debug)]
pub struct Faults {
    level: Level,
    seed: u64,
    streams: BTreeMap<String, u64>,
}

impl Faults {
    /// Faults of a seed.
    pub fn new(level: Level, seed: u64) -> Self {
        Self { level, seed, streams: BTreeMap::new() }
    }

    /// How much goes wrong.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What becomes of the next call of a stream, such as the probes of one machine.
    pub fn of_call(&mut self, stream: &str) -> Option<CallFault> {
        let permille = match self.level {
            Level::None => return None,
            Level::Some => 8,
            Level::Many => 50,
        };
        let count = match self.streams.get_mut(stream) {
            Some(count) => count,
            None => self.streams.entry(stream.to_owned()).or_insert(0),
        };
        *count += 1;
        let mut random = Random::new(self.seed ^ count.wrapping_mul(0x9e37_79b9), stream);
        if !random.chance(permille) {
            return None;
        }
        Some(match random.between(0, 9) {
            0..=3 => CallFault::Fails,
            4 => CallFault::Hangs,
            5..=6 => CallFault::LostBefore,
            7..=8 => CallFault::LostAfter,
            _ => CallFault::Slow,
        })
    }

    /// How many calls of a stream there were.
    pub(crate) fn calls(&self, stream: &str) -> u64 {
        self.streams.get(stream).copied().unwrap_or(0)
    }

    /// Whether writing state fails this time: before anything was written, or after all of it was.
    pub fn of_state(&mut self) -> Option<CallFault> {
        let fault = self.of_call("state")?;
        let rare = Random::new(self.seed ^ self.streams["state"], "state is seldom at fault").chance(50);
        match (rare, fault) {
            (true, CallFault::Fails | CallFault::LostBefore) => Some(CallFault::Fails),
            (true, CallFault::LostAfter) => Some(CallFault::LostAfter),
            (true, CallFault::Hangs | CallFault::Slow) | (false, _) => None,
        }
    }
}
