//! Hooks, phases, activation scripts and reconcilers of the design.

use serde_json::Value;
use serde_json::json;

use super::super::note::Why;
use super::super::source::Part;
use super::super::source::mark;
use super::Cx;
use super::seconds;
use crate::input::tree::Tree;

/// Steps that the design's own modules brought, for which nix8s has its own.
const ITS_OWN: &[&str] = &[
    "check-ssh-keys",
    "nixos-anywhere-provision",
    "nixos-anywhere-cleanup",
    "pxe-server-start",
    "pxe-provision",
    "pxe-server-stop",
    "terraform-init",
    "terraform-provision",
    "terraform-nixos-install",
    "drbd-configure",
    "drbd-healthcheck",
];

/// Reconcilers of the design, and the reconciler that does the same today.
const RECONCILERS: &[(&str, &str)] = &[
    ("nixos-anywhere", "machine"),
    ("pxe", "machine"),
    ("terraform", "machine"),
    ("k8s-joiner", "worker"),
    ("cozystack", "platform"),
    ("drbd", "extension"),
];

/// When hooks of the reconciler run.
const HOOKS: &[(&str, &str)] = &[
    ("preProvision", "pre-provision"),
    ("postProvision", "post-provision"),
    ("preJoin", "pre-join"),
    ("postJoin", "post-join"),
    ("preDrain", "pre-drain"),
    ("postDrain", "post-drain"),
    ("postDelete", "post-delete"),
    ("onError", "on-error"),
];

/// What a hook belongs to.
pub enum Of<'n> {
    /// The cluster.
    Cluster,
    /// A machine, by its name of today.
    Machine(&'n str),
}

/// The names of every script of phases and of those after all phases.
pub fn names(part: &Part<'_>) -> Vec<String> {
    let keys = |tree: Option<&Tree>| -> Vec<String> {
        let entries = tree.map(Tree::entries).unwrap_or_default();
        entries.iter().map(|entry| entry.key.to_string()).collect()
    };
    let mut all = keys(part.peek(&["bootstrap", "activationScripts"]));
    for phase in keys(part.peek(&["bootstrap", "phases"])) {
        all.extend(keys(part.peek(&["bootstrap", "phases", &phase, "activationScripts"])));
    }
    all
}

/// Takes `reconciler.hooks`.
pub fn hooks(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    for (key, when) in HOOKS {
        hook(part, &["reconciler", "hooks", key], when, &Of::Cluster, cx);
    }
}

/// Takes the commands of one hook; each becomes a script with a name.
pub fn hook(part: &mut Part<'_>, path: &[&str], when: &str, of: &Of<'_>, cx: &mut Cx<'_>) {
    let items = match part.peek(path) {
        None => return,
        Some(tree) if tree.items().is_empty() => part.take(path).into_iter().collect(),
        Some(_) => part.items(path),
    };
    for (index, item) in items.iter().enumerate() {
        let Some((what, body)) = body(part, path, index, item) else { continue };
        cx.hooks += 1;
        let number = cx.hooks;
        let mut script = json!({ "name": format!("{when}-{number}"), "when": when });
        // The design ran hooks where it ran itself.
        script["where"] = "local".into();
        script["scope"] = if matches!(of, Of::Machine(_)) { "node" } else { "cluster" }.into();
        script[what] = body;
        let cluster = cx.cluster.clone();
        match of {
            Of::Cluster => cx.draft.push(&["clusters", &cluster, "scripts"], script),
            Of::Machine(name) => cx.draft.push(&["clusters", &cluster, "members", name, "scripts"], script),
        }
    }
}

