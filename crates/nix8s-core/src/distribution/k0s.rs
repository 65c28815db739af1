//! k0s: documents may name it; a later version of nix8s plans it.

use super::Row;
use crate::model::Distribution;

pub(super) const ROW: Row = Row {
    distribution: Distribution::K0s,
    is_planned_now: false,
    upgrades_components: false,
    has_tokens: true,
};
