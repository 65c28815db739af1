//! What the gates of machines say, as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_engine::execute::Answer;
use nix8s_engine::execute::Gate;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names;

/// The gates of a cluster's machines: those that all hold in one line, the others with each gate that does not. In full, each
/// gate of each machine.
pub fn render(
    cluster: &Cluster,
    asked: &BTreeMap<MachineName, Vec<Gate>>,
    detail: Detail,
    paint: Paint,
) -> String {
    let mut out = format!("{}: gates, asked now\n", paint.bold(&cluster.name));
    let holds = |gates: &[Gate]| gates.iter().all(|gate| gate.answer == Answer::Yes);
    let well: Vec<&MachineName> =
        asked.iter().filter(|(_, gates)| holds(gates)).map(|(name, _)| name).collect();
    if detail != Detail::Verbose && !well.is_empty() {
        let names = names::machines(&well, cluster, detail);
        let _ = writeln!(out, "  {}  {names}", paint.green("all hold"));
    }
    for (name, gates) in asked.iter().filter(|(_, gates)| detail == Detail::Verbose || !holds(gates)) {
        let _ = writeln!(out, "  {}", paint.bold(name));
        for Gate { gate, answer } in gates {
            let (word, why) = match answer {
                Answer::Yes if detail != Detail::Verbose => continue,
                Answer::Yes => (paint.green("holds    "), String::new()),
                Answer::No(why) => (paint.red("fails    "), format!(": {}", clean(why))),
                Answer::NotAsked(why) => (paint.yellow("not asked"), format!(": {}", clean(why))),
            };
            let _ = writeln!(out, "    {word}  {}{why}", clean(gate));
        }
    }
    if asked.is_empty() {
        let _ = writeln!(out, "  There are no machines that are looked at.");
    }
    out
}