/// What a hook runs: a file, a command with arguments, or a text for bash.
fn body(part: &mut Part<'_>, path: &[&str], index: usize, item: &Tree) -> Option<(&'static str, Value)> {
    let (last, above) = path.split_last()?;
    let key = format!("{last}[{index}]");
    let key: &str = &key;
    if item.entries().is_empty() || mark(item).is_some() {
        return Some(match part.carry(&[above, &[key]].concat(), item)? {
            run @ Value::Array(_) => ("run", run),
            Value::String(text) if text.contains([' ', '\n']) => ("text", text.into()),
            Value::String(file) => ("run", json!([file])),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
        });
    }
    let mut above = part.below(above);
    above.put_back(key, item.clone());
    ["text", "run"].into_iter().find_map(|what| Some((what, above.value(&[key, what])?)))
}

/// Takes `bootstrap`.
pub fn bootstrap(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    for phase in part.below(&["bootstrap", "phases"]).keys() {
        let mut own = part.below(&["bootstrap", "phases", &phase]);
        for key in ["order", "condition"] {
            if let Some(value) = own.value(&[key]) {
                cx.draft.put(&["bootstrap", "phases", &phase, key], value);
            }
        }
        scripts(&mut own, &["bootstrap", "phases", &phase], cx);
    }
    scripts(&mut part.below(&["bootstrap"]), &["bootstrap"], cx);
    for key in part.below(&["bootstrap", "reconcilers"]).keys() {
        reconciler(&mut part.below(&["bootstrap", "reconcilers", &key]), &key, cx);
    }
}

fn scripts(part: &mut Part<'_>, at: &[&str], cx: &mut Cx<'_>) {
    for name in part.below(&["activationScripts"]).keys() {
        let to = [at, &["activationScripts", &name]].concat();
        let mut own = part.below(&["activationScripts", &name]);
        if let Some(text) = own.value(&["text"]) {
            cx.draft.put(&[&to[..], &["text"]].concat(), text);
        }
        for (index, dep) in own.texts(&["deps"]) {
            if cx.scripts.contains(&dep) {
                cx.draft.push(&[&to[..], &["deps"]].concat(), dep.into());
                continue;
            }
            let message = match ITS_OWN.contains(&dep.as_str()) {
                true => format!("{dep} is a step of the design's own, which nix8s does by itself"),
                false => format!("there is no script {dep}"),
            };
            let help = "see that the phase of the script comes after it: phases are barriers";
            own.note(Why::Left, &[&format!("deps[{index}]")], message, help);
        }
        let help = "nothing is to be done: it is shown in the plan";
        own.leave(&["supportsDryRun"], "a dry run runs no script", help);
    }
}

fn reconciler(part: &mut Part<'_>, key: &str, cx: &mut Cx<'_>) {
    if let Some((_, ours)) = RECONCILERS.iter().find(|(name, _)| *name == key) {
        let message = format!("is a reconciler of the design's own, which nix8s does by itself ({ours})");
        for setting in part.keys() {
            part.leave(&[&setting], &message, "nothing is to be done");
        }
        return;
    }
    let to = ["bootstrap", "reconcilers", key];
    let run = match part.value(&["run"]) {
        Some(run) => Some(run),
        None => part.value(&["package"]),
    };
    let Some(run) = run else {
        for setting in part.keys() {
            part.leave(
                &[&setting],
                "its program was not carried over, and nothing is left without it",
                "set run",
            );
        }
        return;
    };
    cx.draft.put(&[&to[..], &["run"]].concat(), if run.is_array() { run } else { json!([run]) });
    for setting in ["enable", "watchPaths"] {
        if let Some(value) = part.value(&[setting]) {
            cx.draft.put(&[&to[..], &[setting]].concat(), value);
        }
    }
    if let Some(interval) = seconds(part, &["interval"]) {
        cx.draft.put(&[&to[..], &["interval"]].concat(), interval);
    }
    for (_, after) in part.texts(&["after"]) {
        let today =
            RECONCILERS.iter().find(|(name, _)| *name == after).map_or(after.as_str(), |(_, ours)| *ours);
        cx.draft.push(&[&to[..], &["after"]].concat(), today.into());
    }
}
