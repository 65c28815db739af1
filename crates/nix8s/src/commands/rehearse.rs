//! `nix8s rehearse`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use clap_complete::engine::ArgValueCandidates;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use nix8s_core::model::Cluster;
use nix8s_engine::stop::Stop;
use nix8s_sim::rehearse;
use nix8s_sim::rehearse::Settings;
use nix8s_sim::rehearse::Start;
use nix8s_sim::rehearse::recorded;
use nix8s_sim::rehearse::recorded::Like;
use nix8s_sim::rehearse::run::Run;
use nix8s_sim::rehearse::tally;
use nix8s_sim::rehearse::tally::Rehearsal;
use serde_json::json;

use crate::cli::Faults;
use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::permit::PermitArgs;
use crate::commands::project;
use crate::commands::signal;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::output::Output;
use crate::report::json as document;
use crate::report::rehearsal;
use crate::report::screen::Ear;
use crate::report::screen::Screen;
use crate::report::screen::Time;

const EXAMPLES: &str = "\
Examples:
  nix8s rehearse                                        from what is recorded of the machines, 100 times
  nix8s rehearse prod --simulate --faults many          from the simulated world as it is kept
  nix8s rehearse prod --simulate --runs 1 --seed 37 -v  one run, with its story
  nix8s rehearse --runs 1000 -o json                    for programs

Everything is tried out in copies in memory: neither machines nor what is remembered of them change. Somebody says yes
to whatever `apply` asks, and starts it again, up to ten times, when it ends before everything is as configured.";

/// Try out many times how `apply` would go, with things going wrong on the way
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RehearseArgs {
    /// Only this cluster; needed with --node and --erase when there are several
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// How often; each run has the next seed and so other faults
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    #[command(flatten)]
    permit: PermitArgs,
}

/// Rehearses and tells what it came to.
pub fn run(cx: &Cx<'_>, args: &RehearseArgs) -> Result<Exit, CliError> {
    let RehearseArgs { cluster, runs, permit } = args;
    let fleet = project::fleet(cx)?;
    // A machine's name means something in its own cluster only.
    let clusters = if permit.names_machines() {
        vec![project::changing(&fleet, cluster.as_deref())?]
    } else {
        project::reading(&fleet, cluster.as_deref())?
    };
    let faults = cx.global.faults.unwrap_or(Faults::Some);
    let seed = cx.global.seed.unwrap_or(world::SEED);
    let settings = Settings { runs: *runs, seed, faults: world::level(faults) };
    let stop = signal::stop(|_| {
        // A terminal that is gone must not keep it from stopping.
        let _ =
            std::io::Write::write_all(&mut std::io::stderr(), b"\nstopping; a rehearsal changes nothing\n");
    })?;
    let mut rehearsals = Vec::new();
    for cluster in &clusters {
        let start = start(cx, cluster, permit)?;
        let Some(ended) = rehearsed(cx, &start, settings, &stop) else { return Ok(Exit::Interrupted) };
        let rehearsal = tally::tally(&start, settings, &ended);
        let replay = |seed: u64| replay(cx, cluster, permit, faults, seed);
        if cx.out.format == Format::Text {
            if !rehearsals.is_empty() {
                cx.out.data("\n");
            }
            if cx.out.detail == Detail::Verbose {
                tell_worst(cx, &start, settings, &ended, &stop);
            }
            cx.out.data(&rehearsal::render(&rehearsal, &replay, cx.out.detail, cx.out.paint));
        }
        let mut document = serde_json::to_value(&rehearsal).expect("a rehearsal has text keys");
        if let Some(worst) = &rehearsal.worst {
            document["worst"]["replay"] = json!(replay(worst.seed));
        }
        rehearsals.push((rehearsal, document));
    }
    if cx.out.format == Format::Json {
        let documents: Vec<_> = rehearsals.iter().map(|(_, document)| document).collect();
        cx.out.json(&json!({ "version": document::VERSION, "rehearsals": documents }));
    }
    rehearsals.iter().try_for_each(|(rehearsal, _)| ended(rehearsal))?;
    Ok(Exit::Done)
}

/// What every run of a cluster starts from.
fn start(cx: &Cx<'_>, cluster: &Arc<Cluster>, permit: &PermitArgs) -> Result<Start, CliError> {
    let state = world::open_to_read(cx, &cluster.name)?;
    let past = world::past(&state)?;
    let permit = permit.permit(cluster, &past, BTreeSet::new())?;
    let seed = cx.global.seed.unwrap_or(world::SEED);
    if !cx.global.simulate
        && let Some(like) =
            recorded::like(cluster, &*state, seed).map_err(|error| world::unreadable(&state, error))?
    {
        let Like { world, store, assumed } = like;
        let cluster = Arc::clone(cluster);
        return Ok(Start { cluster, permit, world: Some(world), store, assumed: Some(assumed) });
    }
    let (kept, store) = world::copied(cx.global, cluster, &state)?;
    Ok(Start { cluster: Arc::clone(cluster), permit, world: kept, store, assumed: None })
}

