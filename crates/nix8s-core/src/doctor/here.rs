//! What is in the way on this computer: the state directory, room, secrets.

use super::Check;
use super::Facts;
use super::Finding;
use super::Room;
use super::bytes;
use super::listed;
use super::room;
use crate::model::Cluster;
use crate::model::SecretProvider;
use crate::observed::Secret;
use crate::secret::wanted;

/// Room on this computer. The state directory is named by its path, which differs.
const NIX: Room = Room {
    path: "/nix",
    // What a system that differs in its kernel and Kubernetes brings.
    least: 1 << 30,
    // Several systems, and what is needed to build them.
    enough: 10 << 30,
    advice: "Systems are built here: `nix-collect-garbage -d`.",
};

const ELSEWHERE: Room = Room {
    path: "",
    // A state directory that cannot be written stops everything.
    least: 16 << 20,
    enough: 256 << 20,
    advice: "Free some, or choose another folder (`--state-dir`, `$TMPDIR`).",
};

/// Everything about this computer but its programs.
pub fn examine(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![state(facts)];
    findings.extend(space(facts));
    findings.extend(secrets(cluster, facts));
    findings
}

fn state(facts: &Facts) -> Finding {
    let state = &facts.state;
    let path = &state.path;
    match state {
        super::StateSeen { unreadable: Some(why), .. } => Finding::problem(
            Check::State,
            format!("what is remembered cannot be read: {why}"),
            "Nothing is planned without it: mend it as it says, or put it aside with `nix8s reset`.",
        ),
        super::StateSeen { unwritable: Some(why), .. } => Finding::problem(
            Check::State,
            format!("the state directory {path} cannot be written: {why}"),
            "Make it writable for you, or choose another with `--state-dir`.",
        ),
        super::StateSeen { held_by: Some(holder), .. } => {
            Finding::ok(Check::State, format!("{path}: {holder}"))
        }
        super::StateSeen { .. } => {
            Finding::ok(Check::State, format!("{path} can be written, and nobody works on it"))
        }
    }
}

fn space(facts: &Facts) -> Vec<Finding> {
    let wanted = |path: &str| if path == NIX.path { &NIX } else { &ELSEWHERE };
    let lacking: Vec<Finding> =
        facts.space.iter().filter_map(|space| room(space, wanted(&space.path))).collect();
    if !lacking.is_empty() || facts.space.is_empty() {
        return lacking;
    }
    let free: Vec<String> = facts.space.iter().map(|s| format!("{} in {}", bytes(s.free), s.path)).collect();
    vec![Finding::ok(Check::Space, format!("there is room here: {}", listed(free)))]
}

fn secrets(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let wanted = wanted(cluster);
    let there = match &facts.secrets {
        Ok(there) => there,
        Err(why) => {
            let advice = match cluster.secrets.provider {
                SecretProvider::Age => {
                    "Your age identity is looked for in $SOPS_AGE_KEY_FILE, or else in nix8s/age/keys.txt of your configuration folder; somebody who can read them can add you to `secrets.recipients`."
                }
                SecretProvider::Sops => "`sops decrypt` of the file should work; `.sops.yaml` says who can.",
                SecretProvider::Env | SecretProvider::SopsNix | SecretProvider::Agenix => {
                    "`nix8s secrets check` says more."
                }
            };
            return vec![Finding::problem(
                Check::Secrets,
                format!("the secrets cannot be read: {why}"),
                advice,
            )];
        }
    };
    let missing: Vec<&Secret> = wanted.iter().filter(|secret| !there.contains(*secret)).collect();
    if missing.is_empty() {
        let number = wanted.len();
        return vec![Finding::ok(Check::Secrets, format!("all {number} secrets are there and can be read"))];
    }
    /// Secrets that are named before the rest is only counted.
    const NAMES_MAX: usize = 5;
    let mut names: Vec<String> = missing.iter().take(NAMES_MAX).map(ToString::to_string).collect();
    if missing.len() > NAMES_MAX {
        names.push(format!("{} more", missing.len() - NAMES_MAX));
    }
    let text = format!("missing secrets: {}", listed(names));
    // A token that is made anew is not the one that the cluster has.
    let lost =
        facts.has_begun(cluster) && missing.iter().any(|s| matches!(s, Secret::Token | Secret::AgentToken));
    vec![if cluster.secrets.provider == SecretProvider::Env {
        Finding::problem(Check::Secrets, text, "Set their variables: `nix8s secrets show` names them.")
    } else if lost {
        let advice = "The cluster exists and has them: restore the file from a backup or from version control; new ones would not fit.";
        Finding::problem(Check::Secrets, text, advice)
    } else {
        Finding::warning(Check::Secrets, text, "`nix8s secrets generate` makes them, and so does `apply`.")
    }]
}
