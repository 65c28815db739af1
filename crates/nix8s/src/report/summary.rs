//! How a run ended: what was done, what waits, what comes next.

use std::fmt::Write;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Wait;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Report;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::layout;
use serde_json::Value;
use serde_json::json;

use crate::commands::Cx;
use crate::output::Detail;
use crate::output::Format;
use crate::report::lines;
use crate::report::names::count;
use crate::report::waits;
use crate::report::words::sentence_list;

/// A run that ended.
pub struct Run<'a> {
    /// Whose.
    pub cluster: &'a Cluster,
    /// How it ended.
    pub report: &'a Report,
    /// How long it took in its own time, in milliseconds.
    pub took_ms: u64,
    /// How long it took here.
    pub real: Duration,
    /// Where its state is.
    pub state: &'a StateDir,
}

/// Shows how a run ended.
pub fn show(cx: &Cx<'_>, run: &Run<'_>) {
    match cx.out.format {
        Format::Text => cx.out.data(&text(cx, run)),
        Format::Json => cx.out.json_line(&document(run)),
    }
}

fn document(run: &Run<'_>) -> Value {
    let Run { cluster, report, took_ms, real, state } = run;
    json!({
        "type": "ended",
        "version": crate::report::json::VERSION,
        "cluster": cluster.name,
        "ending": report.ending.as_str(),
        "rounds": report.cycles,
        "done": report.done,
        "failed": report.failed,
        "rolled_back": report.rolled_back,
        "took_ms": took_ms,
        "real_ms": u64::try_from(real.as_millis()).unwrap_or(u64::MAX),
        "waits": waits(&report.ending),
        "kubeconfig": kubeconfig(state),
    })
}

fn text(cx: &Cx<'_>, run: &Run<'_>) -> String {
    let (detail, paint, is_simulated) = (cx.out.detail, cx.out.paint, cx.global.simulate);
    let Run { cluster, report, took_ms, real, state } = run;
    let mut out = String::new();
    let name = paint.bold(&cluster.name);
    let head = match &report.ending {
        Ending::Converged => paint.green("is as configured"),
        Ending::NeedsPermit { .. } => paint.yellow("needs your leave"),
        Ending::WaitsOutside { .. } => paint.yellow("waits"),
        Ending::TimedOut { .. } => paint.red("did not get there in time"),
        Ending::Interrupted => paint.yellow("was interrupted"),
        Ending::Refused { .. } => paint.yellow("was left as it is"),
        Ending::Bug { .. } => paint.red("was left as it is"),
    };
    let mut did = match report.done {
        0 if report.failed == 0 => vec!["nothing was done".to_owned()],
        done => vec![format!("{} done", count(done, "step"))],
    };
    if report.failed > 0 {
        did.push(format!("{} failed", count(report.failed, "step")));
    }
    let took = match *took_ms {
        0 => String::new(),
        ms if !is_simulated => format!(" in {}", lines::took(ms)),
        ms => {
            format!(
                " in {} of simulated time, {} here",
                lines::took(ms),
                lines::took(real.as_millis() as u64)
            )
        }
    };
    let _ = writeln!(out, "\n{name} {head}: {}{took}.", sentence_list(&did));
    if !report.rolled_back.is_empty() {
        let names: Vec<String> = report.rolled_back.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "Rolled back: {}.", sentence_list(&names));
    }
    let open: Vec<Wait> =
        waits(&report.ending).iter().filter(|wait| wait.cause.ends() != Ends::Info).cloned().collect();
    for line in waits::lines(&open, detail, paint) {
        let _ = writeln!(out, "  {line}");
    }
    if detail == Detail::Quiet {
        return out;
    }
    match &report.ending {
        Ending::Converged => {
            if let Some(path) = kubeconfig(state) {
                let _ = writeln!(out, "  export KUBECONFIG={path}");
            }
            if !is_simulated {
                return out;
            }
            let _ = writeln!(
                out,
                "These machines were simulated. For real ones, the same configuration serves: `nix8s apply` without --simulate."
            );
        }
        Ending::Interrupted => {
            let _ = writeln!(out, "`nix8s apply` resumes; `nix8s status` shows where everything is.");
        }
        Ending::NeedsPermit { .. }
        | Ending::WaitsOutside { .. }
        | Ending::TimedOut { .. }
        | Ending::Refused { .. }
        | Ending::Bug { .. } => {}
    }
    out
}

fn waits(ending: &Ending) -> &[Wait] {
    match ending {
        Ending::NeedsPermit { waits } | Ending::WaitsOutside { waits } | Ending::TimedOut { waits } => waits,
        Ending::Converged | Ending::Interrupted | Ending::Refused { .. } | Ending::Bug { .. } => &[],
    }
}

fn kubeconfig(state: &StateDir) -> Option<String> {
    let path = state.root().join(layout::KUBECONFIG);
    path.is_file().then(|| path.display().to_string())
}
