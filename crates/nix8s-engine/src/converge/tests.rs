//! How runs go and end.

use std::time::Duration;

use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::Distribution;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_core::plan::Wait;

use super::patience::Patience;
use super::patience::next_look;
use super::patience::patience;
use super::*;
use crate::port::ExecError;
use crate::port::Store;
use crate::state::memory::Fate;
use crate::stop;
use crate::testing::*;

fn settings() -> Settings {
    Settings { command: "apply".to_owned(), covered: None, patience: PATIENCE }
}

/// Nothing is there yet: every machine is silent, secrets exist, systems evaluate to nothing.
fn silent() -> Fakes {
    answer(Fakes::new())
}

fn answer(fakes: Fakes) -> Fakes {
    fakes.exec.on("on-node probe", [Reply::Error(ExecError::TimedOut)]);
    fakes.exec.on("nix eval", [says("{}")]);
    fakes.exec.on("secrets check", [says(r#"["token","agent-token","deploy-key",{"host-key":"cp1"}]"#)]);
    fakes.exec.on("kubeconfig c --check", [says(r#""missing""#)]);
    *fakes.api.is_away.lock().unwrap() = true;
    fakes
}

/// The same, with secrets to be made.
fn blank() -> Fakes {
    let fakes = Fakes::new();
    fakes.exec.on("secrets check", [says("[]")]);
    answer(fakes)
}

async fn run(fakes: &Fakes, settings: &Settings, stop: &mut Stop) -> (Report, Vec<String>, Timestamp) {
    let world = fakes.world(cluster(Distribution::K3s, &[]));
    let mut heard = Heard::default();
    let mut given = Given(Risk::None);
    let report = converge(&world, settings, &mut given, stop, &mut heard).await.unwrap();
    (report, heard.0, world.ports.clock.now())
}

fn outcomes(fakes: &Fakes) -> Vec<String> {
    let outcome = |event: nix8s_core::event::Event| match event.what {
        What::RunEnded { outcome } => Some(outcome),
        _ => None,
    };
    fakes.store.events().unwrap().into_iter().filter_map(outcome).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_that_do_not_come_are_waited_for_and_then_named() {
    let fakes = silent();
    let (report, heard, now) = run(&fakes, &settings(), &mut Stop::never()).await;
    let Ending::WaitsOutside { waits } = &report.ending else { panic!("{:?} {heard:?}", report.ending) };
    assert!(waits.iter().any(|wait| wait.cause == Cause::NotThereYet), "{waits:?}");
    assert!(now.as_second() >= 900 && now.as_second() < 1200, "{now}");
    assert_eq!(outcomes(&fakes), ["waits-outside"]);
    let runs = fakes.store.list("runs").unwrap();
    let summary = fakes.store.read(&format!("runs/{}", runs[0])).unwrap().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!((summary["command"].as_str(), summary["cluster"].as_str()), (Some("apply"), Some("c")));
    assert!(summary["ending"]["waits-outside"]["waits"].is_array(), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_with_its_time() {
    let fakes = silent();
    let settings = Settings { patience: Duration::from_secs(1_000_000), ..settings() };
    let (report, _, now) = run(&fakes, &settings, &mut Stop::never()).await;
    assert!(matches!(report.ending, Ending::TimedOut { .. }), "{:?}", report.ending);
    assert!(now.as_second() >= 3600 && now.as_second() < 3700, "{now}");
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_while_it_waits_it_ends_at_once() {
    let fakes = silent();
    let (stopper, mut stop) = stop::pair();
    let ask = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        stopper.ask();
    };
    let settings = settings();
    let ((report, heard, now), ()) = tokio::join!(run(&fakes, &settings, &mut stop), ask);
    assert_eq!((report.ending, now.as_second()), (Ending::Interrupted, 100));
    assert_eq!(heard.last().unwrap(), "ended: interrupted");
}

struct Asked {
    answer: Answer,
    times: u32,
}

#[async_trait]
impl Consent for Asked {
    async fn ask(&mut self, _plan: &Plan, _forecast: &[Step], _risk: Risk) -> Answer {
        self.times += 1;
        self.answer
    }
}

async fn asked(fakes: &Fakes, answer: Answer, covered: Option<Risk>) -> (Report, u32) {
    let world = fakes.world(cluster(Distribution::K3s, &[]));
    let mut consent = Asked { answer, times: 0 };
    let settings = Settings { covered, ..settings() };
    let report =
        converge(&world, &settings, &mut consent, &mut Stop::never(), &mut Heard::default()).await.unwrap();
    (report, consent.times)
}

#[tokio::test(start_paused = true)]
async fn without_consent_nothing_is_done() {
    let fakes = blank();
    let (report, times) = asked(&fakes, Answer::No, None).await;
    assert!(matches!(report.ending, Ending::Refused { .. }), "{:?}", report.ending);
    assert_eq!((report.done, times), (0, 1));
    assert!(fakes.exec.ran("secrets generate").is_empty());
}

#[tokio::test(start_paused = true)]
async fn consent_is_asked_once_for_what_it_covers() {
    let fakes = blank();
    let (report, times) = asked(&fakes, Answer::UpTo(Risk::None), None).await;
    assert!(
        report.done > 10 && report.done < 200,
        "the secrets are still missing, so they are made again: {report:?}"
    );
    assert_eq!(times, 1);
}

#[tokio::test(start_paused = true)]
async fn consent_given_beforehand_is_not_asked_for() {
    let fakes = blank();
    let (report, times) = asked(&fakes, Answer::No, Some(Risk::None)).await;
    assert!(report.done > 0, "{report:?}");
    assert_eq!(times, 0);
}

#[tokio::test(start_paused = true)]
async fn a_state_directory_that_cannot_be_written_ends_the_run_and_nothing_is_done() {
    let fakes = blank();
    fakes.store.set_faults(Some(Box::new(|_| Fate::Fails)));
    let world = fakes.world(cluster(Distribution::K3s, &[]));
    let (mut consent, mut heard) = (Given(Risk::Erases), Heard::default());
    let result = converge(&world, &settings(), &mut consent, &mut Stop::never(), &mut heard).await;
    assert!(result.is_err());
    assert!(fakes.exec.ran.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn exports_that_cannot_be_written_are_said_and_stop_nothing() {
    let fakes = blank();
    let is_export = |path: &str| path != "events.jsonl";
    fakes
        .store
        .set_faults(Some(Box::new(move |path| if is_export(path) { Fate::Fails } else { Fate::Whole })));
    let settings = Settings { covered: Some(Risk::None), ..settings() };
    let (report, heard, _) = run(&fakes, &settings, &mut Stop::never()).await;
    assert!(report.done > 0);
    assert!(heard.iter().any(|line| line.starts_with("warning: writing exports")), "{heard:?}");
}

fn wait(cause: Cause, until: Option<i64>) -> Wait {
    let until = until.map(|second| Timestamp::from_second(second).unwrap());
    Wait { machine: None, cause, text: String::new(), until }
}

#[test]
fn patience_follows_what_could_still_happen() {
    let interval = Duration::from_secs(30);
    let limit = |waits: &[Wait]| patience(waits, interval, PATIENCE);
    assert_eq!(limit(&[]), Patience::NoneLeft);
    assert_eq!(limit(&[wait(Cause::Skipped, None)]), Patience::NoneLeft);
    assert_eq!(limit(&[wait(Cause::GivenUp, None)]), Patience::For(Duration::ZERO));
    assert_eq!(limit(&[wait(Cause::NeedsErase, None)]), Patience::For(Duration::ZERO));
    assert_eq!(limit(&[wait(Cause::Halted, None), wait(Cause::Earlier, None)]), Patience::For(interval * 2));
    assert_eq!(limit(&[wait(Cause::GivenUp, None), wait(Cause::Silent, None)]), Patience::For(PATIENCE));
    assert_eq!(limit(&[wait(Cause::BackOff, Some(5)), wait(Cause::GivenUp, None)]), Patience::UntilTimeout);
}

#[test]
fn the_next_look_is_when_something_may_have_changed() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let next = |waits: &[Wait]| next_look(waits, at(0), Duration::from_secs(30));
    assert_eq!(next(&[wait(Cause::Silent, None)]), at(30));
    assert_eq!(next(&[wait(Cause::Pause, Some(10)), wait(Cause::Silent, None)]), at(10));
    assert_eq!(next(&[wait(Cause::BackOff, Some(120)), wait(Cause::Silent, None)]), at(30));
    assert_eq!(next(&[wait(Cause::BackOff, Some(120)), wait(Cause::Skipped, None)]), at(120));
    assert_eq!(next(&[wait(Cause::BackOff, Some(0))]), at(1));
}

#[tokio::test(start_paused = true)]
async fn every_step_that_ran_is_on_record_before_it_is_told() {
    let fakes = blank();
    let settings = Settings { covered: Some(Risk::None), ..settings() };
    let (_, heard, _) = run(&fakes, &settings, &mut Stop::never()).await;
    let events = fakes.store.events().unwrap();
    let done = |effect: &Effect| format!("done {}", effect.id());
    let recorded = events
        .iter()
        .filter(|e| matches!(&e.what, What::Done { effect, .. } if heard.contains(&done(effect))));
    let told = heard.iter().filter(|line| line.starts_with("done ")).count();
    assert!(told > 0);
    assert_eq!(recorded.count(), told);
}

async fn kept(
    fakes: &Fakes,
    caller: &crate::wake::Caller,
    stop: &mut Stop,
) -> (Kept, Vec<String>, Timestamp) {
    let world = fakes.world(cluster(Distribution::K3s, &[]));
    let mut heard = Heard::default();
    let kept = keep(&world, &caller.listen(), stop, &mut heard).await.unwrap();
    (kept, heard.0, world.ports.clock.now())
}

#[tokio::test(start_paused = true)]
async fn a_loop_goes_on_where_apply_would_give_up_and_writes_no_record_of_doing_nothing() {
    let fakes = silent();
    let (caller, (stopper, mut stop)) = (crate::wake::Caller::new(), stop::pair());
    let ask = async {
        tokio::time::sleep(Duration::from_secs(100_000)).await;
        stopper.ask();
    };
    let ((kept, heard, now), ()) = tokio::join!(kept(&fakes, &caller, &mut stop), ask);
    assert_eq!((kept, now.as_second()), (Kept::Stopped, 100_000));
    assert!(heard.iter().any(|line| line.starts_with("rests: waits-outside")), "{heard:?}");
    let looks = heard.iter().filter(|line| line.starts_with("cycle")).count();
    assert!((3000..=3400).contains(&looks), "{looks} looks, one every 30 s");
    assert_eq!(outcomes(&fakes), [""; 0]);
    assert!(fakes.store.events().unwrap().len() < 10);
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_woken_and_begins_again_with_another_configuration() {
    let fakes = silent();
    let (caller, mut stop) = (crate::wake::Caller::new(), Stop::never());
    let call = async {
        tokio::time::sleep(Duration::from_secs(1000)).await;
        caller.look();
        tokio::time::sleep(Duration::from_secs(1)).await;
        caller.reload();
    };
    let ((kept, heard, now), ()) = tokio::join!(kept(&fakes, &caller, &mut stop), call);
    assert_eq!((kept, now.as_second()), (Kept::Reconfigured, 1001));
    let looks = heard.iter().filter(|line| line.starts_with("cycle")).count();
    assert!((30..=36).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn what_a_loop_does_is_on_record() {
    let fakes = blank();
    let (caller, (stopper, mut stop)) = (crate::wake::Caller::new(), stop::pair());
    let ask = async {
        tokio::time::sleep(Duration::from_secs(1000)).await;
        stopper.ask();
    };
    let ((_, heard, _), ()) = tokio::join!(kept(&fakes, &caller, &mut stop), ask);
    let started = |what: &What| matches!(what, What::RunStarted { command } if command == "run");
    assert_eq!(fakes.store.events().unwrap().iter().filter(|e| started(&e.what)).count(), 1);
    assert_eq!(outcomes(&fakes), ["interrupted"]);
    assert_eq!(heard.last().unwrap(), "ended: interrupted");
}
