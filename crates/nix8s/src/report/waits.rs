//! Waits, told once for all machines that wait for the same.

use nix8s_core::model::MachineName;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Wait;

use crate::output::Detail;
use crate::output::Paint;
use crate::output::clean;
use crate::report::names;
use crate::report::names::count;

/// Different sentences with the same cause that are told before the rest is only counted.
const SENTENCES_MAX: usize = 8;

/// Machines that wait for the same.
struct Group<'a> {
    cause: Cause,
    machines: Vec<&'a MachineName>,
    first: &'a Wait,
    /// The sentence without the machine's name, when it is the same for several.
    shared: String,
}

/// One line for each thing that is waited for: its cause and a sentence.
pub fn lines(waits: &[Wait], detail: Detail, paint: Paint) -> Vec<String> {
    let groups = match detail {
        Detail::Verbose => waits.iter().map(group).collect(),
        Detail::Quiet | Detail::Normal => grouped(waits.iter()),
    };
    let width = groups.iter().map(|group| cause_name(group.cause).len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut told = (None, 0);
    for (at, group) in groups.iter().enumerate() {
        let before = if told.0 == Some(group.cause) { told.1 } else { 0 };
        told = (Some(group.cause), before + 1);
        if before < SENTENCES_MAX || detail == Detail::Verbose {
            lines.push(format!("{}  {}", name(group.cause, width, paint), sentence(group)));
        } else if groups.get(at + 1).is_none_or(|next| next.cause != group.cause) {
            let rest = count(before + 1 - SENTENCES_MAX, "more wait");
            lines.push(format!("{}  and {rest} (-v shows all)", name(group.cause, width, paint)));
        }
    }
    lines
}

/// Each thing that is waited for, as its cause and a sentence without its full stop.
pub fn told(waits: &[Wait]) -> Vec<(Cause, String)> {
    grouped(waits.iter()).iter().map(|group| (group.cause, sentence(group))).collect()
}

/// The same on one line, as short as it may be.
pub fn in_short<'a>(waits: impl Iterator<Item = &'a Wait>) -> String {
    let groups = grouped(waits);
    let mut texts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < groups.len() {
        let alike = groups[at..].iter().take_while(|group| group.cause == groups[at].cause).count();
        let more = if alike > 1 { format!(", and {} like it", alike - 1) } else { String::new() };
        texts.push(format!("{}{more}", sentence(&groups[at])));
        at += alike;
    }
    texts.join("; ")
}

/// The cause as it is written in documents, the more urgent the brighter.
fn name(cause: Cause, width: usize, paint: Paint) -> String {
    let name = format!("{:width$}", cause_name(cause));
    match cause.ends() {
        Ends::Info | Ends::Time => paint.dim(name),
        Ends::Outside | Ends::Permit => paint.yellow(name),
    }
}

/// A cause as it is written in documents.
pub fn cause_name(cause: Cause) -> String {
    let value = serde_json::to_value(cause).expect("a unit variant serialises to its name");
    value.as_str().unwrap_or_default().to_owned()
}

/// A wait with its machine, as a sentence without its full stop.
pub fn sentence_of(wait: &Wait) -> String {
    sentence(&group(wait))
}

fn sentence(group: &Group<'_>) -> String {
    let text = clean(group.first.text.trim_end_matches('.'));
    match group.machines.as_slice() {
        [] => text,
        [machine] if text.contains(machine.as_str()) => text,
        [machine] => format!("{machine}: {text}"),
        several => {
            let shared = clean(group.shared.trim_end_matches('.'));
            let rest = shared.strip_prefix("NODE ").or(shared.strip_prefix("NODE: ")).unwrap_or(&shared);
            format!("{}: {rest}", names::list(several, Detail::Normal))
        }
    }
}

fn group(wait: &Wait) -> Group<'_> {
    let shared = match &wait.machine {
        Some(machine) => wait.text.replace(machine.as_str(), "NODE"),
        None => wait.text.clone(),
    };
    Group { cause: wait.cause, machines: wait.machine.iter().collect(), first: wait, shared }
}

/// Groups by cause, then in the order in which they come.
fn grouped<'a>(waits: impl Iterator<Item = &'a Wait>) -> Vec<Group<'a>> {
    let mut at = std::collections::BTreeMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for wait in waits {
        let new = group(wait);
        match at.get(&(new.cause, new.shared.clone())) {
            Some(index) => {
                let there: &mut Group<'a> = &mut groups[*index];
                there.machines.extend(new.machines);
            }
            None => {
                at.insert((new.cause, new.shared.clone()), groups.len());
                groups.push(new);
            }
        }
    }
    groups.sort_by_key(|group| group.cause);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(machine: &str, cause: Cause, text: &str) -> Wait {
        Wait { machine: Some(machine.parse().unwrap()), cause, text: text.to_owned(), until: None }
    }

    #[test]
    fn the_same_wait_of_several_machines_is_told_once() {
        let waits = [
            wait("w1", Cause::Earlier, "w1 joins when a control plane is Ready"),
            wait("w2", Cause::Silent, "no answer: try `nix8s node delete --lost w2`"),
            wait("w3", Cause::Earlier, "w3 joins when a control plane is Ready"),
        ];
        let shown = lines(&waits, Detail::Normal, Paint::PLAIN).join("\n");
        insta::assert_snapshot!(shown, @r"
        silent   no answer: try `nix8s node delete --lost w2`
        earlier  w1, w3: joins when a control plane is Ready
        ");
        assert_eq!(lines(&waits, Detail::Verbose, Paint::PLAIN).len(), 3);
    }

    #[test]
    fn many_different_sentences_are_counted() {
        let waits: Vec<Wait> = (1..=20)
            .map(|n| wait(&format!("w{n}"), Cause::Silent, &format!("w{n} does not answer for {n}s")))
            .collect();
        let shown = lines(&waits, Detail::Normal, Paint::PLAIN);
        assert_eq!(shown.len(), 9);
        assert_eq!(shown[8], "silent  and 12 more waits (-v shows all)");
        assert_eq!(in_short(waits.iter()), "w1 does not answer for 1s, and 19 like it");
    }
}
