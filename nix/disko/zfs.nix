# A ZFS pool on the rest of the system's disk. The data disks are a pool of their own, which an installation keeps: one disk
# alone, two as a mirror, more as raidz.
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
lib.mkIf (parts.is "zfs") {
  disko.devices = {
    disk = {
      main = parts.mainDisk "zfs" (
        parts.body (
          parts.sealed "zfs" true {
            type = "zfs";
            pool = "nix8s";
          }
        )
      );
    }
    // parts.etcdDisk
    // parts.dataDisks parts.data (_: {
      type = "zfs";
      pool = "nix8sdata";
    });

    zpool =
      let
        pool = mode: datasets: {
          type = "zpool";
          inherit mode datasets;
          options.ashift = "12";
          rootFsOptions = {
            acltype = "posixacl";
            atime = "off";
            canmount = "off";
            compression = "lz4";
            mountpoint = "none";
            xattr = "sa";
          };
        };
        # Mounted by NixOS, not by ZFS, so that what needs them waits for them.
        dataset = mountpoint: mountOptions: {
          type = "zfs_fs";
          inherit mountpoint mountOptions;
          options.mountpoint = "legacy";
        };
        disks = builtins.length parts.data;
      in
      {
        nix8s = pool "" (
          lib.mapAttrs (_: mountpoint: dataset mountpoint parts.root.mountOptions) {
            root = "/";
            nix = "/nix";
            var = "/var";
          }
        );
      }
      // lib.optionalAttrs (disks > 0) {
        nix8sdata =
          pool
            (
              if disks == 1 then
                ""
              else if disks == 2 then
                "mirror"
              else
                "raidz"
            )
            {
              data = dataset "/var/lib/nix8s-data" [ "nofail" ];
            };
      };
  };

  # Otherwise it gives up after a minute, and who has the key may need longer to type it.
  boot.initrd.systemd.services.zfs-import-nix8s.after = lib.mkIf parts.encrypted [
    "cryptsetup.target"
  ];
}
