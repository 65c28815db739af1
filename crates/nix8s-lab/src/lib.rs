//! Test hosts on this computer: a real systemd, sshd and Nix each, on a network that nothing else is on.
//!
//! A [`Lab`] is a few namespaces. Its hosts are systemd-nspawn containers over one Debian root, its network is a
//! bridge that is attached to nothing outside, and everything in it ends with it: with the value, and also when the
//! program that started it is killed.

mod base;
mod error;
mod host;
mod key;
mod kubernetes;
mod lab;
mod missing;
mod operator;
mod space;
mod toy;

pub use error::LabError;
pub use host::Host;
pub use host::Ran;
pub use kubernetes::Kubernetes;
pub use lab::Lab;

/// Makes what labs need, unless that was done before: the root of the hosts, and a control plane.
///
/// # Errors
/// [`LabError::Missing`] on a computer that cannot have one.
pub fn make() -> Result<(), LabError> {
    if let Some(missing) = missing::what() {
        return Err(LabError::Missing(missing));
    }
    base::root()?;
    kubernetes::programs().map(|_| ())
}
