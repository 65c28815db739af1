//! Provisioners that documents may name and a later version of nix8s plans. Until then their machines are waits;
//! one that a person installs by other means, and that carries the mark, is kept like any other.

use super::Row;
use crate::model::Provisioner;

const fn later(provisioner: Provisioner, expects: &'static str) -> Row {
    Row { provisioner, expects, erases: true }
}

pub(super) const PXE: Row = later(Provisioner::Pxe, "network boot comes with a later version of nix8s");
pub(super) const LIMA: Row =
    later(Provisioner::Lima, "Lima virtual machines come with a later version of nix8s");
pub(super) const TERRAFORM: Row =
    later(Provisioner::Terraform, "Terraform comes with a later version of nix8s");
pub(super) const ISO: Row = later(Provisioner::Iso, "installer images come with a later version of nix8s");
