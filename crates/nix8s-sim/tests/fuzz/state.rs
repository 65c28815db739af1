//! State files: a damaged snapshot, overview, marker or export never stops a run, and a world's journal opens or is
//! refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use nix8s_core::event::Event;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::past::Past;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Settings;
use nix8s_engine::converge::converge;
use nix8s_engine::progress::Silent;
use nix8s_engine::state::export;
use nix8s_engine::state::layout;
use nix8s_engine::state::log;
use nix8s_engine::state::marker;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::state::overview;
use nix8s_engine::state::snapshot;
use nix8s_engine::stop::Stop;
use nix8s_engine::world::World;
use nix8s_sim::BEGINNING;
use nix8s_sim::Options;
use nix8s_sim::Simulation;
use nix8s_sim::fault::Level;
use nix8s_sim::fleet;
use nix8s_sim::make;
use nix8s_sim::random::Random;

use crate::driver;
use crate::driver::Target;
use crate::log::events;
use crate::mutate;

#[derive(Debug, Clone)]
struct Damaged {
    events: Vec<Event>,
    files: BTreeMap<String, Vec<u8>>,
}

struct State {
    cluster: Arc<Cluster>,
    /// Files as a run leaves them.
    good: Vec<(String, Vec<u8>)>,
}

impl Target for State {
    type Input = Damaged;

    fn make(&self, random: &mut Random) -> Damaged {
        let mut files = BTreeMap::new();
        for (path, bytes) in &self.good {
            let (_, other) = random.pick(&self.good).unwrap();
            let bytes = match random.between(0, 3) {
                0 => continue,
                1 => bytes.clone(),
                _ => mutate::bytes(random, bytes, other),
            };
            files.insert(path.clone(), bytes);
        }
        Damaged { events: events(random), files }
    }

    fn check(&self, input: &Damaged) {
        let store = Memory::holding(log::encode(&input.events), input.files.clone()).unwrap();
        // The snapshot is a cache: whatever is in it, the past can be read.
        let past: Past = snapshot::read(&store).unwrap().past;
        drop(overview::read(&store));
        drop(marker::pending(&store, &self.cluster, &past));
        // An export that cannot be understood is left out.
        drop(export::former(&store, &self.cluster).unwrap());
    }

    fn smaller(&self, input: &Damaged) -> Vec<Damaged> {
        let mut all = Vec::new();
        for (path, bytes) in &input.files {
            let mut without = input.clone();
            without.files.remove(path);
            all.push(without);
            for smaller in driver::smaller_bytes(bytes) {
                let mut changed = input.clone();
                changed.files.insert(path.clone(), smaller);
                all.push(changed);
            }
        }
        all
    }
}

/// What a run of a small cluster leaves behind, with markers that people put there.
fn left_behind() -> (Arc<Cluster>, Vec<(String, Vec<u8>)>) {
    let shape =
        fleet::Shape { control_planes: 1, workers: 2, others: 0, distribution: Distribution::K3s, minor: 34 };
    let all = fleet::cluster(&shape);
    let store = converged(&Arc::new(all.clone()));
    // One machine has left the configuration since: what is kept of it is read.
    let mut cluster = all;
    let gone = cluster.machines.keys().next_back().unwrap().clone();
    cluster.machines.remove(&gone);
    let name = cluster.machines.keys().next().unwrap().clone();
    let mut good: Vec<(String, Vec<u8>)> = store.files().into_iter().collect();
    good.retain(|(path, _)| !path.starts_with("runs/"));
    good.push((layout::delete(&name), br#"{"lost":true}"#.to_vec()));
    good.push((layout::undelete(&gone), b"{}".to_vec()));
    (Arc::new(cluster), good)
}

/// The state of a cluster that was brought up from blank machines.
fn converged(cluster: &Arc<Cluster>) -> Arc<Memory> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let options = Options { seed: 1, faults: Level::None, pace: None, not_before: None };
        let sim = Simulation::new(make::world(cluster, 1, BEGINNING), options);
        let store = Arc::new(Memory::new());
        let ports = sim.ports(Arc::clone(&store) as _);
        let world = World::new(Arc::clone(cluster), ports, ".".to_owned(), Permit::default()).unwrap();
        let settings =
            Settings { command: "apply".to_owned(), covered: Some(Risk::Erases), patience: PATIENCE };
        let (mut consent, mut stop) = (Given(Risk::Erases), Stop::never());
        let report = converge(&world, &settings, &mut consent, &mut stop, &mut Silent).await.unwrap();
        assert_eq!(report.ending, Ending::Converged);
        store
    })
}

#[test]
fn state() {
    let (cluster, good) = left_behind();
    assert!(good.iter().any(|(path, _)| path == layout::OVERVIEW), "{:?}", good.iter().map(|(p, _)| p));
    driver::run("state", &State { cluster, good });
}
