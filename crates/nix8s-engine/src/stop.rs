//! Asks a run to stop: after the steps that run, or at once.

use tokio::sync::watch;

/// How far stopping was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Go on.
    Go,
    /// Begin nothing new; what runs may finish (Ctrl-C once).
    AfterRunning,
    /// Drop everything (Ctrl-C twice). The next run resumes.
    Now,
}

/// The side that asks.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Level>);

/// The side that is asked.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Level>);

/// Both sides.
pub fn pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Level::Go);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks to stop, or, if that was asked before, to stop at once.
    pub fn ask(&self) {
        self.0.send_modify(|level| {
            *level = if *level == Level::Go { Level::AfterRunning } else { Level::Now };
        });
    }
}

impl Stop {
    /// One that nobody ever asks.
    pub fn never() -> Self {
        pair().1
    }

    /// How far stopping was asked for.
    pub fn level(&self) -> Level {
        *self.0.borrow()
    }

    /// Waits until stopping was asked for as far as this; for ever, if nobody can ask any more. Cancel-safe.
    pub async fn reaches(&mut self, level: Level) {
        if self.0.wait_for(|now| *now >= level).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
