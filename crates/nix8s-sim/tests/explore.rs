//! Explores seeds for as long as somebody likes, and reduces what is found; `cargo xtask explore` runs it.
//!
//! A program of its own and no test: it ends when it was told to, not when something is proven.

use std::panic;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix8s_sim::explore::Finding;
use nix8s_sim::explore::Settings;
use nix8s_sim::explore::Trace;
use nix8s_sim::explore::shrink;
use nix8s_sim::explore::shrink::Kept;

const USAGE: &str = "\
Usage: cargo xtask explore [--seeds N] [--first N] [--minutes M] [--keep-going] [--tries N]
       cargo xtask explore --seed N [--salt N] [--only 'DECISION; DECISION; ...']

  --seeds N      how many seeds [default: 100000]
  --first N      the first of them [default: 0]
  --minutes M    stop after so many minutes
  --keep-going   go on after a finding
  --tries N      lives that are tried to reduce one finding [default: 5000]
  --seed N       one life, with its story; --only and --salt: a reduced one, as a finding names it
";

struct Args {
    seeds: u64,
    first: u64,
    limit: Option<Duration>,
    after_finding: AfterFinding,
    tries: u32,
    seed: Option<u64>,
    kept: Option<Kept>,
}

#[derive(PartialEq, Eq)]
enum AfterFinding {
    Stop,
    GoOn,
}

fn main() -> ExitCode {
    let args = match read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprint!("error: {why}\n\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    // A panic is a finding: it is told with its seed, once.
    panic::set_hook(Box::new(|_| {}));
    match args.seed {
        Some(seed) => replay(seed, args.kept.as_ref()),
        None => explore(&args),
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        seeds: 100_000,
        first: 0,
        limit: None,
        after_finding: AfterFinding::Stop,
        tries: 5000,
        seed: None,
        kept: None,
    };
    while let Some(word) = words.next() {
        if word == "--help" {
            print!("{USAGE}");
            std::process::exit(0);
        }
        if word == "--keep-going" {
            args.after_finding = AfterFinding::GoOn;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} is unknown, or needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} {value}: not a number"));
        match word.as_str() {
            "--seeds" => args.seeds = number()?,
            "--first" => args.first = number()?,
            "--minutes" => args.limit = Some(Duration::from_secs(60 * number()?)),
            "--tries" => args.tries = u32::try_from(number()?).map_err(|e| e.to_string())?,
            "--seed" => args.seed = Some(number()?),
            "--salt" => args.kept.get_or_insert_default().salt = number()?,
            "--only" => {
                let decisions = value.split(';').map(str::trim).filter(|d| !d.is_empty());
                args.kept.get_or_insert_default().decisions = decisions.map(str::to_owned).collect();
            }
            _ => return Err(format!("{word} is unknown")),
        }
    }
    if args.kept.is_some() && args.seed.is_none() {
        return Err("--only and --salt are about one --seed".to_owned());
    }
    Ok(args)
}

/// Tells the story of one life.
fn replay(seed: u64, kept: Option<&Kept>) -> ExitCode {
    let settings = Settings { trace: Trace::Print, ..Settings::default() };
    let ended = match kept {
        None => shrink::explore(seed, settings),
        Some(kept) => shrink::again(seed, settings, kept),
    };
    match ended {
        Ok(report) => {
            println!("{report:?}");
            ExitCode::SUCCESS
        }
        Err(finding) => {
            println!("{finding}");
            ExitCode::FAILURE
        }
    }
}

/// What the threads share.
struct Hunt<'a> {
    args: &'a Args,
    began: Instant,
    next: AtomicU64,
    lived: AtomicU64,
    steps: AtomicU64,
    findings: AtomicUsize,
    stop: AtomicBool,
    /// Whoever tells something holds it.
    voice: Mutex<()>,
}

fn explore(args: &Args) -> ExitCode {
    let hunt = Hunt {
        args,
        began: Instant::now(),
        next: AtomicU64::new(0),
        lived: AtomicU64::new(0),
        steps: AtomicU64::new(0),
        findings: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        voice: Mutex::new(()),
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| hunt.work())).collect();
        let mut told = Instant::now();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::park_timeout(Duration::from_millis(200));
            if told.elapsed() >= Duration::from_secs(10) {
                told = Instant::now();
                hunt.tell_progress();
            }
        }
    });
    hunt.tell_progress();
    if hunt.findings.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Hunt<'_> {
    fn work(&self) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let is_late = self.args.limit.is_some_and(|limit| self.began.elapsed() >= limit);
            if at >= self.args.seeds || is_late || self.stop.load(Ordering::Relaxed) {
                return;
            }
            match shrink::explore(self.args.first.wrapping_add(at), Settings::default()) {
                Ok(report) => drop(self.steps.fetch_add(report.steps as u64, Ordering::Relaxed)),
                Err(finding) => self.tell(&finding),
            }
            self.lived.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells a finding at once, then what it was reduced to, with its story.
    fn tell(&self, finding: &Finding) {
        self.findings.fetch_add(1, Ordering::Relaxed);
        if self.args.after_finding == AfterFinding::Stop {
            self.stop.store(true, Ordering::Relaxed);
        }
        {
            let _voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
            println!("FOUND {finding}\n");
        }
        let shrunk = shrink::shrink(finding, Settings::default(), self.args.tries);
        let _voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shrunk) = shrunk else {
            println!(
                "seed {} does not show it again: something is not a function of the seed\n",
                finding.seed
            );
            return;
        };
        let (seed, life) = (finding.seed, &shrunk.life);
        println!(
            "REDUCED seed {seed} from {} decisions to {} in {} lives. Its story:",
            shrunk.before,
            life.decisions.len(),
            shrunk.tried
        );
        let settings = Settings { trace: Trace::Print, ..Settings::default() };
        // It shows the same again: that is what it was kept for.
        if let Err(finding) = shrink::again(seed, settings, life) {
            println!("{}", finding.problem);
        }
        let only = life.decisions.join("; ");
        println!("replay it with: cargo xtask explore --seed {seed} --salt {} --only '{only}'\n", life.salt);
    }

    fn tell_progress(&self) {
        let (lived, steps) = (self.lived.load(Ordering::Relaxed), self.steps.load(Ordering::Relaxed));
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let _voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!(
            "{lived} of {} seeds from {}, {:.0} seeds/s, {steps} steps, {} findings, {seconds:.0} s",
            self.args.seeds,
            self.args.first,
            lived as f64 / seconds,
            self.findings.load(Ordering::Relaxed)
        );
    }
}
