//! From nothing to a cluster.

use insta::assert_snapshot;
use nix8s_core::model::Distribution;

use crate::world::*;

#[test]
fn blank_machines_are_installed_and_the_first_server_elected() {
    let world = blank(Distribution::K3s, &["cp1", "cp2", "w1"]);
    assert_snapshot!(world.planned());
}

#[test]
fn the_forecast_of_a_blank_cluster_ends_with_everything_joined() {
    let world = blank(Distribution::K3s, &["cp1", "cp2", "cp3", "w1", "w2"]);
    assert_snapshot!(world.foreseen().join("\n"));
}

#[test]
fn a_cluster_as_it_should_be_needs_nothing() {
    for distribution in [Distribution::K3s, Distribution::Kubeadm] {
        let world = ready(distribution, &["cp1", "cp2", "cp3", "w1", "w2"]);
        assert_eq!(world.planned(), "");
        assert_eq!(world.foreseen(), Vec::<String>::new());
    }
}
