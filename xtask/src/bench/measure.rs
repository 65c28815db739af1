//! Runs a program and measures it: wall time and peak memory.

use std::io;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use serde_json::Value;
use serde_json::json;

/// What a run cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Wall time from starting the program to its end.
    pub time: Duration,
    /// Processor time: what the wall time would be about if nothing else ran.
    pub processor: Duration,
    /// The most memory that it held at once, in bytes.
    pub memory: u64,
}

/// Why a measure has no figure.
pub type Failure = String;

/// Runs a command as often as asked, and returns the median of each of its costs.
///
/// Each run is measured by a process of its own (`cargo xtask measure`), because the peak memory of children is the
/// highest of all that a process ever had.
pub fn median<S: AsRef<str>>(times: usize, command: &[S], accepted: &[i32]) -> Result<Cost, Failure> {
    middle((0..times).map(|_| once(command, accepted)).collect())
}

/// The median of each cost, or the first failure.
pub fn middle(costs: Vec<Result<Cost, Failure>>) -> Result<Cost, Failure> {
    let costs = costs.into_iter().collect::<Result<Vec<Cost>, Failure>>()?;
    let mut times: Vec<Duration> = costs.iter().map(|cost| cost.time).collect();
    let mut processors: Vec<Duration> = costs.iter().map(|cost| cost.processor).collect();
    let mut memories: Vec<u64> = costs.iter().map(|cost| cost.memory).collect();
    times.sort_unstable();
    processors.sort_unstable();
    memories.sort_unstable();
    let middle = costs.len() / 2;
    Ok(Cost { time: times[middle], processor: processors[middle], memory: memories[middle] })
}

/// Runs a command once.
pub fn once<S: AsRef<str>>(command: &[S], accepted: &[i32]) -> Result<Cost, Failure> {
    let command: Vec<&str> = command.iter().map(AsRef::as_ref).collect();
    let me = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
    let output = Command::new(me)
        .arg("measure")
        .args(&command)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("could not start a measure: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{}: no measure came back: {e}\n{said}", command.join(" ")))?;
    let status = answer["status"].as_i64().unwrap_or(-1);
    if !accepted.iter().any(|a| i64::from(*a) == status) {
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(format!("{}: exit status {status}: {}", shown(&command), last.join(" | ")));
    }
    Ok(Cost {
        time: Duration::from_nanos(answer["nanos"].as_u64().unwrap_or_default()),
        processor: Duration::from_micros(answer["processor"].as_u64().unwrap_or_default()),
        memory: answer["memory"].as_u64().unwrap_or_default(),
    })
}

/// A command as a person would recognise it: the program without its folder.
fn shown(command: &[&str]) -> String {
    let mut words = command.to_vec();
    if let Some(program) = words.first_mut() {
        *program = Path::new(*program).file_name().and_then(|name| name.to_str()).unwrap_or(program);
    }
    words.join(" ")
}

/// The inner half: runs the command and prints what it cost as JSON. Its output goes nowhere, its complaints through.
pub fn measure(command: &[&str]) -> io::Result<()> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("nothing to measure"))?;
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    let nanos = u64::try_from(start.elapsed().as_nanos()).expect("a run takes less than five centuries");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(io::Error::from)?;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let memory = u64::try_from(usage.max_rss()).unwrap_or_default() * unit;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let processor = micros(usage.user_time()) + micros(usage.system_time());
    let status = status.code().unwrap_or(-1);
    println!("{}", json!({ "status": status, "nanos": nanos, "processor": processor, "memory": memory }));
    Ok(())
}
