//! Users' own reconcilers: started again and again, or kept running, for as long as the loop runs; what came of each is
//! kept in the state directory.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use nix8s_core::model::UserReconciler;
use nix8s_core::reconcile::RECONCILERS;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::script;
use nix8s_core::tool::script::About;
use serde::Deserialize;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::execute::last_lines;
use crate::port::ExecError;
use crate::port::Store;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::state::layout;
use crate::wake::Touches;
use crate::world::World;

/// How long a one-shot may take: one that hangs would never be started again.
pub const ONE_SHOT: Duration = Duration::from_secs(3600);

/// Messages that wait for somebody to hear them: more than reconcilers have to say between two looks.
pub const MESSAGES: usize = 64;

/// The pause after a first failure; it doubles with every further one.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// One that ran for so long before it ended was well, and begins anew with the shortest pause.
const WELL_AFTER: Duration = Duration::from_secs(600);

/// What came of a user's reconciler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Came {
    /// The version of this shape.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// How often it was started since the loop began.
    pub starts: u64,
    /// How often in a row it failed.
    pub failures: u32,
    /// When it was last started.
    pub began: Option<Timestamp>,
    /// When it last ended.
    pub ended: Option<Timestamp>,
    /// Its exit status then.
    pub status: Option<i32>,
    /// What it complained about then.
    pub message: Option<String>,
    /// When it is started again, if that is known.
    pub next: Option<Timestamp>,
}

/// How a user's reconciler stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It waits for those that it comes after.
    Waiting,
    /// It runs.
    Running,
    /// It ended well, and is started again in its time.
    Done,
    /// It failed, and is started again later.
    Failed,
    /// It was stopped with the loop.
    Stopped,
}

/// What came of every user's reconciler that was ever started.
///
/// # Errors
/// When the state directory cannot be read. What cannot be understood is left out: the next start writes it anew.
pub fn read(store: &dyn Store) -> io::Result<Vec<Came>> {
    let mut all = Vec::new();
    for file in store.list(layout::RECONCILERS)? {
        let Some(bytes) = store.read(&format!("{}/{file}", layout::RECONCILERS))? else { continue };
        all.extend(serde_json::from_slice::<Came>(&bytes).ok().filter(|came| came.schema == 1));
    }
    Ok(all)
}

/// Names of nix8s's own reconcilers for which a plan has no step.
pub fn settled(plan: &nix8s_core::plan::Plan) -> BTreeSet<String> {
    let busy: BTreeSet<&str> = plan.steps.iter().map(|step| step.by.as_str()).collect();
    let names = RECONCILERS.iter().map(|reconciler| reconciler.name).chain(["extension"]);
    names.filter(|name| !busy.contains(name)).map(str::to_owned).collect()
}

/// Supervises every enabled reconciler until `settled` has no sender any more: that stops them. What people should
/// know is told by `tell`; the files have it too.
pub async fn supervise(
    world: &World,
    settled: watch::Receiver<BTreeSet<String>>,
    touches: watch::Receiver<Touches>,
    tell: mpsc::Sender<String>,
) {
    let ready = watch::Sender::new(BTreeSet::new());
    let enabled = world.cluster.bootstrap.reconcilers.iter().filter(|(_, reconciler)| reconciler.enable);
    let all: FuturesUnordered<_> = enabled
        .map(|(name, reconciler)| {
            let one = One::new(world, name, reconciler, tell.clone());
            one.supervise(settled.clone(), &ready, touches.clone())
        })
        .collect();
    all.collect::<()>().await;
}

