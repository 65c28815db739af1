//! nix8s on real hosts: a real systemd, sshd and Nix each, on a network of their own.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod kubeconfig;
mod switch;
mod whole;
