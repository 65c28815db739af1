//! Which programs does this configuration need here, and are they new enough?

use std::collections::BTreeSet;

use super::Check;
use super::Facts;
use super::Finding;
use super::ProgramSeen;
use crate::model::Body;
use crate::model::Cluster;
use crate::model::Machine;
use crate::model::Place;
use crate::model::Provisioner;
use crate::model::SecretProvider;
use crate::tool::version::Number;

/// A program that nix8s runs on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Evaluates, builds and copies systems.
    Nix,
    /// What nix needs for a flake in a Git repository.
    Git,
    /// Reaches machines.
    Ssh,
    /// Installs machines.
    NixosAnywhere,
    /// Reads and writes secrets that it encrypted.
    Sops,
    /// Runs users' scripts.
    Bash,
}

/// What is to be known of a program.
struct Row {
    name: &'static str,
    /// How it is asked for its version, or, where it has no such option, whether it is there.
    argv: &'static [&'static str],
    /// The oldest that has every option that nix8s uses, and why.
    least: Option<(&'static [u32], &'static str)>,
    /// What it is for.
    purpose: &'static str,
    /// Where it comes from.
    advice: &'static str,
}

impl Program {
    fn row(self) -> Row {
        match self {
            Self::Nix => Row {
                name: "nix",
                argv: &["nix", "--version"],
                least: Some((&[2, 18], "`nix eval`, `nix build` and `nix copy` as nix8s calls them")),
                purpose: "evaluates, builds and copies systems",
                advice: "Install Nix: https://nixos.org/download.",
            },
            Self::Git => Row {
                name: "git",
                argv: &["git", "--version"],
                least: None,
                purpose: "nix reads a flake in a Git repository with it",
                advice: "Install Git (Debian: git; `nix profile install nixpkgs#git`).",
            },
            Self::Ssh => Row {
                name: "ssh",
                argv: &["ssh", "-V"],
                least: Some((
                    &[7, 6],
                    "`RemoteCommand=none`, without which your configuration could change what is run",
                )),
                purpose: "reaches machines",
                advice: "Install OpenSSH's client (Debian: openssh-client).",
            },
            Self::NixosAnywhere => Row {
                name: "nixos-anywhere",
                argv: &["nixos-anywhere", "--help"],
                least: None,
                purpose: "installs machines",
                advice: "`nix profile install nixpkgs#nixos-anywhere`, 1.13 or newer.",
            },
            Self::Sops => Row {
                name: "sops",
                // There is an option for that, which older ones do not know.
                argv: &["env", "SOPS_DISABLE_VERSION_CHECK=true", "sops", "--version"],
                least: Some((&[3, 9], "`sops decrypt` and `sops encrypt`")),
                purpose: "reads and writes the secrets",
                advice: "`nix profile install nixpkgs#sops`, or say `secrets.provider: age`, which needs no program.",
            },
            Self::Bash => Row {
                name: "bash",
                argv: &["bash", "--version"],
                least: None,
                purpose: "runs your scripts",
                advice: "Install bash (Debian: bash).",
            },
        }
    }

    /// How it is asked.
    pub fn argv(self) -> &'static [&'static str] {
        self.row().argv
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

/// The programs that this configuration needs; `in_git`: it lies in a Git repository.
pub fn needed(cluster: &Cluster, in_git: bool) -> BTreeSet<Program> {
    let mut all = BTreeSet::new();
    let worked_on: Vec<&Machine> =
        cluster.machines.values().map(AsRef::as_ref).filter(|m: &&Machine| !m.skip).collect();
    if !worked_on.is_empty() {
        all.extend([Program::Nix, Program::Ssh]);
        all.extend(in_git.then_some(Program::Git));
    }
    if worked_on.iter().any(|machine| machine.provisioner == Provisioner::NixosAnywhere) {
        all.insert(Program::NixosAnywhere);
    }
    if cluster.secrets.provider == SecretProvider::Sops {
        all.insert(Program::Sops);
    }
    let is_text = |body: &Body| matches!(body, Body::Text(_));
    let mut here = cluster.bootstrap.scripts.iter().filter(|script| script.place == Place::Local);
    if here.any(|script| is_text(&script.body) || script.condition.as_ref().is_some_and(is_text)) {
        all.insert(Program::Bash);
    }
    all
}

/// What is said of each program that was asked for.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let own = (!facts.fits_machines && facts.programs.contains_key(&Program::Ssh)).then(|| {
        Finding::warning(
            Check::Program,
            "this nix8s is linked to libraries of this computer: NixOS, where machines are given it, cannot start it",
            "`make static`, or take the package `nix8s` of the flake.",
        )
    });
    facts.programs.iter().map(|(program, seen)| one(&program.row(), seen)).chain(own).collect()
}

fn one(row: &Row, seen: &ProgramSeen) -> Finding {
    let Row { name, argv, least, purpose, advice } = row;
    match (seen, least) {
        (ProgramSeen::Missing, _) => {
            Finding::problem(Check::Program, format!("{name} is not installed: it {purpose}"), *advice)
        }
        (ProgramSeen::Failed(why), _) => Finding::problem(
            Check::Program,
            format!("{name} is there and does not work: {why}"),
            format!("`{}` should work.", argv.join(" ")),
        ),
        (ProgramSeen::There(Some(there)), Some((least, why))) if *there < Number(least.to_vec()) => {
            let least = Number(least.to_vec());
            let text = format!("{name} is {there}, and {least} is the oldest that works: {why}");
            Finding::problem(Check::Program, text, *advice)
        }
        (ProgramSeen::There(Some(there)), _) => Finding::ok(Check::Program, format!("{name} {there}")),
        (ProgramSeen::There(None), Some((least, _))) => Finding::warning(
            Check::Program,
            format!("{name} is there and does not say its version"),
            format!("`{}` should say {} or newer.", argv.join(" "), Number(least.to_vec())),
        ),
        (ProgramSeen::There(None), None) => Finding::ok(Check::Program, format!("{name} is there")),
    }
}
