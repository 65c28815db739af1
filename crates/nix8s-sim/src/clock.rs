//! Time: tokio's clock over a base. With a paused tokio clock, virtual time jumps whenever nothing runs; with a pace it
//! is real time, faster.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use nix8s_engine::port::Clock;
use tokio::time::Instant;

use crate::world::Ms;

/// Virtual seconds in a real second at pace 1: an installation takes five seconds, long enough to see and to interrupt.
pub const PACE: f64 = 60.0;

/// The simulated clock.
#[derive(Debug)]
pub struct SimClock {
    base: Ms,
    start: Instant,
    scale: f64,
}

impl SimClock {
    /// A clock that shows `base` now, inside a tokio runtime. Without a pace the runtime's clock must be paused.
    pub fn new(base: Ms, pace: Option<f64>) -> Self {
        let scale = pace.map_or(1.0, |pace| PACE * pace.max(0.001));
        Self { base, start: Instant::now(), scale }
    }

    /// Now.
    pub fn ms(&self) -> Ms {
        self.base + (self.start.elapsed().as_secs_f64() * 1000.0 * self.scale).round() as Ms
    }

    /// Waits for so many virtual milliseconds.
    pub async fn pass(&self, ms: Ms) {
        let real = Duration::from_secs_f64(ms.max(0) as f64 / 1000.0 / self.scale);
        tokio::time::sleep(real).await;
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.ms()).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(Ms::try_from(duration.as_millis()).unwrap_or(Ms::MAX / 2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_jumps_when_nothing_runs() {
        let clock = SimClock::new(1000, None);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.ms(), 3_601_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_makes_a_minute_a_second() {
        let clock = SimClock::new(0, Some(1.0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(clock.ms(), 60_000);
    }
}
