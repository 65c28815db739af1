//! Test hosts on this computer: a real systemd, sshd and Nix each, on a network that nothing else is on.
//!
//! A [`Lab`] is a few namespaces. Its hosts are systemd-nspawn containers over one Debian root, its network is a
//! bridge that is attached to nothing outside, and everything in it ends with it: with the value, and also when the
//! program that started it is killed.

mod base;
mod error;
mod host;
mod key;
mod lab;
mod missing;
mod operator;
mod space;
mod toy;

pub use error::LabError;
pub use host::Host;
pub use host::Ran;
pub use lab::Lab;
