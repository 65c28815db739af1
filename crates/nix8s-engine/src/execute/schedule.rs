//! Which step of a plan can begin: predecessors done, lane free. Every operation costs what it changes.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use nix8s_core::model::Concurrency;
use nix8s_core::plan::Lane;
use nix8s_core::plan::Step;

/// Scripts at once: most run on this computer, which has other things to do.
const SCRIPTS: usize = 8;

/// The order of a plan while it is carried out.
pub struct Schedule {
    entries: Vec<Entry>,
    lanes: BTreeMap<Lane, LaneState>,
    is_closed: bool,
}

struct Entry {
    step: Arc<Step>,
    waits_for: usize,
    followers: Vec<usize>,
    /// It goes on with what an earlier step of this plan began on the same machine.
    continues: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Left,
    Begun,
    Over,
    /// Left to the next plan.
    Later,
}

struct LaneState {
    ready: VecDeque<usize>,
    free: usize,
}

impl Schedule {
    /// A step.
    pub fn step(&self, index: usize) -> Arc<Step> {
        Arc::clone(&self.entries[index].step)
    }

    /// The order of these steps. A step that comes after one that is not in the plan never begins.
    pub fn new(steps: &[Step], at_once: Concurrency) -> Self {
        let index: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
        let mut entries: Vec<Entry> = steps
            .iter()
            .map(|step| Entry {
                step: Arc::new(step.clone()),
                waits_for: step.after.len(),
                followers: Vec::new(),
                continues: false,
                state: State::Left,
            })
            .collect();
        for (i, step) in steps.iter().enumerate() {
            for before in step.after.iter().filter_map(|id| index.get(id.as_str())) {
                entries[*before].followers.push(i);
                entries[i].continues |= steps[*before].effect.machine() == step.effect.machine();
            }
        }
        let lane = |free: usize| LaneState { ready: VecDeque::new(), free: free.max(1) };
        let lanes = BTreeMap::from([
            (Lane::Free, lane(usize::MAX)),
            (Lane::Build, lane(at_once.build)),
            (Lane::Copy, lane(at_once.copy)),
            (Lane::Install, lane(at_once.install)),
            (Lane::Join, lane(at_once.join)),
            (Lane::Script, lane(SCRIPTS)),
        ]);
        let mut schedule = Self { entries, lanes, is_closed: false };
        for i in 0..schedule.entries.len() {
            if schedule.entries[i].waits_for == 0 {
                schedule.is_ready(i);
            }
        }
        schedule
    }

    fn lane(&mut self, index: usize) -> &mut LaneState {
        let lane = self.entries[index].step.effect.lane();
        self.lanes.get_mut(&lane).expect("every lane is there from the beginning")
    }

    fn is_ready(&mut self, index: usize) {
        self.lane(index).ready.push_back(index);
    }

    /// A step that can begin now; it takes a place in its lane until it ends.
    pub fn next(&mut self) -> Option<(usize, Arc<Step>)> {
        for lane in self.lanes.values_mut() {
            if lane.free == 0 {
                continue;
            }
            if let Some(index) = lane.ready.pop_front() {
                lane.free -= 1;
                self.entries[index].state = State::Begun;
                return Some((index, self.entries[index].step.clone()));
            }
        }
        None
    }

    /// Leaves to the next plan what has not begun. What has begun on a machine goes on to its end.
    pub fn close(&mut self) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let begin = |entry: &Entry| entry.state == State::Left && !entry.continues;
        let mut queue: Vec<usize> = (0..self.entries.len()).filter(|i| begin(&self.entries[*i])).collect();
        while let Some(index) = queue.pop() {
            let entry = &mut self.entries[index];
            if entry.state == State::Left {
                entry.state = State::Later;
                queue.extend(&entry.followers);
            }
        }
        let entries = &self.entries;
        for lane in self.lanes.values_mut() {
            lane.ready.retain(|index| entries[*index].state == State::Left);
        }
    }

    /// A step has been carried out: those that waited for it alone are ready.
    pub fn succeeded(&mut self, index: usize) {
        self.over(index);
        for follower in std::mem::take(&mut self.entries[index].followers) {
            let entry = &mut self.entries[follower];
            entry.waits_for -= 1;
            if entry.waits_for == 0 && entry.state == State::Left {
                self.is_ready(follower);
            }
        }
    }

    /// A step has failed: those after it will not begin, and are returned with why.
    pub fn failed(&mut self, index: usize, why: &str) -> Vec<(Arc<Step>, String)> {
        self.over(index);
        self.drop_followers(index, why)
    }

    /// A step that [`Self::next`] gave is not begun after all, and neither are those after it.
    pub fn drop_with_followers(&mut self, index: usize, why: &str) -> Vec<(Arc<Step>, String)> {
        self.over(index);
        let step = self.entries[index].step.clone();
        let after = format!("{} is not done", step.id);
        let mut dropped = vec![(step, why.to_owned())];
        dropped.extend(self.drop_followers(index, &after));
        dropped
    }

    fn over(&mut self, index: usize) {
        self.entries[index].state = State::Over;
        self.lane(index).free += 1;
    }

    fn drop_followers(&mut self, index: usize, why: &str) -> Vec<(Arc<Step>, String)> {
        let mut dropped = Vec::new();
        let mut queue: Vec<usize> = std::mem::take(&mut self.entries[index].followers);
        while let Some(follower) = queue.pop() {
            let entry = &mut self.entries[follower];
            if entry.state != State::Left {
                continue;
            }
            entry.state = State::Over;
            dropped.push((entry.step.clone(), why.to_owned()));
            queue.append(&mut entry.followers);
        }
        dropped
    }

    /// Steps that neither began, nor were dropped, nor left to the next plan.
    pub fn left(&self) -> impl Iterator<Item = Arc<Step>> {
        self.entries.iter().filter(|entry| entry.state == State::Left).map(|entry| entry.step.clone())
    }
}
