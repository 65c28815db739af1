//! Runs a target with made-up inputs on all cores, each a function of its number; a failing one is reduced and shown.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use nix8s_sim::random::Random;

/// Executions of a target within every test run: together they take a few seconds.
const EXECUTIONS: u64 = 4_000;

/// Smaller inputs that are tried to reduce a failing one.
const SMALLER_MAX: usize = 20_000;

/// Something to fuzz.
pub trait Target: Sync {
    /// What goes in.
    type Input: Clone + Debug + Send;
    /// Makes an input.
    fn make(&self, random: &mut Random) -> Self::Input;
    /// Panics when something is wrong.
    fn check(&self, input: &Self::Input);
    /// Inputs that are a little smaller.
    fn smaller(&self, input: &Self::Input) -> Vec<Self::Input>;
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs a target. `NIX8S_FUZZ_EXECUTIONS` and `NIX8S_FUZZ_FIRST` say how many inputs, and which.
pub fn run<T: Target>(name: &str, target: &T) {
    let executions = number("NIX8S_FUZZ_EXECUTIONS").unwrap_or(EXECUTIONS);
    let first = number("NIX8S_FUZZ_FIRST").unwrap_or(0);
    let make = |at: u64| target.make(&mut Random::new(first.wrapping_add(at), name));
    let (next, found, began) = (AtomicU64::new(0), Mutex::new(None), Instant::now());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= executions || found.lock().unwrap().is_some() {
                        return;
                    }
                    let input = make(at);
                    if !passes(target, &input) {
                        *found.lock().unwrap() = Some((at, input));
                    }
                }
            });
        }
    });
    if let Some((at, input)) = found.into_inner().unwrap() {
        let input = reduced(target, input);
        println!("{name}: input {} fails; reduced, it is {input:?}", first.wrapping_add(at));
        println!("replay it with: cargo xtask fuzz --target {name} --first {} --executions 1", first + at);
        target.check(&input);
        panic!("the reduced input fails no more: {name} is not a function of its input");
    }
    let each = executions as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {executions} executions from {first}, {each:.0} in a second");
}

fn passes<T: Target>(target: &T, input: &T::Input) -> bool {
    catch_unwind(AssertUnwindSafe(|| target.check(input))).is_ok()
}

fn reduced<T: Target>(target: &T, mut input: T::Input) -> T::Input {
    let mut left = SMALLER_MAX;
    loop {
        let mut smaller = target.smaller(&input).into_iter();
        let better = loop {
            let Some(next) = smaller.next().filter(|_| left > 0) else { return input };
            left -= 1;
            if !passes(target, &next) {
                break next;
            }
        };
        input = better;
    }
}

/// The bytes without one of their parts: halves first, then smaller ones.
pub fn smaller_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut size = bytes.len().div_ceil(2);
    while size > 0 {
        for from in (0..bytes.len()).step_by(size) {
            let to = (from + size).min(bytes.len());
            all.push([&bytes[..from], &bytes[to..]].concat());
        }
        size /= 2;
    }
    all
}

/// Counts what a target with a planted fault needs.
#[test]
fn a_failing_input_is_found_and_reduced() {
    struct Planted;
    impl Target for Planted {
        type Input = Vec<u8>;
        fn make(&self, random: &mut Random) -> Vec<u8> {
            (0..random.between(0, 60)).map(|_| random.bits() as u8).collect()
        }
        fn check(&self, input: &Vec<u8>) {
            assert!(!input.contains(&7), "a seven");
        }
        fn smaller(&self, input: &Vec<u8>) -> Vec<Vec<u8>> {
            smaller_bytes(input)
        }
    }
    let failing = (0..).map(|n| Planted.make(&mut Random::new(n, "planted"))).find(|i| !passes(&Planted, i));
    assert_eq!(reduced(&Planted, failing.unwrap()), [7]);
}