/// Starts every enabled one-shot once, each after those that it comes after: what `apply` ends with. Those that run
/// until they are stopped are for the loop.
pub async fn once(world: &World, tell: &mpsc::Sender<String>) -> Vec<Came> {
    let reconcilers = &world.cluster.bootstrap.reconcilers;
    let is_meant = |reconciler: &UserReconciler| reconciler.enable && !reconciler.is_long_running();
    let mut left: Vec<&String> =
        reconcilers.iter().filter(|(_, reconciler)| is_meant(reconciler)).map(|(name, _)| name).collect();
    let mut came = Vec::new();
    while !left.is_empty() {
        let waits = |name: &&String| left.iter().any(|other| reconcilers[*name].after.contains(other));
        // Circles are errors of the configuration.
        let at = left.iter().position(|name| !waits(name)).unwrap_or(0);
        let name = left.remove(at);
        let mut one = One::new(world, name, &reconcilers[name], tell.clone());
        one.start();
        let ended = one.run(Box::pin(std::future::pending())).await;
        one.ended(ended.expect("nobody asks it to stop"));
        one.keep();
        came.push(one.came);
    }
    came
}

/// A user's reconciler under supervision.
struct One<'a> {
    world: &'a World,
    reconciler: &'a UserReconciler,
    command: Command,
    came: Came,
    tell: mpsc::Sender<String>,
}

impl<'a> One<'a> {
    fn new(world: &'a World, name: &str, reconciler: &'a UserReconciler, tell: mpsc::Sender<String>) -> Self {
        let root = world.state_dir();
        let about = About { cluster: &world.cluster, name: None, machine: None, state_dir: &root };
        let interval = reconciler.interval.unwrap_or(world.cluster.reconciler.interval);
        let command = script::reconciler(name, &reconciler.run, interval, about);
        let came = Came {
            schema: 1,
            name: name.to_owned(),
            state: State::Waiting,
            starts: 0,
            failures: 0,
            began: None,
            ended: None,
            status: None,
            message: None,
            next: None,
        };
        Self { world, reconciler, command, came, tell }
    }

