//! The real binary on hosts of the lab: a real sshd, systemd and Nix (docs/lab.md). As root on Linux; otherwise SKIPPED.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod alone;
mod doctor;
mod facts;
mod killed;
mod kubeconfig;
mod node;
mod place;
mod removal;
mod service;
mod ssh;
mod switch;
mod whole;
