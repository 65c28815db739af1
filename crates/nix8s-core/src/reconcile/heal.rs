//! Nodes that are not Ready: restarted a few times, then left to a person.

use jiff::SignedDuration;
use jiff::Timestamp;

use super::cx::View;

/// How long a node may be not Ready before anything is done: a reboot or a restart of the API server is over by then.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// How long a restart has to show.
const SETTLE: SignedDuration = SignedDuration::from_mins(3);

/// Restarts before healing is given up: what three did not mend, ten do not.
const RESTARTS_MAX: u32 = 3;

/// What to do about a node that is not Ready.
pub enum Heal {
    /// Restart it now.
    Restart,
    /// Look again then.
    Until(Timestamp),
    /// It was tried often enough.
    Exhausted,
}

/// Whether restarting was tried often enough.
pub fn is_exhausted(view: &View<'_>) -> bool {
    view.past.restarts.as_ref().is_some_and(|r| r.count >= RESTARTS_MAX)
}

/// What to do now about a machine that has been ill `since` then.
pub fn heal(view: &View<'_>, since: Timestamp, now: Timestamp) -> Heal {
    let next = match &view.past.restarts {
        None => since.checked_add(GRACE).unwrap_or(now),
        Some(restarts) => restarts.last + SETTLE,
    };
    if now < next {
        Heal::Until(next)
    } else if is_exhausted(view) {
        Heal::Exhausted
    } else {
        Heal::Restart
    }
}
