//! What programs say when they fail, and what to make of it. Each program's messages stand in its own file; what is in
//! no list is taken to be passing, and is tried again.

use super::Command;
use super::Output;
use super::kubeadm;
use super::nix;
use super::nixos_anywhere;
use super::on_node;
use crate::plan::FailureClass;

/// A message that a program is known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// A part of what it prints.
    pub says: &'static str,
    /// Whether trying again can help.
    pub class: FailureClass,
    /// What to try.
    pub hint: &'static str,
}

/// It may work next time.
pub(super) const fn passing(says: &'static str, hint: &'static str) -> Known {
    Known { says, class: FailureClass::Transient, hint }
}

/// It will not work until somebody changes something.
pub(super) const fn lasting(says: &'static str, hint: &'static str) -> Known {
    Known { says, class: FailureClass::Permanent, hint }
}

/// What is known about this failure.
pub fn known(command: &Command, output: &Output) -> Option<&'static Known> {
    // `env` sets something for the program that comes after it.
    let program = command.argv.iter().find(|word| *word != "env" && !word.contains('='));
    let lists: [&[Known]; 2] = match program.map(String::as_str) {
        Some("nix") => [nix::KNOWN, &[]],
        Some("nixos-anywhere") => [nixos_anywhere::KNOWN, nix::KNOWN],
        Some("kubeadm") => [kubeadm::KNOWN, &[]],
        Some("nix8s") => [on_node::KNOWN, kubeadm::KNOWN],
        Some(_) | None => [&[], &[]],
    };
    lists.into_iter().flatten().find(|known| output.stderr.contains(known.says))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(argv: &[&str], stderr: &str) -> Option<FailureClass> {
        let command = Command::here(argv.iter().copied(), Duration::from_secs(1));
        let output = Output { status: 1, stdout: String::new(), stderr: stderr.to_owned() };
        known(&command, &output).map(|known| known.class)
    }

    #[test]
    fn known_messages_say_whether_trying_again_helps() {
        let cases: [(&[&str], &str, Option<FailureClass>); 7] = [
            (
                &["nix", "build"],
                "error: hash mismatch in fixed-output derivation",
                Some(FailureClass::Permanent),
            ),
            (&["nix", "copy"], "writing: No space left on device", Some(FailureClass::Transient)),
            (&["nixos-anywhere"], "root@x: Permission denied (publickey).", Some(FailureClass::Permanent)),
            (&["nixos-anywhere"], "hash mismatch in fixed-output derivation", Some(FailureClass::Permanent)),
            (&["kubeadm", "init"], "[ERROR Swap]: running with swap on", Some(FailureClass::Permanent)),
            (&["nix8s", "on-node", "kubeadm-join"], "[ERROR Swap]: swap", Some(FailureClass::Permanent)),
            (&["nix", "build"], "something new", None),
        ];
        for (argv, stderr, expected) in cases {
            assert_eq!(of(argv, stderr), expected, "{argv:?} {stderr}");
        }
    }
}
