//! Effects, risks and causes in words.

use nix8s_core::lifecycle::Stage;
use nix8s_core::model::Action;
use nix8s_core::model::size::show_duration;
use nix8s_core::observed::MANAGED_ANNOTATION;
use nix8s_core::observed::Secret;
use nix8s_core::permit::EraseScope;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::MetadataPatch;

use crate::output::Paint;
use crate::report::names::count;

/// What a risk does to running things.
pub fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::None => "touches nothing that runs",
        Risk::Interrupts => "interrupts",
        Risk::Removes => "removes",
        Risk::Erases => "erases",
    }
}

/// The sign of a risk, in its colour.
pub fn mark(risk: Risk, paint: Paint) -> String {
    match risk {
        Risk::None => paint.green("+"),
        Risk::Interrupts => paint.yellow("~"),
        Risk::Removes => paint.yellow("-"),
        Risk::Erases => paint.red("!"),
    }
}

/// A kind of step as a verb: `join`, `check gates`.
pub fn verb(kind: EffectKind) -> String {
    kind.as_str().replace('-', " ")
}

/// What an effect does, without its machine: `join as worker via cp1`.
pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::GenerateSecrets { missing } => format!("make {}", secrets(missing.iter())),
        Effect::ElectFirstServer { .. } => "choose it to initialise the cluster".to_owned(),
        Effect::Install { provisioner, version, scope, .. } => format!(
            "install NixOS with Kubernetes {version} by {}{}",
            provisioner.as_str(),
            scope_words(*scope)
        ),
        Effect::Adopt { .. } => "adopt the NixOS that runs there".to_owned(),
        Effect::WriteMembership { .. } => "write hosts, backends and the join address".to_owned(),
        Effect::Init { .. } => "initialise the cluster".to_owned(),
        Effect::Join { role, via, .. } => format!("join as {role} via {via}"),
        Effect::Build { version, .. } => format!("build the system for Kubernetes {version}"),
        Effect::Copy { .. } => "copy the system".to_owned(),
        Effect::Cordon { .. } => "cordon".to_owned(),
        Effect::Drain { timeout, .. } => format!("drain, within {}", show_duration(*timeout)),
        Effect::UpgradeComponents { version, .. } => format!("upgrade control plane components to {version}"),
        Effect::Switch { action: Action::Switch, .. } => "switch to the system".to_owned(),
        Effect::Switch { action: Action::Boot, .. } => "make it the system to start".to_owned(),
        Effect::Switch { action: Action::Test, .. } => "switch to the system until a restart".to_owned(),
        Effect::CheckGates { .. } => "check that everything holds".to_owned(),
        Effect::Rollback { .. } => "go back to the system before".to_owned(),
        Effect::Uncordon { .. } => "uncordon".to_owned(),
        Effect::Restart { .. } => "restart Kubernetes".to_owned(),
        Effect::LeaveEtcd { via, .. } => format!("leave etcd via {via}"),
        Effect::Clean { .. } => "remove Kubernetes and its state".to_owned(),
        Effect::DeleteNode { .. } => "delete the Node object".to_owned(),
        Effect::Forget { tombstone: true, .. } => {
            "record that it left; it stays away until `node undelete`".to_owned()
        }
        Effect::Forget { tombstone: false, .. } => "forget it".to_owned(),
        Effect::SetMetadata { patch, .. } => metadata(patch),
        Effect::FetchKubeconfig { via } => format!("fetch an admin kubeconfig from {via}"),
        Effect::InstallPlatform { platform, version } => format!("install {platform} {version}"),
        Effect::RunScript { script, .. } => format!("run the script {script}"),
    }
}

/// The system that an effect is about, by the few characters that people tell systems apart by.
pub fn system(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Install { system, .. }
        | Effect::Build { system, .. }
        | Effect::Copy { system, .. }
        | Effect::Switch { system, .. }
        | Effect::Rollback { to: system, .. } => Some(system.short()),
        Effect::CheckGates { .. }
        | Effect::GenerateSecrets { .. }
        | Effect::ElectFirstServer { .. }
        | Effect::Adopt { .. }
        | Effect::WriteMembership { .. }
        | Effect::Init { .. }
        | Effect::Join { .. }
        | Effect::Cordon { .. }
        | Effect::Drain { .. }
        | Effect::UpgradeComponents { .. }
        | Effect::Uncordon { .. }
        | Effect::Restart { .. }
        | Effect::LeaveEtcd { .. }
        | Effect::Clean { .. }
        | Effect::DeleteNode { .. }
        | Effect::Forget { .. }
        | Effect::SetMetadata { .. }
        | Effect::FetchKubeconfig { .. }
        | Effect::InstallPlatform { .. }
        | Effect::RunScript { .. } => None,
    }
}

