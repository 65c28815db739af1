# Tools for volumes, of this machine and of others: LVM with thin pools, iSCSI, multipath, NFS.
{
  lib,
  config,
  pkgs,
  node,
  ...
}:
lib.mkIf config.nix8s.extensions.storage.enable {
  services = {
    lvm.boot.thin.enable = true;
    openiscsi = {
      enable = lib.mkDefault true;
      name = lib.mkDefault "iqn.2016-04.com.open-iscsi:${node.name}";
    };
  };

  boot = {
    kernelModules = [
      "dm_multipath"
      "dm_thin_pool"
    ];
    supportedFilesystems = [ "nfs" ];
  };

  # Which paths are one disk, nobody can say for you: `services.multipath` under nixos starts the daemon.
  environment.systemPackages = [ pkgs.multipath-tools ];
}
