//! The checks have teeth: each [P] rule is taken out of planner and check, and the simulated world must notice.
//!
//! Needs the feature `mutation`; run it by `cargo xtask mutate`.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use nix8s_core::plan::rule::Held;
use nix8s_core::plan::rule::RULES;
use nix8s_core::plan::rule::Row;
use nix8s_core::plan::rule::take_out;
use nix8s_sim::explore;
use nix8s_sim::explore::Problem;
use nix8s_sim::explore::Settings;
use nix8s_sim::explore::shrink::Shrunk;
use nix8s_sim::explore::shrink::again;
use nix8s_sim::explore::shrink::kind;
use nix8s_sim::explore::shrink::shrink;

/// Seeds in which the absence of a rule has to show: as many as every test run tries with the rule in place.
const SEEDS_MAX: u64 = 3000;

/// What showed the absence of a rule.
struct Noticed {
    seed: u64,
    how: String,
}

#[test]
fn the_absence_of_each_rule_is_noticed() {
    let most = std::env::var("NIX8S_SEEDS").map_or(SEEDS_MAX, |text| text.parse().expect("a number"));
    let only = std::env::var("NIX8S_RULE").ok();
    let mut unnoticed = Vec::new();
    for row in RULES.iter().filter(|row| row.held.contains(&Held::Plan)) {
        if only.as_ref().is_some_and(|only| *only != row.number.to_string()) {
            continue;
        }
        match first_notice(row, most) {
            Some(Noticed { seed, how }) => {
                println!("rule {:>2}, {}: seed {seed}: {how}", row.number, row.name);
            }
            None => {
                println!(
                    "rule {:>2}, {}: NOT NOTICED in {most} seeds{}",
                    row.number,
                    row.name,
                    instead(row, most)
                );
                unnoticed.push(row.name);
            }
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed that these were taken out: {}", unnoticed.join("; "));
}

/// The smallest seed whose world says that this very rule was broken.
fn first_notice(row: &Row, most: u64) -> Option<Noticed> {
    let (next, first) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                take_out(Some(row.rule));
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= most || seed >= first.load(Ordering::Relaxed) {
                        return;
                    }
                    if notice(row, seed).is_some() {
                        first.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seed = first.into_inner();
    take_out(Some(row.rule));
    let how = notice(row, seed);
    take_out(None);
    how.map(|how| Noticed { seed, how })
}

/// What the absence of a rule shows itself by that is not its being broken: where to look when it is not noticed.
fn instead(row: &Row, most: u64) -> String {
    let finding = (0..most.min(INSTEAD_MAX)).find_map(|seed| {
        take_out(Some(row.rule));
        let without = explore::run(seed, Settings::default());
        take_out(None);
        without.err().filter(|_| explore::run(seed, Settings::default()).is_ok())
    });
    finding.map_or_else(String::new, |finding| format!("; instead: {finding}"))
}

/// Seeds that are searched for what else shows.
const INSTEAD_MAX: u64 = 200;

/// How the world of a seed shows that this rule was broken, if it does.
fn notice(row: &Row, seed: u64) -> Option<String> {
    if seed == u64::MAX {
        return None;
    }
    let finding = explore::run(seed, Settings::default()).err()?;
    match finding.problem {
        Problem::Rule(violation) if violation.rule == format!("r{}", row.number) => {
            let machine = violation.machine.map_or_else(|| "the cluster".to_owned(), |name| name.to_string());
            Some(format!("{machine}: {}", violation.text))
        }
        Problem::Rule(_) | Problem::OwnCheck(_) | Problem::NotConverged(_) | Problem::Panicked(_) => None,
    }
}

/// Lives that may be tried to reduce one finding.
const TRIES_MAX: u32 = 3000;

/// Rules that are taken out to have something to reduce: their absence shows in early seeds.
const SHRUNK: &[u8] = &[5, 8];

#[test]
fn what_is_found_shrinks_and_still_breaks_the_same_rule() {
    for row in RULES.iter().filter(|row| SHRUNK.contains(&row.number)) {
        take_out(Some(row.rule));
        let seed =
            (0..SEEDS_MAX).find(|seed| notice(row, *seed).is_some()).expect("the other test found one");
        let finding = explore::run(seed, Settings::default()).expect_err("it was just found");
        let shrunk = shrink(&finding, Settings::default(), TRIES_MAX).expect("the seed shows it");
        let again = again(seed, Settings::default(), &shrunk.life).expect_err("it still shows it");
        take_out(None);
        let Shrunk { life, before, tried, .. } = shrunk;
        println!(
            "rule {}: seed {seed}: {before} decisions to {:?} in {tried} lives",
            row.number, life.decisions
        );
        assert_eq!(kind(&again.problem), kind(&finding.problem));
        assert_eq!(kind(&again.problem), format!("rule r{}", row.number));
        assert!(life.decisions.len() * 2 < before, "{} of {before} decisions are left", life.decisions.len());
        let machines = |decisions: &[String]| decisions.iter().filter(|d| d.starts_with("machine ")).count();
        assert!(machines(&life.decisions) <= MACHINES_MAX, "{:?}", life.decisions);
    }
}

/// A few machines are enough to break any rule.
const MACHINES_MAX: usize = 5;
