//! What is other than it was between two looks at clusters, as lines for people and logs.

use nix8s_engine::state::overview::ErrorOverview;
use nix8s_engine::state::overview::MachineOverview;
use nix8s_engine::state::overview::Overview;

use crate::output::Paint;
use crate::output::clean;
use crate::report::status;
use crate::report::waits;
use crate::report::words;

/// A line for each thing that changed: clusters in their order, in each its machines, then its waits.
pub fn lines(before: &[Overview], after: &[Overview], paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for now in after {
        let was = before.iter().find(|was| was.cluster == now.cluster);
        let at = paint.dim(status::date(now.at));
        lines.extend(cluster(was, now, paint).into_iter().map(|text| format!("{at} {text}")));
    }
    for gone in before.iter().filter(|was| after.iter().all(|now| now.cluster != was.cluster)) {
        lines.push(format!("{}: is no longer remembered", paint.bold(&gone.cluster)));
    }
    lines
}

fn cluster(was: Option<&Overview>, now: &Overview, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if was.is_some_and(|was| was.version != now.version) {
        lines.push(format!("{}: shall run {}", paint.bold(&now.cluster), now.version));
    }
    for (name, machine) in &now.machines {
        let before = was.and_then(|was| was.machines.get(name));
        let name = paint.bold(name);
        lines.extend(machine_lines(before, machine, paint).into_iter().map(|text| format!("{name}: {text}")));
    }
    for name in was.into_iter().flat_map(|was| was.machines.keys()) {
        if !now.machines.contains_key(name) {
            lines.push(format!("{}: is forgotten", paint.bold(name)));
        }
    }
    let known = |wait: &nix8s_core::plan::Wait| {
        was.is_some_and(|was| was.waits.iter().any(|w| w.cause == wait.cause && w.machine == wait.machine))
    };
    for wait in now.waits.iter().filter(|wait| !known(wait)) {
        let cause = paint.yellow(waits::cause_name(wait.cause));
        lines.push(format!("{}: waits ({cause}): {}", paint.bold(&now.cluster), waits::sentence_of(wait)));
    }
    lines
}

fn machine_lines(was: Option<&MachineOverview>, now: &MachineOverview, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    match was {
        None => lines.push(now.stage.to_string()),
        Some(was) if was.stage != now.stage => lines.push(format!("{} -> {}", was.stage, now.stage)),
        Some(_) => {}
    }
    if let (Some(was), Some(version)) = (was, &now.version)
        && was.version.as_ref() != Some(version)
    {
        lines.push(format!("runs {version}"));
    }
    let known = |error: &ErrorOverview| {
        was.is_some_and(|was| was.errors.iter().any(|e| e.step == error.step && e.count == error.count))
    };
    for error in now.errors.iter().filter(|error| !known(error)) {
        let failed = paint.red(format_args!("{} failed", words::verb(error.step)));
        let times = if error.count == 1 { String::new() } else { format!(" {} times", error.count) };
        lines.push(format!("{failed}{times}: {}", clean(&error.message)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use nix8s_core::lifecycle::Stage;
    use nix8s_core::plan::Cause;
    use nix8s_core::plan::EffectKind;
    use nix8s_core::plan::FailureClass;
    use nix8s_core::plan::Wait;

    use super::*;
    use crate::report::sample;

    fn overview() -> Overview {
        sample::overview(["pending", "ready"])
    }

    #[test]
    fn what_changed_is_told_and_what_did_not_is_not() {
        let before = overview();
        assert_eq!(
            lines(std::slice::from_ref(&before), std::slice::from_ref(&before), Paint::PLAIN),
            Vec::<String>::new()
        );
        let mut after = before.clone();
        let w1 = after.machines.get_mut(&"prod-w1".parse().unwrap()).unwrap();
        w1.stage = Stage::Provisioning;
        w1.errors.push(ErrorOverview {
            step: EffectKind::Install,
            count: 2,
            last: before.at,
            class: FailureClass::Transient,
            message: "no space\u{1b}[31m left".to_owned(),
        });
        after.machines.remove(&"prod-w2".parse().unwrap());
        after.waits.push(Wait {
            machine: Some("prod-w1".parse().unwrap()),
            cause: Cause::BackOff,
            text: "prod-w1 is tried again".to_owned(),
            until: None,
        });
        insta::assert_snapshot!(lines(&[before], &[after], Paint::PLAIN).join("\n"));
    }

    #[test]
    fn a_cluster_that_appears_is_told_machine_by_machine_and_one_that_goes_in_a_line() {
        insta::assert_snapshot!(lines(&[], &[overview()], Paint::PLAIN).join("\n"));
        insta::assert_snapshot!(lines(&[overview()], &[], Paint::PLAIN).join("\n"));
    }
}
