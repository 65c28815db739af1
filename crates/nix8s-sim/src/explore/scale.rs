//! How long a large cluster takes from blank machines, without anything going wrong.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nix8s_core::model::Distribution;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Report;
use nix8s_engine::converge::converge;
use nix8s_engine::progress::Silent;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop::Stop;

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let shape = fleet::Shape {
            control_planes: 3,
            workers: machines.saturating_sub(3),
            others: 0,
            distribution: Distribution::K3s,
            minor: 34,
        };
        let cluster = Arc::new(fleet::cluster(&shape));
        let began = Instant::now();
        let world = make::world(&cluster, 1, BEGINNING);
        let sim =
            Simulation::new(world, Options { seed: 1, faults: Level::None, pace: None, not_before: None });
        let ports = sim.ports(Arc::new(Memory::new()));
        let permit = Permit::default();
        let world = nix8s_engine::world::World::new(cluster, ports, "simulated".to_owned(), permit)?;
        let settings = nix8s_engine::converge::Settings {
            command: "apply".to_owned(),
            covered: Some(Risk::None),
            patience: PATIENCE,
        };
        let report =
            converge(&world, &settings, &mut Given(Risk::None), &mut Stop::never(), &mut Silent).await?;
        let now = sim.with(|w| w.now);
        let world = Duration::from_millis(u64::try_from(now - BEGINNING).unwrap_or(0));
        Ok(Took { report, wall: began.elapsed(), world })
    })
}
