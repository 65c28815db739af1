# A small system (10 GB unless `rootSize` says otherwise), and all the rest of its disk as one LVM thin pool, vg0/thinpool, for
# volumes that others make: LINSTOR, or you.
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
lib.mkIf (parts.is "thin") {
  disko.devices = {
    disk = {
      main = parts.system parts.main {
        inherit (parts) bios swap;
        ESP = parts.esp "/boot" [ ];
        root = {
          size = if parts.rootSize == null then "10G" else parts.rootSize;
          priority = 400;
          content = parts.sealed "root" true parts.root;
        };
        pv = parts.rest (
          parts.sealed "pv" false {
            type = "lvm_pv";
            vg = "vg0";
          }
        );
      };
    }
    // parts.etcdDisk
    // parts.dataDisks parts.data parts.mounted;

    lvm_vg.vg0 = {
      type = "lvm_vg";
      lvs.thinpool = {
        size = "100%FREE";
        lvm_type = "thin-pool";
      };
    };
  };

  # A thin pool is checked with these tools whenever it is activated.
  services.lvm.boot.thin.enable = true;
}
