//! A plan in one sentence: how many steps, what they come to, what they put at risk.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Step;

use crate::output::Paint;
use crate::report::names::count;
use crate::report::names::thousands;
use crate::report::plan::View;
use crate::report::words::sentence_list;

/// `prod: 5 steps now and 31 to follow: installs 5 machines, initialises the cluster and joins 4. Erases 5 machines.`
pub fn of(view: View<'_>, paint: Paint) -> String {
    let name = paint.bold(&view.cluster.name);
    let all: Vec<&Step> = view.plan.steps.iter().chain(view.forecast).collect();
    let waiting = waiting(view);
    if all.is_empty() {
        return format!("{name}: nothing to do now. {waiting}").trim_end().to_owned();
    }
    let follow = match view.forecast.len() {
        0 => String::new(),
        more => format!(" and about {} to follow", thousands(more)),
    };
    let outcome = outcome(&all);
    let risk = risk(&all, &outcome, paint);
    let outcome = sentence_list(&outcome);
    let steps = count(view.plan.steps.len(), "step");
    format!("{name}: {steps} now{follow}: {outcome}.{risk} {waiting}").trim_end().to_owned()
}

/// What the steps come to, in the order of a machine's life.
fn outcome(steps: &[&Step]) -> Vec<String> {
    let mut machines: BTreeMap<EffectKind, BTreeSet<Option<&MachineName>>> = BTreeMap::new();
    for step in steps {
        machines.entry(step.effect.kind()).or_default().insert(step.effect.machine());
    }
    let number = |kind: EffectKind| machines.get(&kind).map_or(0, BTreeSet::len);
    let counted = |verb: &str, kind: EffectKind| {
        (number(kind) > 0).then(|| format!("{verb} {}", count(number(kind), "machine")))
    };
    let mut words = Vec::new();
    words.extend(counted("installs", EffectKind::Install));
    words.extend(counted("adopts", EffectKind::Adopt));
    for step in steps {
        if let Effect::Init { machine } = &step.effect {
            words.push(format!("initialises the cluster on {machine}"));
        }
        if let Effect::InstallPlatform { platform, version } = &step.effect {
            words.push(format!("installs {platform} {version}"));
        }
    }
    words.extend(counted("joins", EffectKind::Join));
    words.extend(counted("updates", EffectKind::Switch));
    words.extend(counted("rolls back", EffectKind::Rollback));
    words.extend(counted("restarts Kubernetes on", EffectKind::Restart));
    words.extend(counted("removes", EffectKind::Forget));
    let scripts: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| match &step.effect {
            Effect::RunScript { script, .. } => Some(script.as_str()),
            _ => None,
        })
        .collect();
    if !scripts.is_empty() {
        words.push(format!("runs {}", count(scripts.len(), "script")));
    }
    if words.is_empty() {
        words = small(&machines);
    }
    words
}

/// What remains to be said when nothing bigger happens.
fn small(machines: &BTreeMap<EffectKind, BTreeSet<Option<&MachineName>>>) -> Vec<String> {
    machines
        .iter()
        .map(|(kind, on)| {
            let verb = crate::report::words::verb(*kind);
            if on.contains(&None) { verb } else { format!("{verb} on {}", count(on.len(), "machine")) }
        })
        .collect()
}

/// The risk as a sentence, without what the outcome says already.
fn risk(steps: &[&Step], outcome: &[String], paint: Paint) -> String {
    let mut worst: BTreeMap<&MachineName, Risk> = BTreeMap::new();
    for step in steps {
        if let Some(machine) = step.effect.machine() {
            let risk = worst.entry(machine).or_insert(step.risk);
            *risk = step.risk.max(*risk);
        }
    }
    let of = |risk: Risk| worst.values().filter(|r| **r == risk).count();
    let mut words = Vec::new();
    for (risk, verb) in
        [(Risk::Erases, "erases"), (Risk::Removes, "removes"), (Risk::Interrupts, "interrupts")]
    {
        if of(risk) > 0 {
            words.push(format!("{verb} {}", count(of(risk), "machine")));
        }
    }
    if words.is_empty() {
        return " Nothing that runs is touched.".to_owned();
    }
    words.retain(|word| !outcome.contains(word));
    if words.is_empty() {
        return String::new();
    }
    let text = sentence_list(&words);
    let text = format!("{}{}.", text[..1].to_uppercase(), &text[1..]);
    format!(" {}", if of(Risk::Erases) > 0 { paint.red(text) } else { paint.yellow(text) })
}

fn waiting(view: View<'_>) -> String {
    let serious = view.plan.waits.iter().filter(|wait| match wait.cause.ends() {
        Ends::Outside | Ends::Permit => true,
        Ends::Info | Ends::Time => false,
    });
    match serious.count() {
        0 => String::new(),
        1 => "1 thing waits for you.".to_owned(),
        some => format!("{} wait for you.", count(some, "thing")),
    }
}
