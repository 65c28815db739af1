//! The page, and that what machines say stays text in it.

use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::Failure;
use nix8s_core::event::What;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::FailureClass;
use nix8s_core::plan::Wait;
use nix8s_engine::state::overview::ErrorOverview;

use super::*;
use crate::report::history;
use crate::report::sample;

const HOSTILE: &str = "</td><script>alert(1)</script><img src=x onerror=alert(1)> \"' & \u{202e}\u{1b}[2J";

fn overview() -> Overview {
    sample::overview(["ready", "error"])
}

fn events(message: &str) -> Vec<Event> {
    let effect = |name: &str| Effect::Cordon { machine: name.parse().unwrap() };
    let failure = Failure {
        class: FailureClass::Permanent,
        message: message.to_owned(),
        hint: Some(message.to_owned()),
        bad_system: None,
    };
    let whats = [
        (0, What::RunStarted { command: message.to_owned() }),
        (10, What::Started { effect: effect("prod-w1") }),
        (70, What::Done { effect: effect("prod-w1"), took_ms: 60_000, note: Some(message.to_owned()) }),
        (80, What::LostSight { machine: "prod-w2".parse().unwrap() }),
        (
            82,
            What::WaitBegan {
                machine: Some("prod-w2".parse().unwrap()),
                cause: Cause::Silent,
                text: message.to_owned(),
            },
        ),
        (90, What::Started { effect: effect("prod-w2") }),
        (200, What::Failed { effect: effect("prod-w2"), failure }),
        (300, What::RunEnded { outcome: message.to_owned() }),
    ];
    let event = |(at, what)| Event {
        v: EVENT_VERSION,
        seq: 1,
        at: jiff::Timestamp::from_second(1_767_225_600_i64 + at).unwrap(),
        run: "r1".to_owned(),
        what,
    };
    whats.into_iter().map(event).collect()
}

fn shown(message: &str) -> String {
    let mut overview = overview();
    overview.waits.push(Wait {
        machine: Some("prod-w2".parse().unwrap()),
        cause: Cause::GivenUp,
        text: message.to_owned(),
        until: None,
    });
    overview.machines.get_mut(&"prod-w2".parse().unwrap()).unwrap().errors.push(ErrorOverview {
        step: EffectKind::Cordon,
        count: 3,
        last: overview.at,
        class: FailureClass::Permanent,
        message: message.to_owned(),
    });
    let runs = history::runs(&events(message));
    page(&Page { overview: &overview, runs: &runs, plan: None, is_simulated: true })
}

#[test]
fn the_page_tells_how_it_stands_what_waits_and_what_happened() {
    // The style sheet is looked at in a browser, not here.
    let text = shown("the disk is full").replace(style::STYLE, "…").replace("><", ">\n<");
    insta::assert_snapshot!(text);
}

#[test]
fn what_machines_say_stays_text() {
    let text = shown(HOSTILE);
    assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
    assert!(text.contains("&lt;script&gt;"), "it is shown all the same");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "nothing turns the reading direction");
    // Attributes end where they are meant to end.
    assert_eq!(text.matches("onerror=alert(1)>").count(), 0, "{text}");
}

#[test]
fn the_page_forbids_scripts_and_everything_from_outside() {
    let text = shown("x");
    assert!(text.contains("default-src 'none'"));
    for outside in ["http://", "https://", "<link", "@import", "url("] {
        assert!(!text.contains(outside), "{outside}");
    }
}
