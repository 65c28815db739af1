//! Measures what the project promises, from outside, with the release binary, and shows each figure by its limit.

mod fleet;
mod hosts;
mod machine;
pub mod measure;
mod scratch;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use fleet::Fleet;
use measure::Cost;
use measure::Failure;
use scratch::Scratch;
use table::Figure;
use table::Row;

/// Machines in the fleet that most promises are about.
const MANY: Fleet = Fleet { clusters: 100, machines_per_cluster: 100, extra: 0 };

/// Ten times as many, to see how cost grows.
const TEN_TIMES: Fleet = Fleet { clusters: 1000, machines_per_cluster: 100, extra: 0 };

/// Ten times the machines may cost this many times as much: linear, and a fifth for memory that caches hold less well.
const GROWTH_MAX: f64 = 12.0;

/// Exit statuses that say that a plan was made: nothing to do, or something.
const PLANNED: &[i32] = &[0, 2];

/// Simulated time is what there is enough of: five installations at once take half a day for a thousand machines.
const LONG: &str = "1000h";

/// Planning again in a new process reads what it would have kept in memory: as long as planning from nothing.
const REPLAN_COLD: Duration = Duration::from_secs(1);

/// A group of measures.
struct Group {
    name: &'static str,
    run: fn(&Scratch, &mut Report),
}

/// Every group, in the order in which they run.
const GROUPS: &[Group] = &[
    Group { name: "small", run: small },
    Group { name: "cold", run: cold },
    Group { name: "replan", run: replan },
    Group { name: "converged", run: converged },
    Group { name: "converging", run: converging },
    Group { name: "hosts", run: hosts::hosts },
];

/// Runs these groups of measures, or all, with the release binary that `make build` left.
pub fn run(only: &[&str]) -> ExitCode {
    if let Some(unknown) = only.iter().find(|name| GROUPS.iter().all(|group| group.name != **name)) {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        eprintln!("error: there is no group {unknown:?} of measures: there are {}", names.join(", "));
        return ExitCode::from(64);
    }
    let scratch = match Scratch::new() {
        Ok(scratch) => scratch,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(1);
        }
    };
    println!("{}\n", machine::describe());
    let mut report = Report::default();
    for group in GROUPS.iter().filter(|group| only.is_empty() || only.contains(&group.name)) {
        (group.run)(&scratch, &mut report);
    }
    if report.over == 0 {
        println!("\nevery figure keeps its limit.");
        ExitCode::SUCCESS
    } else {
        println!("\n{} of {} figures do not keep their limit.", report.over, report.rows);
        ExitCode::from(1)
    }
}

/// Prints rows as they come, and counts.
#[derive(Default)]
struct Report {
    rows: usize,
    over: usize,
}

impl Report {
    fn row(&mut self, what: &str, figure: Result<Figure, Failure>, limit: Option<Figure>) {
        let row = Row { what: what.to_owned(), figure, limit };
        println!("{row}");
        self.rows += 1;
        self.over += usize::from(!row.is_ok());
    }

    /// A time and the memory that it took.
    fn cost(&mut self, what: &str, cost: &Result<Cost, Failure>, time: Duration, memory: Option<u64>) {
        let figure = cost.clone().map(|cost| Figure::Time(cost.time));
        self.row(what, figure, Some(Figure::Time(time)));
        if let Ok(cost) = cost {
            self.row(&format!("{what}, processor time"), Ok(Figure::Time(cost.processor)), None);
            self.row(
                &format!("{what}, peak memory"),
                Ok(Figure::Bytes(cost.memory)),
                memory.map(Figure::Bytes),
            );
        }
    }
}

/// A mebibyte.
const MIB: u64 = 1024 * 1024;

/// The binary and its start.
fn small(scratch: &Scratch, report: &mut Report) {
    report.row(
        "size of the stripped binary",
        scratch.binary_size().map(Figure::Bytes),
        Some(Figure::Bytes(25 * MIB)),
    );
    let version = measure::median(21, &[scratch.binary(), "--version"], &[0]);
    report.row(
        "nix8s --version",
        version.map(|cost| Figure::Time(cost.time)),
        Some(Figure::Time(Duration::from_millis(10))),
    );
}

