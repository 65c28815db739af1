//! Distributions: what runs Kubernetes. One file each, one word in the list.

mod k0s;
mod k3s;
mod kubeadm;

use crate::model::Distribution;

/// What planning needs to know of a distribution.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub distribution: Distribution,
    /// Whether this version of nix8s plans it.
    pub is_planned_now: bool,
    /// Whether control plane components are upgraded by a command of their own before the kubelet's system.
    pub upgrades_components: bool,
    /// Whether members need tokens that live as long as the cluster.
    pub has_tokens: bool,
}

/// Every distribution.
pub const ALL: &[Row] = &[k3s::ROW, kubeadm::ROW, k0s::ROW];

/// The row of a distribution.
pub fn of(distribution: Distribution) -> &'static Row {
    ALL.iter().find(|row| row.distribution == distribution).expect("a test walks the list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distribution_has_a_row() {
        for distribution in [Distribution::K3s, Distribution::Kubeadm, Distribution::K0s] {
            assert_eq!(of(distribution).distribution, distribution);
        }
    }
}
