//! What `nix8s doctor` found, as text: a line for each finding, and below it what to do about it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::doctor::Check;
use nix8s_core::doctor::Finding;
use nix8s_core::doctor::Verdict;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;

use crate::commands::doctor::Examined;
use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names;

/// Machines that are well have a line each up to this number.
const LINES_MAX: usize = 3;

/// Findings of several clusters. What is said of a program is said once.
pub fn render(all: &[Examined], detail: Detail, paint: Paint) -> String {
    let mut said = BTreeSet::new();
    let shown: Vec<String> = all.iter().map(|examined| one(examined, &mut said, detail, paint)).collect();
    shown.join("\n")
}

fn one<'a>(examined: &'a Examined, said: &mut BTreeSet<&'a Finding>, detail: Detail, paint: Paint) -> String {
    let Examined { cluster, findings, .. } = examined;
    let mut findings: Vec<&Finding> =
        findings.iter().filter(|finding| finding.check != Check::Program || said.insert(finding)).collect();
    let counts = counts(&findings);
    findings.retain(|finding| detail != Detail::Quiet || finding.verdict != Verdict::Ok);
    // What belongs together stands together, this computer first.
    findings.sort_by_key(|finding| finding.check);
    let mut out = format!("{}\n", paint.bold(&cluster.name));
    let mut folded = if detail == Detail::Normal { folded(&findings) } else { BTreeMap::new() };
    for finding in findings {
        let is_ok = finding.verdict == Verdict::Ok && finding.machine.is_some();
        if !is_ok || !folded.contains_key(&finding.check) {
            out.push_str(&line(finding.verdict, finding.check, &finding.text, paint));
        } else if let Some(machines) = folded.get_mut(&finding.check).map(std::mem::take)
            && !machines.is_empty()
        {
            out.push_str(&line(
                Verdict::Ok,
                finding.check,
                &together(&machines, finding.check, cluster),
                paint,
            ));
        }
        if let Some(advice) = &finding.advice {
            out.push_str(&format!("{:23}{}\n", "", clean(advice)));
        }
    }
    out.push_str(&format!("{}: {counts}.\n", cluster.name));
    out
}

fn line(verdict: Verdict, check: Check, text: &str, paint: Paint) -> String {
    let word = format!("{:7}", verdict.as_str());
    let word = match verdict {
        Verdict::Ok => paint.green(word),
        Verdict::Warning => paint.yellow(word),
        Verdict::Problem => paint.red(word),
    };
    format!("  {word}  {:10}  {}\n", check.as_str(), clean(text))
}

/// Machines that are well, by what was examined, where there are so many that they have one line.
fn folded<'a>(findings: &[&'a Finding]) -> BTreeMap<Check, Vec<&'a MachineName>> {
    let mut well: BTreeMap<Check, Vec<&MachineName>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Ok) {
        if let Some(machine) = &finding.machine {
            well.entry(finding.check).or_default().push(machine);
        }
    }
    well.retain(|_, machines| machines.len() > LINES_MAX);
    well
}

fn together(machines: &[&MachineName], check: Check, cluster: &Cluster) -> String {
    let says = match check {
        Check::Ssh => "answer",
        Check::Clock => "have the right time",
        Check::Space => "have room",
        Check::Dns => "have names that lead to them",
        Check::Program | Check::State | Check::Secrets | Check::Port | Check::Kubeconfig => "are well",
    };
    let names = names::list(machines, Detail::Normal);
    format!("{} {says}: {names}", names::counted(machines, cluster))
}

fn counts(findings: &[&Finding]) -> String {
    let of = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    match (of(Verdict::Problem), of(Verdict::Warning)) {
        (0, 0) => "nothing is in the way".to_owned(),
        (0, warnings) => format!("nothing is in the way, with {}", names::count(warnings, "warning")),
        (problems, 0) => names::count(problems, "problem"),
        (problems, warnings) => {
            format!("{} and {}", names::count(problems, "problem"), names::count(warnings, "warning"))
        }
    }
}
