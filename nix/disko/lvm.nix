# Logical volumes: all of the system's disk is the root file system, or root of `rootSize` and the rest is /var. The data disks
# together are one volume of another group, which an installation keeps.
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
lib.mkIf (parts.is "lvm") {
  disko.devices = {
    disk = {
      main = parts.mainDisk "pv" (
        parts.pool (
          parts.sealed "pv" true {
            type = "lvm_pv";
            vg = "nix8s";
          }
        )
      );
    }
    // parts.etcdDisk
    // parts.dataDisks parts.data (_: {
      type = "lvm_pv";
      vg = "nix8sdata";
    });

    lvm_vg = {
      nix8s = {
        type = "lvm_vg";
        lvs =
          if parts.rootSize == null || parts.share == true then
            {
              root = {
                size = "100%FREE";
                content = parts.root;
              };
            }
          else
            {
              root = {
                size = parts.rootSize;
                content = parts.root;
              };
              var = {
                size = "100%FREE";
                content = parts.var;
              };
            };
      };
    }
    // lib.optionalAttrs (parts.data != [ ]) {
      nix8sdata = {
        type = "lvm_vg";
        lvs.data = {
          size = "100%FREE";
          content = parts.beside "/var/lib/nix8s-data";
        };
      };
    };
  };

  boot.initrd.services.lvm.enable = true;
}
