# One disk: boot partition, swap where it is wanted, and the root file system on the rest. `etcd-optimized` is the same with a disk that
# etcd has to itself, without which checks.nix refuses it.
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  parts = import ./parts.nix {
    inherit
      lib
      config
      cluster
      node
      ;
  };
in
lib.mkIf (parts.is "simple" || parts.is "etcd-optimized") {
  disko.devices.disk = {
    main = parts.mainDisk "root" (parts.body (parts.sealed "root" true parts.root));
  }
  // parts.etcdDisk
  // parts.dataDisks parts.data parts.mounted;
}
