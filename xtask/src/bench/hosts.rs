//! Looks at many hosts over real SSH, beside Ansible and parallel-ssh, which ask less of them.

use std::collections::BTreeMap;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::Report;
use super::measure::Cost;
use super::measure::Failure;
use super::measure::middle;
use super::scratch::Scratch;
use super::table::Figure;

/// Does it in namespaces of its own.
const SCRIPT: &str = include_str!("script/hosts.sh");

/// Hosts that the promises are about, and how often each is tried: what else runs on the computer is in single figures.
const HOSTS: (usize, usize) = (50, 5);

/// Hosts of which the cost is only told.
const MANY: usize = 200;

/// What nix8s may take, as a part of what Ansible takes to ping the same hosts.
const OF_ANSIBLE: f64 = 1.0 / 3.0;

/// What it may take as a part of what parallel-ssh takes to run `true`, which opens all connections anew.
const OF_PARALLEL_SSH: f64 = 1.0;

/// Programs that it is measured with, and the Debian packages that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("ansible", "ansible-core"),
    ("parallel-ssh", "pssh"),
    ("sshd", "openssh-server"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
];

/// Everything that is made ends with them.
const NAMESPACES: [&str; 6] = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// What each run cost, by the program and whether connections were open.
type Costs = BTreeMap<(String, String), Vec<Result<Cost, Failure>>>;

/// Measures, where that can be done.
pub fn hosts(scratch: &Scratch, report: &mut Report) {
    if let Some((_, package)) = PROGRAMS.iter().find(|(program, _)| !is_there(program)) {
        println!("SKIPPED hosts: Debian's {package} is not installed");
        return;
    }
    let may = Command::new("unshare").args(NAMESPACES).arg("true").stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("SKIPPED hosts: only root can make networks");
        return;
    }
    match tried(scratch, HOSTS.0, HOSTS.1) {
        Ok(costs) => compared(costs, report),
        Err(why) => report.row("looking at 50 hosts", Err(why), None),
    }
    let what = format!("look at {MANY} hosts");
    match tried(scratch, MANY, 1) {
        Ok(costs) => {
            for ((_, how), costs) in costs {
                let cost = middle(costs);
                report.row(&format!("{what}, {how}"), cost.clone().map(|cost| Figure::Time(cost.time)), None);
                let memory = cost.map(|cost| Figure::Bytes(cost.memory));
                report.row(&format!("{what}, {how}, peak memory"), memory, None);
            }
        }
        Err(why) => report.row(&what, Err(why), None),
    }
}

fn compared(costs: Costs, report: &mut Report) {
    let middles: BTreeMap<_, _> = costs.into_iter().map(|(key, costs)| (key, middle(costs))).collect();
    let of = |what: &str, how: &str| {
        let found = middles.get(&(what.to_owned(), how.to_owned())).cloned();
        found.unwrap_or_else(|| Err(format!("{what} was not tried")))
    };
    for how in ["cold", "warm"] {
        for what in ["nix8s", "ansible", "parallel-ssh"] {
            let time = of(what, how).map(|cost| Figure::Time(cost.time));
            report.row(&format!("{what} at 50 hosts, {how}"), time, None);
        }
        let part = |other: &str| {
            let (ours, others) = (of("nix8s", how)?, of(other, how)?);
            Ok(Figure::Ratio(ours.time.as_secs_f64() / others.time.as_secs_f64().max(0.001)))
        };
        report.row(
            &format!("of what ansible takes, {how}"),
            part("ansible"),
            Some(Figure::Ratio(OF_ANSIBLE)),
        );
        let limit = (how == "warm").then_some(Figure::Ratio(OF_PARALLEL_SSH));
        report.row(&format!("of what parallel-ssh takes, {how}"), part("parallel-ssh"), limit);
    }
}

fn tried(scratch: &Scratch, hosts: usize, times: usize) -> Result<Costs, Failure> {
    let folder = scratch.folder().join(format!("hosts-{hosts}"));
    let me = std::env::current_exe().map_err(|why| format!("where is this program? {why}"))?;
    let output = Command::new("unshare")
        .args(NAMESPACES)
        .args(["bash", "-c", SCRIPT, "hosts"])
        .arg(&folder)
        .args([scratch.binary(), &hosts.to_string(), &times.to_string()])
        .arg(me)
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("could not run unshare: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(said.trim().to_owned());
    }
    let mut costs = Costs::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(what), Some(how), Some(cost)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        costs.entry((what.to_owned(), how.to_owned())).or_default().push(read(what, cost));
    }
    Ok(costs)
}

/// What `cargo xtask measure` printed.
fn read(what: &str, cost: &str) -> Result<Cost, Failure> {
    let cost: Value = serde_json::from_str(cost).map_err(|why| format!("{what}: {why}: {cost}"))?;
    let of = |name: &str| cost[name].as_u64().unwrap_or_default();
    match cost["status"].as_i64() {
        Some(0 | 2) => Ok(Cost {
            time: Duration::from_nanos(of("nanos")),
            processor: Duration::from_micros(of("processor")),
            memory: of("memory"),
        }),
        status => Err(format!("{what} ended with {status:?}")),
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(program).exists())
}
