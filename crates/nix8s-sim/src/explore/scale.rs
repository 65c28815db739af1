//! How long a large cluster takes from blank machines, without anything going wrong.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nix8s_core::model::Distribution;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_core::plan::check;
use nix8s_core::reconcile;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Report;
use nix8s_engine::converge::converge;
use nix8s_engine::journal::Journal;
use nix8s_engine::observe::observe;
use nix8s_engine::progress::Silent;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop::Stop;
use nix8s_engine::world::World;

use crate::BEGINNING;
use crate::Options;
use crate::Simulation;
use crate::fault::Level;
use crate::fleet;
use crate::make;

/// What converging took.
#[derive(Debug)]
pub struct Took {
    /// What nix8s says.
    pub report: Report,
    /// On the wall.
    pub wall: Duration,
    /// In the simulated world.
    pub world: Duration,
}

/// Converges so many blank machines, three of them control planes.
pub fn converge_blank(machines: u32) -> std::io::Result<Took> {
    runtime()?.block_on(async {
        let began = Instant::now();
        let (sim, world) = blank(machines)?;
        let report = settle(&world).await?;
        let now = sim.with(|w| w.now);
        let world = Duration::from_millis(u64::try_from(now - BEGINNING).unwrap_or(0));
        Ok(Took { report, wall: began.elapsed(), world })
    })
}

/// What planning again takes where nothing has changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replanned {
    /// Deciding: the plan and its check, from what was seen.
    pub plan: Duration,
    /// A whole run that finds nothing to do: it reads the past, looks at every simulated machine, plans, exports.
    pub run: Duration,
}

/// Converges so many clusters, and then plans for each of them again in the same process.
pub fn replan(clusters: u32, machines: u32) -> std::io::Result<Replanned> {
    let mut took = Replanned::default();
    for _ in 0..clusters {
        runtime()?.block_on(async {
            let (_sim, world) = blank(machines)?;
            settle(&world).await?;
            let began = Instant::now();
            let report = settle(&world).await?;
            took.run += began.elapsed();
            assert_eq!((report.ending, report.done), (Ending::Converged, 0), "nothing was left to do");
            let ports = &world.ports;
            let mut journal = Journal::open(ports.store.clone(), ports.clock.clone(), world.run.clone())?;
            let seen = observe(&world, &mut journal, &mut Silent).await?;
            let began = Instant::now();
            let plan = reconcile::plan(&world.cluster, &seen, ports.clock.now(), &world.permit);
            let broken = check(&world.cluster, &seen, &plan, &world.permit);
            took.plan += began.elapsed();
            assert!(plan.steps.is_empty() && broken.is_empty(), "a plan where nothing has changed is empty");
            Ok::<(), std::io::Error>(())
        })?;
    }
    Ok(took)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

/// A cluster of blank machines, and the world behind the ports. Must be called inside the runtime.
fn blank(machines: u32) -> std::io::Result<(Simulation, World)> {
    let shape = fleet::Shape {
        control_planes: 3,
        workers: machines.saturating_sub(3),
        others: 0,
        distribution: Distribution::K3s,
        minor: 34,
    };
    let cluster = Arc::new(fleet::cluster(&shape));
    let world = make::world(&cluster, 1, BEGINNING);
    let sim = Simulation::new(world, Options { seed: 1, faults: Level::None, pace: None, not_before: None });
    let ports = sim.ports(Arc::new(Memory::new()));
    let permit = Permit::default();
    let world = World::new(cluster, ports, "simulated".to_owned(), permit)?;
    Ok((sim, world))
}

async fn settle(world: &World) -> std::io::Result<Report> {
    let settings = nix8s_engine::converge::Settings {
        command: "apply".to_owned(),
        covered: Some(Risk::None),
        patience: PATIENCE,
    };
    converge(world, &settings, &mut Given(Risk::None), &mut Stop::never(), &mut Silent).await
}
