//! Provisioners: how a machine gets its first system. One file each, one word in the list.

mod later;
mod manual;
mod nixos_anywhere;
mod nixos_rebuild;

use crate::model::Provisioner;

/// What planning needs to know of a provisioner.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub provisioner: Provisioner,
    /// What it waits for when a machine does not answer, with what to do.
    pub expects: &'static str,
    /// Whether it erases disks. If not, it takes over NixOS that runs already.
    pub erases: bool,
}

/// Every provisioner.
pub const ALL: &[Row] = &[
    nixos_anywhere::ROW,
    nixos_rebuild::ROW,
    manual::ROW,
    later::PXE,
    later::LIMA,
    later::TERRAFORM,
    later::ISO,
];

/// The row of a provisioner.
pub fn of(provisioner: Provisioner) -> &'static Row {
    ALL.iter().find(|row| row.provisioner == provisioner).expect("a test walks the list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provisioner_has_a_row() {
        use Provisioner::*;
        for provisioner in [NixosAnywhere, NixosRebuild, Manual, Pxe, Lima, Terraform, Iso] {
            assert_eq!(of(provisioner).provisioner, provisioner);
            assert!(!of(provisioner).expects.is_empty());
        }
    }
}
