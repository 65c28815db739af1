//! What holds a step up while it runs: said once it lasts, and again when it is something else.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

/// A step is held up.
pub struct Held {
    /// Which, by its index in the schedule.
    pub index: usize,
    /// By what.
    pub why: String,
}

/// Where steps say it.
pub type Sender = mpsc::UnboundedSender<Held>;

/// For the steps of one plan.
pub fn channel() -> (Sender, mpsc::UnboundedReceiver<Held>) {
    mpsc::unbounded_channel()
}

/// What holds one step up.
pub struct Hold {
    index: usize,
    says: Sender,
    /// What it is, and since when.
    since: Option<(String, Timestamp)>,
    /// What was said last.
    said: Option<String>,
}

/// How long something has to last before it is said: pods take their time to end, and nodes to become Ready.
const PATIENCE: Duration = Duration::from_secs(30);

impl Hold {
    /// Nothing yet.
    pub fn new(index: usize, says: Sender) -> Self {
        Self { index, says, since: None, said: None }
    }

    /// Takes in what it is now.
    pub fn is(&mut self, why: &str, now: Timestamp) {
        let since = match self.since.take() {
            Some((before, since)) if before == why => since,
            Some(_) | None => now,
        };
        let lasts = now.duration_since(since).unsigned_abs() >= PATIENCE;
        if lasts && self.said.as_deref() != Some(why) {
            self.said = Some(why.to_owned());
            // Nobody listens any more when the run is being stopped.
            let _ = self.says.send(Held { index: self.index, why: why.to_owned() });
        }
        self.since = Some((why.to_owned(), since));
    }
}
