//! Events as lines.

use jiff::tz::TimeZone;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::MachineName;
use nix8s_core::plan::Effect;

use crate::output::Paint;
use crate::output::clean;
use crate::report::lines::took;
use crate::report::names::count;
use crate::report::waits::cause_name;
use crate::report::words;

/// One event: when, what became of what.
pub fn line(event: &Event, paint: Paint) -> String {
    let at = event.at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    format!("{} {}", paint.dim(at), text(&event.what, paint))
}

/// The machine that an event is about, if it is about one.
pub fn machine(what: &What) -> Option<&MachineName> {
    match what {
        What::RunStarted { .. }
        | What::RunEnded { .. }
        | What::ClusterFound
        | What::ApiLost
        | What::ApiBack
        | What::HooksKnown { .. }
        | What::Migrated { .. } => None,
        What::Started { effect }
        | What::Held { effect, .. }
        | What::Done { effect, .. }
        | What::Failed { effect, .. } => effect.machine(),
        What::WaitBegan { machine, .. } | What::WaitEnded { machine, .. } => machine.as_ref(),
        What::Recognised { machine, .. }
        | What::Joined { machine, .. }
        | What::LostSight { machine }
        | What::Sighted { machine }
        | What::NotReady { machine }
        | What::Ready { machine }
        | What::MarkedDelete { machine, .. }
        | What::Undeleted { machine }
        | What::Retry { machine }
        | What::Rebuild { machine, .. }
        | What::Reinstall { machine, .. } => Some(machine),
    }
}

fn text(what: &What, paint: Paint) -> String {
    let saw = |word: &str, machine: &MachineName, text: &str| {
        format!("{} {}: {}", paint.cyan(word), paint.bold(machine), clean(text))
    };
    match what {
        What::RunStarted { command } => format!("{} {}", paint.bold("run     "), clean(command)),
        What::RunEnded { outcome } => format!("{} {}", paint.bold("ended   "), clean(outcome)),
        What::Started { effect } => format!("{} {}", paint.cyan("begins  "), subject(effect, paint)),
        What::Held { effect, why } => {
            format!("{} {}: {}", paint.yellow("held    "), subject(effect, paint), clean(why))
        }
        What::Done { effect, took_ms, note } => {
            let note = note.as_ref().map(|note| format!(": {}", clean(note))).unwrap_or_default();
            format!("{} {}{note}, {}", paint.green("done    "), subject(effect, paint), took(*took_ms))
        }
        What::Failed { effect, failure } => {
            format!("{} {}: {}", paint.red("failed  "), subject(effect, paint), clean(&failure.message))
        }
        What::Recognised { machine, installation, .. } => {
            saw("sees    ", machine, &format!("it carries the mark of installation {installation}"))
        }
        What::Joined { machine, role, .. } => saw("sees    ", machine, &format!("it is a node ({role})")),
        What::ClusterFound => format!("{} the cluster exists", paint.cyan("sees    ")),
        What::ApiLost => format!("{} the API server does not answer", paint.cyan("sees    ")),
        What::ApiBack => format!("{} the API server answers again", paint.cyan("sees    ")),
        What::LostSight { machine } => saw("sees    ", machine, "it does not answer"),
        What::Sighted { machine } => saw("sees    ", machine, "it answers again"),
        What::NotReady { machine } => saw("sees    ", machine, "its node is not Ready"),
        What::Ready { machine } => saw("sees    ", machine, "its node is Ready again"),
        What::MarkedDelete { machine, lost: false } => saw("asked   ", machine, "let it leave"),
        What::MarkedDelete { machine, lost: true } => saw("asked   ", machine, "let it leave; it is lost"),
        What::Undeleted { machine } => saw("asked   ", machine, "keep it, or let it come back"),
        What::Retry { machine } => saw("asked   ", machine, "try again what was given up"),
        What::WaitBegan { machine, cause, text } => {
            let (word, cause) = (paint.yellow("waits   "), cause_name(*cause));
            match machine {
                Some(machine) => format!("{word} {}: {cause}: {}", paint.bold(machine), clean(text)),
                None => format!("{word} {cause}: {}", clean(text)),
            }
        }
        What::WaitEnded { machine, cause, took_ms } => {
            let machine = machine.as_ref().map_or(String::new(), |name| format!("{}: ", paint.bold(name)));
            format!("{} {machine}{}, {}", paint.cyan("goes on "), cause_name(*cause), took(*took_ms))
        }
        What::HooksKnown { names } => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("{} hooks after something: {}", paint.cyan("sees    "), clean(&names))
        }
        What::Rebuild { machine, action } => {
            let by = action.map_or_else(String::new, |action| format!(", by {}", action.as_str()));
            saw("asked   ", machine, &format!("roll its system out again{by}"))
        }
        What::Reinstall { machine, scope: Some(scope) } => {
            let text = format!("erase {} and install it once more", words::scope(*scope));
            saw("asked   ", machine, &text)
        }
        What::Reinstall { machine, scope: None } => saw("asked   ", machine, "keep it as it is installed"),
        What::Migrated { from, machines, .. } => {
            let what = count(machines.len(), "machine");
            format!("{} {what} taken over from the state in {}", paint.cyan("migrated"), clean(from))
        }
    }
}

/// An effect with its machine.
pub fn subject(effect: &Effect, paint: Paint) -> String {
    let system = words::system(effect).map(|system| format!(" [{system}]")).unwrap_or_default();
    let words = format!("{}{system}", clean(&words::effect(effect)));
    match effect.machine() {
        Some(machine) => format!("{}: {words}", paint.bold(machine)),
        None => words,
    }
}
