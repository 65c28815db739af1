# As simple, with a disk that etcd has to itself: checks.nix refuses it without one.
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
lib.mkIf (parts.is "etcd-optimized") {
  disko.devices.disk = {
    main = parts.mainDisk "root" (parts.body (parts.sealed "root" true parts.root));
  }
  // parts.etcdDisk
  // parts.dataDisks parts.data parts.mounted;
}