    async fn supervise(
        mut self,
        settled: watch::Receiver<BTreeSet<String>>,
        ready: &watch::Sender<BTreeSet<String>>,
        mut touches: watch::Receiver<Touches>,
    ) {
        self.keep();
        tokio::select! {
            biased;
            () = end(settled.clone()) => return self.stopped(),
            () = others(&self.reconciler.after, settled.clone(), ready.subscribe()) => {}
        }
        loop {
            let touched = touches.borrow().get(&self.came.name).copied();
            self.start();
            if self.reconciler.is_long_running() {
                is_ready(ready, &self.came.name);
            }
            self.keep();
            let Some(result) = self.run(Box::pin(end(settled.clone()))).await else { return self.stopped() };
            if self.ended(result) {
                is_ready(ready, &self.came.name);
            }
            let pause = self.pause();
            self.came.next = pause.and_then(|pause| self.world.ports.clock.now().checked_add(pause).ok());
            self.keep();
            let name = self.came.name.clone();
            let touch = touches.wait_for(|touches| touches.get(&name).copied() != touched);
            let sleep = async {
                match pause {
                    Some(pause) => self.world.sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = end(settled.clone()) => return self.stopped(),
                Ok(_) = touch => {}
                () = sleep => {}
            }
        }
    }

    fn start(&mut self) {
        self.came.state = State::Running;
        self.came.starts += 1;
        self.came.began = Some(self.world.ports.clock.now());
        self.came.next = None;
    }

    /// Runs it to its end; `None`: it was stopped.
    async fn run(&self, stop: BoxFuture<'_, ()>) -> Option<Result<Output, ExecError>> {
        let run = self.world.ports.exec.run_until(&self.command, stop);
        if self.reconciler.is_long_running() {
            return run.await;
        }
        tokio::select! {
            biased;
            ended = run => ended,
            () = self.world.sleep(ONE_SHOT) => Some(Err(ExecError::TimedOut)),
        }
    }

    /// Takes down how it ended, and says when it did not end well; whether it did.
    fn ended(&mut self, result: Result<Output, ExecError>) -> bool {
        let now = self.world.ports.clock.now();
        let long = self.reconciler.is_long_running();
        let ran = self.came.began.map_or(Duration::ZERO, |began| now.duration_since(began).unsigned_abs());
        let (status, message) = match result {
            Ok(output) => (Some(output.status), last_lines(&output.stderr)),
            Err(ExecError::TimedOut) => (None, format!("it did not end within {} s", ONE_SHOT.as_secs())),
            Err(error) => (None, error.to_string()),
        };
        let well = status == Some(0) && !long;
        self.came.state = if well { State::Done } else { State::Failed };
        let before = if well || (long && ran >= WELL_AFTER) { 0 } else { self.came.failures };
        self.came.failures = if well { 0 } else { before + 1 };
        self.came.ended = Some(now);
        self.came.status = status;
        self.came.message = Some(message.clone()).filter(|message| !message.is_empty());
        if !well {
            let how = match (status, message.as_str()) {
                (Some(status), "") => format!("exit code {status}"),
                (Some(status), message) => format!("exit code {status}: {message}"),
                (None, message) => message.to_owned(),
            };
            self.say(format!("the reconciler {} ended: {how}", self.came.name));
        }
        well
    }

    /// How long it is not started again; `None`: until something that it watches changes.
    fn pause(&self) -> Option<Duration> {
        let backoff =
            || BACKOFF_MIN.saturating_mul(1 << self.came.failures.saturating_sub(1).min(20)).min(BACKOFF_MAX);
        match (self.came.state, self.reconciler.interval) {
            (State::Failed, None) => Some(backoff()),
            (State::Failed, Some(interval)) => Some(interval.max(backoff())),
            (State::Waiting | State::Running | State::Done | State::Stopped, interval) => interval,
        }
    }

    fn stopped(mut self) {
        self.came.state = State::Stopped;
        self.came.next = None;
        self.keep();
    }

    /// Keeps what came of it. That it could not be written is said, and changes nothing of it.
    fn keep(&self) {
        let path = layout::reconciler(&self.came.name);
        let bytes = serde_json::to_vec_pretty(&self.came).expect("plain data");
        if let Err(error) = self.world.ports.store.write(&path, &bytes) {
            self.say(format!("writing {path}: {error}"));
        }
    }

    fn say(&self, text: String) {
        // The file has it too; a loop that does not listen for so long has more to tell.
        let _ = self.tell.try_send(text);
    }
}

fn is_ready(ready: &watch::Sender<BTreeSet<String>>, name: &str) {
    ready.send_if_modified(|ready| ready.insert(name.to_owned()));
}

/// Waits for the end of the loop. Cancel-safe.
async fn end(mut settled: watch::Receiver<BTreeSet<String>>) {
    while settled.changed().await.is_ok() {}
}

/// Waits until all of these have nothing left to do, or had their first success. Cancel-safe.
async fn others(
    after: &[String],
    mut settled: watch::Receiver<BTreeSet<String>>,
    mut ready: watch::Receiver<BTreeSet<String>>,
) {
    for name in after {
        tokio::select! {
            biased;
            Ok(_) = settled.wait_for(|settled| settled.contains(name)) => {}
            Ok(_) = ready.wait_for(|ready| ready.contains(name)) => {}
        }
    }
}

/// An observer that also tells what reconcilers have to say, as soon as the loop says something.
pub struct Told<'a> {
    /// Who hears it.
    pub hear: &'a mut dyn Observer,
    /// What reconcilers have to say.
    pub told: mpsc::Receiver<String>,
    /// Learns what has nothing left to do.
    pub settled: Option<watch::Sender<BTreeSet<String>>>,
}

impl Observer for Told<'_> {
    fn hear(&mut self, progress: &Progress) {
        while let Ok(text) = self.told.try_recv() {
            self.hear.hear(&Progress::Warning { text });
        }
        if let (Some(sender), Progress::CycleBegan { plan, .. }) = (&self.settled, progress) {
            sender.send_replace(settled(plan));
        }
        self.hear.hear(progress);
    }
}
