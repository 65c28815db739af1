//! Event logs: damaged anywhere, they open or are refused with the line, and no whole line before the damage is lost.

use nix8s_core::event::EVENT_VERSION;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::past::Past;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_engine::port::Place;
use nix8s_engine::port::Store;
use nix8s_engine::state::log;
use nix8s_engine::state::memory::Memory;
use nix8s_sim::random::Random;

use crate::driver;
use crate::driver::Target;
use crate::mutate;

/// A few events of every shape that the format has.
pub fn events(random: &mut Random) -> Vec<Event> {
    let whats = (0..random.between(0, 12)).map(|_| what(random)).zip(1..);
    let event = |(what, seq): (What, u64)| Event {
        v: EVENT_VERSION,
        seq,
        at: jiff::Timestamp::from_second(1_767_600_000 + seq as i64).unwrap(),
        run: "0123456789abcdef".to_owned(),
        what,
    };
    whats.map(event).collect()
}

fn what(random: &mut Random) -> What {
    let machine = || ["cp1", "w1", "w2"][0].parse().unwrap();
    let effect = || Effect::Cordon { machine: machine() };
    match random.between(0, 9) {
        0 => What::RunStarted { command: "apply".to_owned() },
        1 => What::RunEnded { outcome: "converged".to_owned() },
        2 => What::Started { effect: effect() },
        3 => {
            What::Done { effect: effect(), took_ms: random.bits(), note: Some("line\nend \"ü\"".to_owned()) }
        }
        4 => What::ClusterFound,
        5 => What::MarkedDelete { machine: machine(), lost: random.chance(500) },
        7 => What::WaitBegan {
            machine: random.chance(500).then(machine),
            cause: Cause::Silent,
            text: "line\nend \"ü\"".to_owned(),
        },
        8 => What::Held { effect: effect(), why: "line\nend \"ü\"".to_owned() },
        6 => What::LostSight { machine: machine() },
        _ => What::Retry { machine: machine() },
    }
}

#[derive(Debug, Clone)]
struct Damaged {
    whole: Vec<Event>,
    bytes: Vec<u8>,
}

struct Log;

impl Target for Log {
    type Input = Damaged;

    fn make(&self, random: &mut Random) -> Damaged {
        let whole = events(random);
        let bytes = log::encode(&whole);
        let cut = random.between(0, bytes.len() as u64) as usize;
        let bytes = match random.between(0, 4) {
            0 => bytes[..cut].to_vec(),
            1 => [&bytes[..cut], &vec![0; random.between(1, 40) as usize]].concat(),
            2 => [&bytes[..], b"{\"v\":1,"].concat(),
            3 => (0..random.between(0, 100)).map(|_| random.bits() as u8).collect(),
            _ => mutate::bytes(random, &bytes, &bytes),
        };
        Damaged { whole, bytes }
    }

    fn check(&self, Damaged { whole, bytes }: &Damaged) {
        let good = log::encode(whole);
        let same = good.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        let lines = good[..same].iter().filter(|b| **b == b'\n').count();
        let is_cut = good.starts_with(bytes);
        match log::decode(bytes, Place::default()) {
            Ok(decoded) => {
                assert!(decoded.events.len() >= lines, "{} of {lines} whole lines", decoded.events.len());
                assert_eq!(decoded.events[..lines], whole[..lines]);
                assert_eq!(decoded.end.seq, decoded.events.len() as u64);
                assert_eq!(decoded.end.offset + decoded.torn, bytes.len() as u64);
                assert!(!is_cut || decoded.events.len() == lines, "a cut makes no events");
                goes_on(bytes, &decoded.events);
            }
            Err(damage) => {
                assert!(!is_cut, "a cut is no damage: {damage}");
                assert!(damage.line > lines as u64, "{damage}, and {lines} lines are whole");
                assert!(Memory::holding(bytes.clone(), Default::default()).is_err());
            }
        }
    }

    fn smaller(&self, input: &Damaged) -> Vec<Damaged> {
        let whole = input.whole.clone();
        let with = |bytes| Damaged { whole: whole.clone(), bytes };
        driver::smaller_bytes(&input.bytes).into_iter().map(with).collect()
    }
}

/// What opens takes the next event, and has it after what it had.
fn goes_on(bytes: &[u8], events: &[Event]) {
    let memory = Memory::holding(bytes.to_vec(), Default::default()).unwrap();
    let seq = events.len() as u64 + 1;
    let at = jiff::Timestamp::UNIX_EPOCH;
    let next = Event { v: EVENT_VERSION, seq, at, run: "next".to_owned(), what: What::ApiBack };
    memory.append(std::slice::from_ref(&next)).unwrap();
    let read = memory.events().unwrap();
    assert_eq!((&read[..events.len()], read.last()), (events, Some(&next)));
    drop(Past::from_events(&read));
}

#[test]
fn log() {
    driver::run("log", &Log);
}