fn rehearsed(cx: &Cx<'_>, start: &Start, settings: Settings, stop: &Stop) -> Option<Vec<Run>> {
    let bar = bar(cx.out, start, settings);
    let mut missed = 0;
    let runs = rehearse::rehearse(start, settings, stop, &mut |run| {
        missed += usize::from(!run.is_converged());
        if missed > 0 {
            bar.set_message(format!(", {missed} did not arrive"));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    runs
}

/// A line on stderr, if that is a terminal, that tells how far it is.
fn bar(out: &Output, start: &Start, settings: Settings) -> ProgressBar {
    if out.detail == Detail::Quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(settings.runs));
    let style = ProgressStyle::with_template("{prefix}: run {pos} of {len}, {eta} left{wide_msg}");
    bar.set_style(style.expect("the template is a constant"));
    bar.set_prefix(start.cluster.name.to_string());
    bar
}

/// Tells the story of the run that is most worth a look, by running it again.
fn tell_worst(cx: &Cx<'_>, start: &Start, settings: Settings, runs: &[Run], stop: &Stop) {
    let Some(worst) = tally::worst(runs) else { return };
    let at = u32::try_from(worst.seed.wrapping_sub(settings.seed)).expect("a run's seed follows the first");
    cx.out.data(&format!("The run of seed {}:\n", worst.seed));
    let screen = Screen::new(cx.out, Time::Jumps);
    rehearse::once(start, settings, at, stop, &mut Ear(&screen));
    cx.out.data("\n");
}

/// The command that shows the run of a seed again.
fn replay(cx: &Cx<'_>, cluster: &Cluster, permit: &PermitArgs, faults: Faults, seed: u64) -> String {
    let mut command = format!("nix8s rehearse {}", cluster.name);
    if cx.global.simulate {
        command.push_str(" --simulate");
    }
    let faults = match faults {
        Faults::None => "none",
        Faults::Some => "some",
        Faults::Many => "many",
    };
    let _ = write!(command, "{} --faults {faults} --runs 1 --seed {seed} -v", permit.typed());
    command
}

/// The exit code for what was found. A broken rule matters more than a run that did not arrive.
fn ended(rehearsal: &Rehearsal) -> Result<(), CliError> {
    let name = &rehearsal.cluster;
    if let Some(bug) = rehearsal.bugs.first() {
        let number = rehearsal.bugs.len();
        let message = format!(
            "a rule was broken in {number} of {} runs on {name}, which is a bug in nix8s: {}",
            rehearsal.runs, bug.text
        );
        return Err(CliError::new(Exit::Refused, message)
            .hint("Please report it with the configuration and the command that replays it."));
    }
    let missed = rehearsal.runs - rehearsal.converged;
    if missed == 0 {
        return Ok(());
    }
    let asked = rehearsal.endings.get("needs-permit").copied().unwrap_or(0);
    if asked == missed {
        let message =
            format!("what is left to do on {name} needs your leave in {missed} runs, as listed above");
        return Err(CliError::new(Exit::Refused, message));
    }
    Err(CliError::new(
        Exit::Failed,
        format!("{missed} of {} runs on {name} did not converge", rehearsal.runs),
    ))
}

#[cfg(test)]
mod tests {
    use nix8s_core::permit::Permit;
    use nix8s_engine::state::memory::Memory;
    use nix8s_sim::fault::Level;
    use nix8s_sim::rehearse::run::Bug;
    use nix8s_sim::rehearse::run::End;
    use nix8s_sim::rehearse::run::Noticed;

    use super::*;
    use crate::output::Paint;
    use crate::report::sample;

    fn rehearsal(ends: Vec<End>) -> Rehearsal {
        let cluster = Arc::new(sample::cluster(1, 1));
        let start =
            Start { cluster, permit: Permit::default(), world: None, store: Memory::new(), assumed: None };
        let settings = Settings { runs: 3, seed: 5, faults: Level::Many };
        let run = |(seed, end): (u64, End)| Run { seed, end, ..Run::of(seed) };
        let runs: Vec<Run> = (5..).zip(ends).map(run).collect();
        tally::tally(&start, settings, &runs)
    }

    #[test]
    fn a_broken_rule_is_told_with_its_seed_and_matters_most() {
        let text = "rule r4 was broken on cp1 at 7: etcd lost its majority".to_owned();
        let bug = End::Bug(Bug { noticed: Noticed::World, text });
        let rehearsal = rehearsal(vec![End::Converged, bug, End::Waits(Vec::new())]);
        let error = ended(&rehearsal).unwrap_err();
        assert_eq!(error.exit, Exit::Refused);
        assert!(error.message.contains("which is a bug in nix8s: rule r4"), "{error}");
        let replay = |seed| format!("replay {seed}");
        let told = rehearsal::render(&rehearsal, &replay, Detail::Normal, Paint::PLAIN);
        assert!(told.contains("broken seed 6, in the world: rule r4 was broken on cp1"), "{told}");
        assert!(told.contains("The worst run\n  seed 6: bug after 0s"), "{told}");
        assert!(!told.contains("none was broken"), "{told}");
        assert!(told.contains("  seed 7: waits-outside\n    replay 7"), "{told}");
    }

    #[test]
    fn the_exit_code_tells_what_apply_has_to_expect() {
        assert!(ended(&rehearsal(vec![End::Converged])).is_ok());
        let exit = |ends| ended(&rehearsal(ends)).unwrap_err().exit;
        assert_eq!(exit(vec![End::Converged, End::NeedsPermit(Vec::new())]), Exit::Refused);
        assert_eq!(exit(vec![End::TimedOut(Vec::new()), End::NeedsPermit(Vec::new())]), Exit::Failed);
    }
}
