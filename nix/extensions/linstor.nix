# Disks for LINSTOR, which runs in the cluster: tools and modules for its pools. The disks themselves are left bare; what makes
# a pool of them is `linstor` of the cluster.
{
  lib,
  config,
  cluster,
  ...
}:
let
  linstor = config.nix8s.extensions.linstor;
  isThere =
    linstor != null
    && (
      linstor.disk or null != null
      || linstor.disks or [ ] != [ ]
      || linstor.partitionFromRoot or false != false
    );
in
lib.mkIf (isThere && cluster.linstor.storage.type == "lvm") {
  boot.kernelModules = [ "dm_thin_pool" ];
  services.lvm.boot.thin.enable = true;
}