/// What a scope lets be erased.
pub fn scope(scope: EraseScope) -> &'static str {
    match scope {
        EraseScope::System => "its system and etcd disks",
        EraseScope::Foreign => "its system and etcd disks, whatever is on them,",
        EraseScope::All => "all of its disks, data disks too,",
    }
}

fn scope_words(scope: EraseScope) -> &'static str {
    match scope {
        EraseScope::System => "",
        EraseScope::Foreign => ", erasing its system and etcd disks whatever is on them",
        EraseScope::All => ", erasing all of its disks, data disks too",
    }
}

fn secrets<'a>(missing: impl Iterator<Item = &'a Secret>) -> String {
    let (mut words, mut keys) = (Vec::new(), 0);
    for secret in missing {
        match secret {
            Secret::Token => words.push("the server token".to_owned()),
            Secret::AgentToken => words.push("the agent token".to_owned()),
            Secret::DeployKey => words.push("the deploy key".to_owned()),
            Secret::HostKey(_) => keys += 1,
        }
    }
    if keys > 0 {
        words.push(count(keys, "SSH host key"));
    }
    sentence_list(&words)
}

/// `a`, `a and b`, `a, b and c`.
pub fn sentence_list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn metadata(patch: &MetadataPatch) -> String {
    let mut words = Vec::new();
    for (noun, changes) in [("label", &patch.labels), ("annotation", &patch.annotations)] {
        // What nix8s notes there for itself is nothing that anybody asked for.
        let told = changes.iter().filter(|(key, _)| *key != MANAGED_ANNOTATION);
        let (set, gone): (Vec<_>, Vec<_>) = told.partition(|(_, value)| value.is_some());
        let named = |verb: &str, list: Vec<(&String, &Option<String>)>| {
            let keys: Vec<&str> = list.iter().map(|(key, _)| key.as_str()).collect();
            let plural = if keys.len() == 1 { "" } else { "s" };
            (!keys.is_empty()).then(|| format!("{verb} {noun}{plural} {}", keys.join(", ")))
        };
        words.extend(named("set", set));
        words.extend(named("remove", gone));
    }
    for (verb, taints) in [("add", &patch.add_taints), ("remove", &patch.remove_taints)] {
        let taints: Vec<&str> = taints.iter().map(String::as_str).collect();
        if !taints.is_empty() {
            words.push(format!(
                "{verb} taint{} {}",
                if taints.len() == 1 { "" } else { "s" },
                taints.join(", ")
            ));
        }
    }
    if words.is_empty() {
        "note which labels, taints and annotations are nix8s's".to_owned()
    } else {
        words.join("; ")
    }
}

/// How good a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Good,
    /// Somebody may have to look at it.
    Bad,
    /// On its way.
    UnderWay,
}

/// How good a stage is, for colours.
pub fn mood(stage: Stage) -> Mood {
    match stage {
        Stage::Ready => Mood::Good,
        Stage::Error | Stage::Stale => Mood::Bad,
        Stage::Pending
        | Stage::Discovered
        | Stage::Provisioning
        | Stage::Provisioned
        | Stage::Joining
        | Stage::Joined
        | Stage::Updating
        | Stage::Draining
        | Stage::Deleting
        | Stage::Gone => Mood::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn secrets_are_named_and_host_keys_counted() {
        let key = |name: &str| Secret::HostKey(name.parse().unwrap());
        let missing = BTreeSet::from([Secret::Token, Secret::AgentToken, key("w1"), key("w2")]);
        let words = effect(&Effect::GenerateSecrets { missing });
        assert_eq!(words, "make the server token, the agent token and 2 SSH host keys");
    }

    #[test]
    fn metadata_says_what_is_set_and_what_goes() {
        let patch = MetadataPatch {
            labels: BTreeMap::from([("a".into(), Some("1".into())), ("b".into(), None)]),
            annotations: BTreeMap::new(),
            add_taints: BTreeSet::from(["gpu:NoSchedule".into()]),
            remove_taints: BTreeSet::new(),
        };
        assert_eq!(metadata(&patch), "set label a; remove label b; add taint gpu:NoSchedule");
    }
}
