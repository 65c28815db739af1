//! Evaluates the systems of a cluster: not at all when nothing has changed, and otherwise in several evaluators at once. An
//! evaluator of Nix works on one processor.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::available_parallelism;

use futures_util::StreamExt;
use futures_util::stream;
use nix8s_core::model::MachineName;
use nix8s_core::tool::Output;
use nix8s_core::tool::nix;
use nix8s_core::tool::nix::Evaluates;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::process::Processes;
use crate::port::Exec;
use crate::port::ExecError;
use crate::state::dir::Durability;
use crate::state::file;

use crate::state::layout::EVALUATED;

/// What a machine adds is a second or two; what any evaluator does first is two or three.
const WORTH: usize = 4;

/// What an evaluator is given at most: each machine stays in its memory, with a fifth of a gigabyte.
const MOST: usize = 6;

/// Memory that an evaluator may come to need, in bytes.
const MEMORY: u64 = 3 << 29;

/// What was evaluated last.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// What the flake was.
    flake: String,
    /// The outputs that were asked for, each a map by machine.
    outputs: BTreeMap<String, BTreeMap<MachineName, Value>>,
}

/// Evaluates; what came of it is kept in the state directory.
pub async fn run(here: &Processes, state: &Path, what: &Evaluates) -> Result<Output, ExecError> {
    let seen = here.run(&nix::metadata(&what.flake)).await?;
    if seen.status != 0 {
        return Ok(seen);
    }
    let flake = nix::fingerprint(&seen.stdout);
    let place = state.join(EVALUATED);
    let mut kept = Kept::default();
    if let Some(flake) = &flake {
        // What cannot be read is evaluated again.
        let read = std::fs::read(&place).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        kept = read.filter(|kept| kept.flake == *flake).unwrap_or(Kept { flake: flake.clone(), ..kept });
        if let Some(systems) = kept.outputs.get(&what.output) {
            return Ok(printed(systems));
        }
    }
    let at_once = evaluators();
    let commands: Vec<_> =
        divided(&what.machines, at_once).into_iter().map(|machines| what.of(machines)).collect();
    let runs: Vec<_> = commands.iter().map(|command| here.run(command)).collect();
    let outputs: Vec<_> = stream::iter(runs).buffered(at_once).collect().await;
    let mut systems = BTreeMap::new();
    for output in outputs {
        let output = output?;
        let part = serde_json::from_str::<BTreeMap<MachineName, Value>>(&output.stdout);
        match part {
            Ok(part) if output.status == 0 => systems.extend(part),
            // Who asked reads it, and says what is wrong.
            Ok(_) | Err(_) => return Ok(output),
        }
    }
    let came = printed(&systems);
    if flake.is_some() {
        kept.outputs.insert(what.output.clone(), systems);
        let bytes = serde_json::to_vec(&kept).expect("maps of texts");
        // Without it the next look takes longer, and that is all.
        let _ = file::replace(&[(place, &bytes)], Durability::PageCache);
    }
    Ok(came)
}

fn printed(systems: &BTreeMap<MachineName, Value>) -> Output {
    let stdout = serde_json::to_string(systems).expect("maps of texts");
    Output { status: 0, stdout, stderr: String::new() }
}

/// Machines for several evaluators, evenly; more of these than run at once where one of them would need too much memory.
fn divided(machines: &[MachineName], evaluators: usize) -> Vec<&[MachineName]> {
    let rounds = machines.len().div_ceil(evaluators * MOST).max(1);
    let number = machines.len().div_ceil(WORTH).min(evaluators * rounds).max(1);
    machines.chunks(machines.len().div_ceil(number).max(1)).collect()
}

/// As many as there are processors, and memory for.
fn evaluators() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available =
        text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next());
    let fit = available.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| (kib << 10) / MEMORY);
    processors.min(fit.map_or(processors, |fit| usize::try_from(fit).unwrap_or(usize::MAX))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(machines: usize, evaluators: usize) -> Vec<usize> {
        let names: Vec<MachineName> =
            (0..machines).map(|number| format!("m{number}").parse().expect("a label")).collect();
        divided(&names, evaluators).into_iter().map(<[MachineName]>::len).collect()
    }

    #[test]
    fn machines_are_divided_evenly_where_that_is_worth_it() {
        assert_eq!(sizes(12, 2), [6, 6]);
        assert_eq!(sizes(20, 2), [5, 5, 5, 5]);
        assert_eq!(sizes(20, 1), [5, 5, 5, 5]);
        assert_eq!(sizes(100, 2).len(), 17);
        assert_eq!(sizes(20, 8), [4, 4, 4, 4, 4]);
        assert_eq!(sizes(5, 8), [3, 2]);
        assert_eq!(sizes(3, 8), [3]);
        assert_eq!(sizes(1, 1), [1]);
        assert!(sizes(0, 4).is_empty());
    }
}
