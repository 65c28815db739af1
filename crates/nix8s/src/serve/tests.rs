//! What a loop tells about itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::event::Failure;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::FailureClass;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::plan::Wait;
use nix8s_engine::converge::Ending;
use nix8s_engine::progress::Progress;

use super::board::Board;
use super::metrics;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_600_000 + second).unwrap()
}

fn board() -> Board {
    Board::new("prod", at(0), Duration::from_secs(4200))
}

fn look(causes: &[Cause]) -> Progress {
    let wait = |cause: &Cause| Wait { machine: None, cause: *cause, text: "because".to_owned(), until: None };
    let waits = causes.iter().map(wait).collect();
    let plan = Plan { cluster: "prod".parse().unwrap(), at: at(0), steps: Vec::new(), waits };
    Progress::CycleBegan { cycle: 1, plan: Arc::new(plan) }
}

fn rest(ending: Ending) -> Progress {
    Progress::Rested { ending, until: at(30) }
}

fn step() -> Arc<Step> {
    let effect = Effect::Restart { machine: "prod-w1".parse().unwrap(), voted: false };
    let (id, by) = (effect.id(), "system".to_owned());
    Arc::new(Step { id, effect, reason: String::new(), by, risk: Risk::None, after: Vec::new() })
}

#[test]
fn a_loop_that_says_nothing_for_longer_than_any_step_is_dead() {
    let mut board = board();
    assert_eq!(board.is_dead(at(4200)), None);
    assert!(board.is_dead(at(4201)).unwrap().contains("4201 s"));
    board.hear(&Progress::Warning { text: "x".to_owned() }, at(4000));
    assert_eq!(board.is_dead(at(8000)), None);
    // A clock that was set back is no sign of death.
    assert_eq!(board.is_dead(at(-100_000)), None);
}

#[test]
fn a_loop_is_ready_when_it_looked_at_what_is_configured_now() {
    let mut board = board();
    assert!(board.is_unready().unwrap().contains("not looked"));
    board.hear(&look(&[]), at(5));
    assert_eq!(board.is_unready(), None);
    board.wrong = Some("the configuration has 1 error".to_owned());
    assert!(board.is_unready().unwrap().contains("1 error"));
    board.wrong = None;
    board.hear(&rest(Ending::Bug { violations: Vec::new() }), at(6));
    assert!(board.is_unready().unwrap().contains("break a rule"));
    board.hear(&rest(Ending::Converged), at(36));
    assert_eq!((board.is_unready(), board.violations), (None, 1));
}

#[test]
fn waits_that_only_a_person_ends_are_counted() {
    let mut board = board();
    board.hear(&look(&[Cause::Silent, Cause::BackOff, Cause::Skipped, Cause::Earlier]), at(5));
    assert_eq!(board.needs_a_person(), 0);
    board.hear(&look(&[Cause::NeedsErase, Cause::GivenUp, Cause::GivenUp, Cause::WrongKey]), at(5));
    assert_eq!(board.needs_a_person(), 4);
}

#[test]
fn how_it_rests_is_dated_from_when_it_began_to() {
    let mut board = board();
    for second in [10, 40, 70] {
        board.hear(&rest(Ending::Converged), at(second));
    }
    assert_eq!((board.rested, board.converged), (Some(("converged", at(10))), Some(at(70))));
    board.hear(&rest(Ending::NeedsPermit { waits: Vec::new() }), at(100));
    assert_eq!(board.rested, Some(("needs-permit", at(100))));
}

#[test]
fn metrics_are_told_in_the_form_that_is_documented() {
    let mut board = board();
    board.hear(&look(&[Cause::Silent, Cause::Silent, Cause::NeedsErase]), at(5));
    board.hear(&Progress::StepDone { at: at(6), step: step(), took_ms: 1, note: None }, at(6));
    let failure =
        Failure { class: FailureClass::Transient, message: "no".to_owned(), hint: None, bad_system: None };
    board.hear(&Progress::StepFailed { at: at(7), step: step(), failure }, at(7));
    board.hear(&Progress::StepSkipped { step: step(), why: "no".to_owned() }, at(8));
    let text = metrics::render(&board, None);
    // The order of series within a metric means nothing.
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable_by_key(|line| line.trim_start_matches(['#', ' ']));
    insta::assert_snapshot!(lines.join("\n"));
    assert!(!text.contains("prod-w1"), "no series per machine");
    let page = include_str!("../../../../docs/run.md");
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for name in names {
        assert!(page.contains(&format!("`{name}")), "{name} is not in docs/run.md");
    }
}
