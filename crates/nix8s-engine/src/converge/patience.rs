//! How long a run waits when there is nothing to do, and when it looks again.

use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Wait;

use super::Ending;

/// The shortest pause between two looks, whatever a wait says: a plan that cannot move must not spin.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// How a run ends that waits no longer.
pub(super) fn given_up(waits: Vec<Wait>) -> Ending {
    let needs_permit = waits.iter().any(|wait| wait.cause.ends() == Ends::Permit);
    let outside = waits.iter().any(|wait| wait.cause.ends() == Ends::Outside);
    if needs_permit && !outside { Ending::NeedsPermit { waits } } else { Ending::WaitsOutside { waits } }
}

/// How long it makes sense to wait while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nothing has to happen.
    NoneLeft,
    /// So long after something last moved.
    For(Duration),
    /// Something is due at a known time.
    UntilTimeout,
}

/// How long these waits are worth waiting for.
pub(super) fn patience(waits: &[Wait], interval: Duration, patience: Duration) -> Patience {
    let mut longest = Patience::NoneLeft;
    for wait in waits {
        let limit = match (wait.cause.ends(), wait.until) {
            (Ends::Info, _) => continue,
            (Ends::Time, Some(_)) => return Patience::UntilTimeout,
            // It follows what is ahead of it, and that is what decides; two looks in case nothing else is listed.
            (Ends::Time, None) => interval * 2,
            (Ends::Permit, _) => Duration::ZERO,
            (Ends::Outside, _) if mends_itself(wait.cause) => patience,
            (Ends::Outside, _) => Duration::ZERO,
        };
        longest = match longest {
            Patience::For(before) => Patience::For(before.max(limit)),
            Patience::NoneLeft | Patience::UntilTimeout => Patience::For(limit),
        };
    }
    longest
}

/// Whether such a wait may end without anybody doing anything: machines boot, networks come back. The others need a
/// person, and `apply` need not stand there until one comes.
fn mends_itself(cause: Cause) -> bool {
    matches!(cause, Cause::Silent | Cause::NotThereYet | Cause::Unknown | Cause::NotReady)
}

/// When to look again: at the interval, or when the earliest wait is over, whichever comes first; only waits with a
/// time let a look be skipped.
pub(super) fn next_look(waits: &[Wait], now: Timestamp, interval: Duration) -> Timestamp {
    let open = |wait: &&Wait| wait.cause.ends() != Ends::Info;
    let earliest = waits.iter().filter(open).filter_map(|wait| wait.until).min();
    let all_timed = waits.iter().filter(open).all(|wait| wait.until.is_some());
    let at = match earliest {
        Some(until) if all_timed => until,
        Some(until) => until.min(now + interval),
        None => now + interval,
    };
    at.max(now + PAUSE_MIN)
}
