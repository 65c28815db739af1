//! Metrics in OpenMetrics text (the format that Prometheus reads). Names are documented in docs/run.md.
//!
//! No metric has a label per machine: a fleet of thousands would have as many series, and `status` tells of machines.

use std::sync::atomic::AtomicU64;

use nix8s_engine::state::overview::Overview;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::board::Board;
use super::board::Result;
use crate::report::waits::cause_name;

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    kind: String,
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Machines {
    role: String,
    stage: String,
}

/// What is known, as text. `overview` is what the loop last wrote about the machines.
pub fn render(board: &Board, overview: Option<&Overview>) -> String {
    let labels = [("cluster".into(), board.cluster.clone().into())];
    let mut all = Registry::with_prefix_and_labels("nix8s", labels.into_iter());
    let version = Info::new(vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    all.register("build", "The version of nix8s", version);
    counter(&mut all, "looks", "Looks at the machines", board.looks);
    counter(&mut all, "reloads", "Configurations that were taken up after the first", board.reloads);
    let text = "Plans that would have broken a safety rule: bugs in nix8s, of which nothing was carried out";
    counter(&mut all, "rule_violations", text, board.violations);
    let converged = board.rested.is_some_and(|(how, _)| how == "converged");
    gauge(&mut all, "converged", "1 if everything is as configured", i64::from(converged));
    let valid = "1 if the configuration as it is now was taken up, 0 if the one before is kept";
    gauge(&mut all, "configuration_valid", valid, i64::from(board.wrong.is_none()));
    let steps = "Steps that could be carried out at the last look";
    gauge(&mut all, "planned_steps", steps, i64::try_from(board.steps).unwrap_or(i64::MAX));
    let person = "Waits that a person has to end";
    gauge(&mut all, "waits_for_a_person", person, i64::try_from(board.needs_a_person()).unwrap_or(i64::MAX));
    let seconds = |at: Option<jiff::Timestamp>| at.map_or(0, jiff::Timestamp::as_second);
    gauge(&mut all, "last_look_timestamp_seconds", "When it last looked (Unix time)", seconds(board.looked));
    let last = "When everything was last as configured (Unix time), 0 if never";
    gauge(&mut all, "last_converged_timestamp_seconds", last, seconds(board.converged));
    let ended = Family::<Step, Counter<u64, AtomicU64>>::default();
    for ((kind, result), number) in &board.ended {
        let result = match result {
            Result::Done => "done",
            Result::Failed => "failed",
            Result::Skipped => "skipped",
        };
        let labels = Step { kind: (*kind).to_owned(), result: result.to_owned() };
        ended.get_or_create(&labels).inc_by(*number);
    }
    all.register("steps", "Steps by kind and how they ended", ended);
    let waits = Family::<Why, Gauge>::default();
    for (cause, number) in &board.waits {
        let number = i64::try_from(*number).unwrap_or(i64::MAX);
        waits.get_or_create(&Why { cause: cause_name(*cause) }).set(number);
    }
    all.register("waits", "What was waited for at the last look, by cause", waits);
    all.register("machines", "Machines by role and stage", machines(overview));
    let mut text = String::new();
    encode(&mut text, &all).expect("writing into a string does not fail");
    text
}

fn machines(overview: Option<&Overview>) -> Family<Machines, Gauge> {
    let machines = Family::<Machines, Gauge>::default();
    for machine in overview.into_iter().flat_map(|overview| overview.machines.values()) {
        let role =
            machine.role.map_or_else(|| "former".to_owned(), |role| role.to_string().replace(' ', "-"));
        machines.get_or_create(&Machines { role, stage: machine.stage.as_str().to_owned() }).inc();
    }
    machines
}

fn counter(all: &mut Registry, name: &str, help: &str, number: u64) {
    let counter = Counter::<u64, AtomicU64>::default();
    counter.inc_by(number);
    all.register(name, help, counter);
}

fn gauge(all: &mut Registry, name: &str, help: &str, number: i64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(number);
    all.register(name, help, gauge);
}