/// Reading and planning from nothing: no state, no cache.
fn cold(scratch: &Scratch, report: &mut Report) {
    let mut times = Vec::new();
    for (fleet, times_run, limit, memory) in
        [(MANY, 5, Duration::from_secs(1), Some(300 * MIB)), (TEN_TIMES, 3, Duration::from_secs(5), None)]
    {
        let config = scratch.config("cold", fleet);
        let what = format!("validate {} machines in {} clusters", fleet.machines(), fleet.clusters);
        let validate = measure::median(times_run, &scratch.command(&config, &["validate"]), &[0]);
        report.cost(&what, &validate, limit, memory);
        let what = format!("plan {} blank machines in {} clusters", fleet.machines(), fleet.clusters);
        let mut plans = Vec::new();
        for _ in 0..times_run {
            scratch.forget("cold");
            plans.push(measure::once(&scratch.simulated(&config, "cold", &["plan"]), PLANNED));
        }
        let plan = measure::middle(plans);
        report.cost(&what, &plan, limit, memory);
        times.push([validate, plan]);
    }
    for (which, name) in ["validate", "plan"].iter().enumerate() {
        let ratio = times[0][which].clone().and_then(|few| {
            times[1][which]
                .clone()
                .map(|many| Figure::Ratio(many.time.as_secs_f64() / few.time.as_secs_f64()))
        });
        report.row(&format!("{name}: ten times the machines cost"), ratio, Some(Figure::Ratio(GROWTH_MAX)));
    }
}

/// What the loop does for ten thousand machines of which nothing has changed, in one process.
fn replan(_scratch: &Scratch, report: &mut Report) {
    let took = scratch::example("replan");
    let figure = |name: &str| {
        let nanos = took.clone().map(|document| document[name].as_u64().unwrap_or(u64::MAX));
        nanos.map(|nanos| Figure::Time(Duration::from_nanos(nanos)))
    };
    let what = "plan and check again, 10000 machines without change, in the same process";
    report.row(what, figure("planNanos"), Some(Figure::Time(Duration::from_millis(200))));
    report.row("the same with reading the past and looking at simulated machines", figure("runNanos"), None);
}

/// Ten thousand machines that are as they should be: looking at them, planning again, and adding one.
fn converged(scratch: &Scratch, report: &mut Report) {
    let config = scratch.config("many", MANY);
    for cluster in 0..MANY.clusters {
        let cluster = fleet::cluster_name(cluster);
        let apply =
            scratch.simulated(&config, "many", &["apply", &cluster, "--yes", "--quiet", "--timeout", LONG]);
        if let Err(why) = measure::once(&apply, &[0]) {
            report.row("converging 100 clusters, to measure on", Err(why), None);
            return;
        }
    }
    let status = measure::median(11, &scratch.simulated(&config, "many", &["status"]), &[0]);
    report.cost("status of 10000 machines", &status, Duration::from_millis(150), None);
    let plan =
        measure::median(11, &scratch.simulated(&config, "many", &["plan", "--detailed-exitcode"]), &[0]);
    // Opens a hundred simulated worlds, which no loop does: the promise is about deciding, see `replan`.
    report.cost("plan again in a new process, 10000 machines without change", &plan, REPLAN_COLD, None);
    let more = scratch.config("many-and-one", Fleet { extra: 1, ..MANY });
    let touched = scratch.machines_with_steps(&more, "many");
    report.row(
        "machines that adding one to 10000 plans steps for",
        touched.map(Figure::Count),
        Some(Figure::Count(1)),
    );
}

/// From blank machines to a running cluster.
fn converging(scratch: &Scratch, report: &mut Report) {
    let mut times = Vec::new();
    for (machines, times_run) in [(1000, 3), (4500, 1)] {
        let fleet = Fleet { clusters: 1, machines_per_cluster: machines, extra: 0 };
        let state = format!("converge-{machines}");
        let config = scratch.config(&state, fleet);
        let mut costs = Vec::new();
        for _ in 0..times_run {
            scratch.forget(&state);
            let apply = ["apply", &fleet.last_cluster(), "--yes", "--quiet", "--timeout", LONG];
            costs.push(measure::once(&scratch.simulated(&config, &state, &apply), &[0]));
        }
        times.push(measure::middle(costs));
    }
    let limit = Duration::from_secs(10);
    report.cost("converging 1000 machines from blank", &times[0], limit, None);
    let five_times = times[0].as_ref().map_or(limit, |cost| cost.time) * 5;
    report.cost("converging 4500 machines from blank", &times[1], five_times, None);
}
