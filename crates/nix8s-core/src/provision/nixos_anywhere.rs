//! nixos-anywhere: over SSH, onto whatever answers; kexecs into an installer if it is none.

use super::Row;
use crate::model::Provisioner;

pub(super) const ROW: Row = Row {
    provisioner: Provisioner::NixosAnywhere,
    expects: "boot any Linux with SSH on it, for example a NixOS installer, reachable at its address",
    erases: true,
};
