//! Wakes a loop that rests: something outside changed, and looking again need not wait for the interval.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// How often each was called for so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Calls {
    looks: u64,
    reloads: u64,
}

/// The side that calls. It outlives the loops that it wakes.
#[derive(Debug, Clone)]
pub struct Caller(watch::Sender<Calls>, watch::Sender<Touches>);

/// How often something that a user's reconciler watches has changed, by the reconciler's name.
pub type Touches = BTreeMap<String, u64>;

/// The side that is called: calls from when it was made on.
#[derive(Debug, Clone)]
pub struct Wake {
    calls: watch::Receiver<Calls>,
    reloads: u64,
    touches: watch::Receiver<Touches>,
}

impl Caller {
    /// One that nobody listens to yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(Calls::default()), watch::Sender::new(Touches::new()))
    }

    /// Listens from now on.
    pub fn listen(&self) -> Wake {
        let mut calls = self.0.subscribe();
        let reloads = calls.borrow_and_update().reloads;
        Wake { calls, reloads, touches: self.1.subscribe() }
    }

    /// Something changed that this user's reconciler watches.
    pub fn touch(&self, reconciler: &str) {
        self.1.send_modify(|touches| *touches.entry(reconciler.to_owned()).or_default() += 1);
    }

    /// The world is to be looked at again.
    pub fn look(&self) {
        self.0.send_modify(|calls| calls.looks += 1);
    }

    /// The configuration changed: loops are to begin again with the new one.
    pub fn reload(&self) {
        self.0.send_modify(|calls| calls.reloads += 1);
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake {
    /// Whether the configuration changed since this was made.
    pub fn is_reload(&self) -> bool {
        self.calls.borrow().reloads != self.reloads
    }

    /// What users' reconcilers watch and changed.
    pub fn touches(&self) -> watch::Receiver<Touches> {
        self.touches.clone()
    }

    /// Waits for a call that was not waited for before; for ever, if nobody can call. Cancel-safe.
    pub async fn called(&mut self) {
        if self.calls.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_call_wakes_once_and_a_reload_stays() {
        let caller = Caller::new();
        caller.reload();
        let mut wake = caller.listen();
        assert!(!wake.is_reload(), "that was before");
        assert_eq!(wake.called().now_or_never(), None);
        caller.look();
        caller.reload();
        assert_eq!(wake.called().now_or_never(), Some(()));
        assert_eq!(wake.called().now_or_never(), None);
        assert!(wake.is_reload());
        drop(caller);
        assert_eq!(wake.called().now_or_never(), None);
    }
}
