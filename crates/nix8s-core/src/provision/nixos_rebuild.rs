//! nixos-rebuild: takes over a machine that runs NixOS already; nothing is erased, ever.

use super::Row;
use crate::model::Provisioner;

pub(super) const ROW: Row = Row {
    provisioner: Provisioner::NixosRebuild,
    expects: "it should run NixOS already and answer over SSH at its address",
    erases: false,
};
