//! What the ports share: the world, the clock, the faults, the journal, and where the process dies.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use nix8s_engine::port::Store;
use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::fault::CallFault;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::world::Ms;
use crate::world::World;

/// What the ports share.
pub struct Shared {
    pub(crate) clock: Arc<SimClock>,
    world: Mutex<World>,
    faults: Mutex<Faults>,
    journal: Option<Mutex<Journal>>,
    store: Mutex<Option<Arc<dyn Store>>>,
    life: Mutex<Life>,
    died: Notify,
}

/// How the process that uses the ports ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It does not.
    Never,
    /// The ports go silent at this moment (each call has two: before and after its effect).
    Silent(u64),
    /// The process kills itself (SIGKILL) at this moment.
    Kill(u64),
}

struct Life {
    moments: u64,
    death: Death,
    dead: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        clock: SimClock,
        world: World,
        faults: Faults,
        journal: Option<Journal>,
        death: Death,
    ) -> Self {
        Self {
            clock: Arc::new(clock),
            world: Mutex::new(world),
            faults: Mutex::new(faults),
            journal: journal.map(Mutex::new),
            store: Mutex::new(None),
            life: Mutex::new(Life { moments: 0, death, dead: false }),
            died: Notify::new(),
        }
    }

    /// Works on the world as it is now, and writes down what changed.
    pub fn with<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = locked(&self.world);
        world.advance(self.clock.ms());
        let result = f(&mut world);
        world.take_note();
        if let Some(journal) = &self.journal {
            locked(journal).write(&mut world);
        } else {
            world.take_changed();
        }
        result
    }

    /// Writes the world down as it is now, in short.
    pub(crate) fn compact(&self) -> std::io::Result<()> {
        let world = locked(&self.world);
        self.journal.as_ref().map_or(Ok(()), |journal| locked(journal).compact(&world))
    }

    /// Lets time pass. Never returns once the process is dead.
    pub(crate) async fn pass(&self, ms: Ms) {
        if ms > 0 {
            self.clock.pass(ms).await;
        }
        if locked(&self.life).dead {
            std::future::pending::<()>().await;
        }
    }

    /// One of the two moments of a call at which the process may die. Never returns if it does.
    pub(crate) async fn moment(&self) {
        if self.moment_now() {
            std::future::pending::<()>().await;
        }
    }

    /// The same where nothing can wait; true: dead.
    pub(crate) fn moment_now(&self) -> bool {
        let mut life = locked(&self.life);
        if life.dead {
            return true;
        }
        life.moments += 1;
        match life.death {
            Death::Never => {}
            Death::Silent(at) if life.moments >= at => {
                life.dead = true;
                self.died.notify_one();
            }
            Death::Kill(at) if life.moments >= at => {
                let me = rustix::process::getpid();
                let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            }
            Death::Silent(_) | Death::Kill(_) => {}
        }
        life.dead
    }

    /// Waits until the ports have gone silent.
    pub async fn death(&self) {
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Whether the ports have gone silent.
    pub fn is_dead(&self) -> bool {
        locked(&self.life).dead
    }

    /// Lives again, until the next death.
    pub fn revive(&self, death: Death) {
        *locked(&self.life) = Life { moments: 0, death, dead: false };
    }

    /// Moments that passed since the start, or since [`Shared::revive`].
    pub fn moments(&self) -> u64 {
        locked(&self.life).moments
    }

    /// What becomes of the next call of a stream; nothing bad once the world's time of faults is over.
    pub(crate) fn fault(&self, stream: &str) -> Option<CallFault> {
        let mut faults = locked(&self.faults);
        let fault = faults.of_call(stream)?;
        self.fault_happens(stream, &faults).then_some(fault)
    }

    /// What becomes of the next write of state.
    pub(crate) fn state_fault(&self) -> Option<CallFault> {
        let mut faults = locked(&self.faults);
        let fault = faults.of_state()?;
        self.fault_happens("state", &faults).then_some(fault)
    }

    fn fault_happens(&self, stream: &str, faults: &Faults) -> bool {
        let world = locked(&self.world);
        let go_on = self.clock.ms() < world.common.faults_until;
        let call = || format!("call {} of {stream}", faults.calls(stream));
        go_on && world.tape.as_ref().is_none_or(|tape| tape.happens(&call()))
    }

    pub(crate) fn set_store(&self, store: Arc<dyn Store>) {
        *locked(&self.store) = Some(store);
    }

    /// The kubeconfig in the state directory, if it can be read.
    pub(crate) fn kept_kubeconfig(&self) -> Option<String> {
        let store = locked(&self.store).clone()?;
        let bytes = store.read("k8s/kubeconfig").ok()??;
        String::from_utf8(bytes).ok()
    }
}
