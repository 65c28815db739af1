//! k3s: one binary, whose version is its system's; server and agent tokens live as long as the cluster.

use super::Row;
use crate::model::Distribution;

pub(super) const ROW: Row = Row {
    distribution: Distribution::K3s,
    is_planned_now: true,
    upgrades_components: false,
    has_tokens: true,
};
