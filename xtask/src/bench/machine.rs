//! The machine that figures are from: they mean nothing without it.

use std::fs;
use std::process::Command;

/// One line a fact.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = fact("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = fact("/proc/meminfo", "MemTotal").unwrap_or_else(|| "not known".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "machine   {processor}, {cores} cores, memory {memory}\nsystem    {} {}\ncompiler  {}\nload      {load} before this began",
        std::env::consts::OS,
        kernel.trim(),
        said("rustc", "--version"),
    )
}

/// The value of `name : value` in a file of such lines.
fn fact(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut rows = text.lines().filter_map(|line| line.split_once(':'));
    rows.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn said(program: &str, argument: &str) -> String {
    match Command::new(program).arg(argument).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => "not known".to_owned(),
    }
}
