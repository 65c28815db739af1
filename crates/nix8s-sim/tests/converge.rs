//! Generated clusters converge from any state, under faults and kills, and no rule is broken as seen from outside.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use mimalloc::MiMalloc;
use nix8s_sim::explore;
use nix8s_sim::explore::Settings;
use nix8s_sim::explore::Trace;

/// As in the binary: a sixth more seeds in the same time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Seeds that every test run tries.
const SEEDS: u64 = 3000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn generated_clusters_converge_and_break_no_rule() {
    if let Some(seed) = number("NIX8S_SEED") {
        match explore::run(seed, Settings { trace: Trace::Print, ..Settings::default() }) {
            Ok(report) => println!("{report:?}"),
            Err(finding) => panic!("{finding}"),
        }
        return;
    }
    let (seeds, first) = (number("NIX8S_SEEDS").unwrap_or(SEEDS), number("NIX8S_FIRST_SEED").unwrap_or(0));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    let (next, findings, steps) = (AtomicU64::new(0), Mutex::new(Vec::new()), AtomicU64::new(0));
    let most = number("NIX8S_FINDINGS").unwrap_or(1) as usize;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= seeds || findings.lock().unwrap().len() >= most {
                        return;
                    }
                    match explore::run(first + at, Settings::default()) {
                        Ok(report) => {
                            steps.fetch_add(report.steps as u64, Ordering::Relaxed);
                        }
                        Err(finding) => findings.lock().unwrap().push(finding),
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap();
    println!("{seeds} seeds, {} steps carried out", steps.into_inner());
    for finding in &findings {
        println!("{finding}\n");
    }
    assert!(findings.is_empty(), "{} seeds failed; the first is {}", findings.len(), findings[0].seed);
}
