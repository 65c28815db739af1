//! manual: a person installs NixOS; nix8s waits until it answers, takes it over and keeps it from then on.

use super::Row;
use crate::model::Provisioner;

pub(super) const ROW: Row = Row {
    provisioner: Provisioner::Manual,
    expects: "install NixOS on it by hand, so that `ssh.user` can log in at its address; nix8s goes on when it answers",
    erases: false,
};
