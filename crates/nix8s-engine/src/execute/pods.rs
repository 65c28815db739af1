//! Moves pods off a node and lets them back: cordon, drain within budgets, uncordon (rules 10 and 14).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use nix8s_core::event::Failure;
use nix8s_core::model::MachineName;

use super::Done;
use super::POLL;
use super::failure::from_kube;
use super::failure::hint;
use super::failure::transient;
use super::held::Hold;
use crate::port::Evicted;
use crate::port::KubeError;
use crate::port::Pod;
use crate::world::REQUEST;
use crate::world::World;

/// Marks a node unschedulable, with this run's name on it.
pub async fn cordon(world: &World, name: &MachineName) -> Done {
    world
        .kube(REQUEST, world.ports.kube.cordon(name, &world.run))
        .await
        .map_err(|e| from_kube("cordoning", &e))?;
    Ok(None)
}

/// Makes a node schedulable that nix8s cordoned.
pub async fn uncordon(world: &World, name: &MachineName) -> Done {
    world.kube(REQUEST, world.ports.kube.uncordon(name)).await.map_err(|e| from_kube("uncordoning", &e))?;
    Ok(None)
}

/// Evicts what runs on a node. When that does not work within `timeout`, the node is uncordoned and the failure
/// names what stood in the way.
pub async fn drain(world: &World, name: &MachineName, timeout: Duration, hold: &mut Hold) -> Done {
    let failure = match evict_all(world, name, timeout, hold).await {
        Ok(note) => return Ok(note),
        Err(failure) => failure,
    };
    match world.kube(REQUEST, world.ports.kube.uncordon(name)).await {
        Ok(()) => {
            Err(Failure { message: format!("{}; the node is uncordoned again", failure.message), ..failure })
        }
        // The next run sees the cordon with our name on it, and ends it.
        Err(error) => {
            Err(Failure { message: format!("{}; uncordoning: {error}", failure.message), ..failure })
        }
    }
}

async fn evict_all(world: &World, name: &MachineName, timeout: Duration, hold: &mut Hold) -> Done {
    let deadline = world.ports.clock.now() + timeout;
    let mut counts = Counts::default();
    loop {
        let obstacle = match world.kube(REQUEST, world.ports.kube.pods(name)).await {
            Ok(pods) if pods.is_empty() => return Ok(counts.note()),
            Ok(pods) => match pods.iter().find(|pod| pod.bare && !pod.ending) {
                Some(bare) => return Err(blocked(bare)),
                None => round(world, &pods, deadline, &mut counts).await,
            },
            Err(error) => format!("listing pods: {error}"),
        };
        if world.ports.clock.now() + POLL > deadline {
            let message = format!("not drained within {} s: {obstacle}", timeout.as_secs());
            let advice = "raise upgrade.drainTimeout, or let the budget allow a disruption";
            return Err(hint(transient(message), advice));
        }
        hold.is(&obstacle, world.ports.clock.now());
        world.sleep(POLL).await;
    }
}

/// Pods of one node that are asked for at once, as far as the API server is not asked for others ([`crate::real`]).
const AT_ONCE: usize = 16;

/// One eviction of every pod; returns what holds the drain up. Of pods that a budget held the last time, one is asked for
/// first: if it is held again, so are the others.
async fn round(world: &World, pods: &[Pod], deadline: Timestamp, counts: &mut Counts) -> String {
    let mut queues: BTreeMap<(Option<String>, usize), Vec<&Pod>> = BTreeMap::new();
    for (at, pod) in pods.iter().enumerate() {
        let key = match counts.held.get(&pod.uid) {
            Some(budget) => (Some(budget.clone()), 0),
            None => (None, at),
        };
        queues.entry(key).or_default().push(pod);
    }
    let asked = stream::iter(queues.into_values()).map(|queue| queued(world, queue, deadline));
    // In their order: what is told does not depend on who answers first.
    let asked: Vec<_> = asked.buffered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().collect();
    let mut obstacle = match pods.len() {
        1 => "1 pod is still ending".to_owned(),
        number => format!("{number} pods are still ending"),
    };
    for (pod, answer) in asked {
        let id = format!("{}/{}", pod.namespace, pod.name);
        counts.held.remove(&pod.uid);
        match answer {
            Ok(Evicted::Going) => counts.evicted(id, pod.empty_dir),
            Ok(Evicted::Gone) | Err(KubeError::NotFound { .. }) => {}
            Ok(Evicted::Held { budget }) => {
                obstacle = format!("pod {id} is held by budget {budget}");
                counts.held.insert(pod.uid.clone(), budget);
            }
            Err(error) => obstacle = format!("evicting pod {id}: {error}"),
        }
    }
    obstacle
}

/// Asks for one after another, until one is held or nobody knows.
async fn queued<'p>(
    world: &World,
    queue: Vec<&'p Pod>,
    deadline: Timestamp,
) -> Vec<(&'p Pod, Result<Evicted, KubeError>)> {
    let mut answers = Vec::new();
    for pod in queue {
        if world.ports.clock.now() > deadline {
            break;
        }
        let answer = world.kube(REQUEST, world.ports.kube.evict(pod)).await;
        let goes_on = matches!(answer, Ok(Evicted::Going | Evicted::Gone) | Err(KubeError::NotFound { .. }));
        answers.push((pod, answer));
        if !goes_on {
            break;
        }
    }
    answers
}

fn blocked(pod: &Pod) -> Failure {
    let id = format!("{}/{}", pod.namespace, pod.name);
    let message = format!("pod {id} has no controller: evicting it would lose it");
    hint(
        transient(message),
        format!("delete it yourself: kubectl delete pod -n {} {}", pod.namespace, pod.name),
    )
}

#[derive(Default)]
struct Counts {
    evicted: BTreeSet<String>,
    /// Pods that a budget held when they were last asked for, by their uid, and which.
    held: BTreeMap<String, String>,
    empty_dir: usize,
}

impl Counts {
    fn evicted(&mut self, pod: String, empty_dir: bool) {
        if self.evicted.insert(pod) && empty_dir {
            self.empty_dir += 1;
        }
    }

    fn note(&self) -> Option<String> {
        match (self.evicted.len(), self.empty_dir) {
            (0, _) => None,
            (1, 0) => Some("1 pod evicted".to_owned()),
            (pods, 0) => Some(format!("{pods} pods evicted")),
            (1, _) => Some("1 pod evicted, with emptyDir data".to_owned()),
            (pods, data) => Some(format!("{pods} pods evicted, {data} of them with emptyDir data")),
        }
    }
}
