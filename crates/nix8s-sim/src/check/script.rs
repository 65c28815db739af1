//! Users' scripts as seen from outside: a hook is done once for what it is about, and phases are barriers.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use nix8s_core::model::MachineName;
use nix8s_core::model::Moment;
use nix8s_core::model::Scope;
use nix8s_core::model::Script;
use nix8s_core::model::Transition;
use nix8s_core::tool::Command;
use nix8s_core::tool::Host;
use nix8s_core::tool::script::SCRIPT;

use crate::world::World;

/// What the check remembers of scripts.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    /// How often machines were installed, and how often they became Nodes.
    happened: BTreeMap<(MachineName, Transition), u32>,
    /// Hooks that ended well and whose end nix8s heard of, and how often what they are about had happened by then.
    ended: BTreeMap<(String, MachineName), u32>,
    /// Those of them that ended in this run: when it dies, nix8s may not know.
    of_run: BTreeSet<(String, MachineName)>,
    /// Scripts that failed when they ran last, or of whose end nobody heard.
    pub(crate) failed: BTreeSet<(String, String)>,
    /// How often any script ran.
    pub(crate) count: u64,
}

impl Scripts {
    /// A run begins: what ended before it is on record.
    pub(crate) fn new_run(&mut self) {
        self.of_run.clear();
    }
}

/// The script that a command runs, and the machine that it is about.
fn of(command: &Command) -> Option<(String, String)> {
    let value = |name: &str| {
        let given = command.argv.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        given.map(str::to_owned)
    };
    Some((value(SCRIPT)?, value("NODE").unwrap_or_default()))
}

impl World {
    /// Something happened to a machine that hooks may be about.
    pub(crate) fn happens(&mut self, name: &MachineName, transition: Transition) {
        *self.check.scripts.happened.entry((name.clone(), transition)).or_default() += 1;
    }

    /// The process died: what it heard last may be on no record.
    pub(crate) fn forget_heard(&mut self) {
        for ended in std::mem::take(&mut self.check.scripts.of_run) {
            self.check.scripts.ended.remove(&ended);
        }
    }

    fn script_of(&self, name: &str, node: &str) -> Option<Script> {
        let scripts = &self.fleet.bootstrap.scripts;
        let node: Option<MachineName> = node.parse().ok();
        let is_it =
            |script: &&Script| script.name == name && node.as_ref().is_none_or(|node| script.concerns(node));
        scripts.iter().find(is_it).cloned()
    }

    /// A script ran in the world.
    pub(crate) fn script_ran(&mut self, command: &Command) {
        let Some((name, node)) = of(command) else { return };
        self.check.scripts.count += 1;
        if let Some(script) = self.script_of(&name, &node) {
            self.common_mut().ran.insert(script.digest);
        }
    }

    /// nix8s heard how a script ended.
    pub(crate) fn script_heard(&mut self, command: &Command, well: bool) {
        let Some((name, node)) = of(command) else { return };
        if !well {
            self.check.scripts.failed.insert((name, node));
            return;
        }
        self.check.scripts.failed.remove(&(name.clone(), node.clone()));
        let Some(script) = self.script_of(&name, &node).filter(|script| script.scope == Scope::Node) else {
            return;
        };
        let Ok(machine) = node.parse::<MachineName>() else { return };
        // Another target is another update and another drain: they are not counted from here.
        let (Moment::Before(about) | Moment::After(about)) = script.when else { return };
        if !matches!(about, Transition::Provision | Transition::Join) {
            return;
        }
        let scripts = &mut self.check.scripts;
        let count = scripts.happened.get(&(machine.clone(), about)).copied().unwrap_or(0);
        let key = (name.clone(), machine.clone());
        scripts.of_run.insert(key.clone());
        if scripts.ended.insert(key, count) == Some(count) {
            self.broken(
                "s1",
                &machine,
                format!("the hook {name} ({}) was done twice for one time", script.when),
            );
        }
    }

    /// Something of a phase begins: every script of the cluster in an earlier phase has run.
    pub(crate) fn phase_begins(&mut self, phase: &str, name: &MachineName) {
        // Whoever names a phase does not ask what is done in those before it.
        if self.check.permit.as_ref().is_none_or(|permit| permit.phase.is_some()) {
            return;
        }
        let phases = &self.fleet.bootstrap.phases;
        let Some(begins) = phases.iter().find(|other| other.name == phase).map(|phase| phase.order) else {
            return;
        };
        let earlier = |script: &&Script| {
            let before = matches!(script.when, Moment::Phase { order, .. } if order < begins);
            before && script.scope == Scope::Cluster && !self.common.ran.contains(&script.digest)
        };
        let undone = self.fleet.bootstrap.scripts.iter().find(earlier).map(|script| script.name.clone());
        if let Some(undone) = undone {
            self.broken(
                "s2",
                name,
                format!("{phase} begins before the script {undone} of an earlier phase has run"),
            );
        }
    }
}

/// Whom a command begins a phase for.
pub(crate) fn begins(command: &Command) -> Option<(&'static str, MachineName)> {
    let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
    match (words.as_slice(), &command.on) {
        (["kubeadm", "init" | "join", ..], Host::Machine { name, .. }) => Some(("kubernetes", name.clone())),
        _ => None,
    }
}
