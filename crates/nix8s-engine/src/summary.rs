//! What a run came to, kept in the state directory as `runs/<id>.json`.

use jiff::Timestamp;
use nix8s_core::model::ClusterName;
use nix8s_core::plan::Plan;
use serde::Serialize;

use crate::converge::Ending;
use crate::converge::Report;
use crate::progress::Observer;
use crate::progress::Progress;
use crate::state::layout;
use crate::world::World;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    schema: u32,
    run: &'a str,
    cluster: &'a ClusterName,
    command: &'a str,
    began: Timestamp,
    ended: Timestamp,
    #[serde(flatten)]
    report: &'a Report,
    /// The plan that broke a rule, for whoever mends nix8s.
    plan: Option<&'a Plan>,
}

/// Keeps what a run came to. That it could not be written is said, and changes nothing of the run.
pub fn keep(
    world: &World,
    command: &str,
    began: Timestamp,
    report: &Report,
    plan: Option<&Plan>,
    hear: &mut dyn Observer,
) {
    let broke_a_rule = matches!(report.ending, Ending::Bug { .. });
    let summary = Summary {
        schema: 1,
        run: &world.run,
        cluster: &world.cluster.name,
        command,
        began,
        ended: world.ports.clock.now(),
        report,
        plan: plan.filter(|_| broke_a_rule),
    };
    let path = layout::run(&world.run);
    let bytes = serde_json::to_vec_pretty(&summary).expect("a report has string keys");
    if let Err(error) = world.ports.store.write(&path, &bytes) {
        hear.hear(&Progress::Warning { text: format!("writing {path}: {error}") });
    }
}
