//! kubeadm: static pods upgraded by `kubeadm upgrade`, kubelet by the system; join material is made when needed.

use super::Row;
use crate::model::Distribution;

pub(super) const ROW: Row = Row {
    distribution: Distribution::Kubeadm,
    is_planned_now: true,
    upgrades_components: true,
    has_tokens: false,
};
