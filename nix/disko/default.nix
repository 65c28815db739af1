# The layouts of disks: which one holds is the machine's `install.profile`, or none where its disks are not nix8s's.
{
  imports = [
    ./custom.nix
    ./lvm.nix
    ./none.nix
    ./raid.nix
    ./simple.nix
    ./thin.nix
    ./zfs.nix

    ./checks.nix
    ./encryption.nix
    ./etcd.nix
    ./loader.nix
    ./present.nix
  ];
}
