# Layouts of disks: what is where, what an installation keeps, and what is refused.
{ lib, t, ... }:
let
  disk = "/dev/disk/by-id/nvme-system";
  other = "/dev/disk/by-id/ata-other";
  third = "/dev/disk/by-id/ata-third";
  install = install: { member = { inherit install; }; };
  encryption = {
    enable = true;
    keyFile = "./keys/disk";
  };
  profiles = {
    simple = { };
    lvm.rootSize = "50G";
    zfs = { };
    raid.disks.data = [ other ];
    etcd-optimized.disks.etcd = other;
    thin = { };
  };
  laidOut = said: (t.config said).disko.devices;
  partitions = devices: name: builtins.attrNames devices.disk.${name}.content.partitions;
  labels =
    devices:
    lib.concatMap (
      disk: map (partition: partition.label) (builtins.attrValues disk.content.partitions)
    ) (builtins.attrValues devices.disk);
  mounts =
    config: lib.mapAttrs (_: fs: "${fs.device} ${fs.fsType}") (removeAttrs config.fileSystems [ ]);
  first = checks: lib.findFirst (check: check != null) null checks;

  each =
    name: check:
    lib.mapAttrs' (
      profile: more: lib.nameValuePair "${name}: ${profile}" (check profile more)
    ) profiles;
in
each "D-09: a profile lays out a disk that starts by BIOS and by UEFI" (
  profile: more:
  let
    said = install (more // { inherit profile; });
    config = t.config said;
    devices = config.disko.devices;
    parts = devices.disk.main.content.partitions;
  in
  first [
    (t.evaluates said)
    (t.holds "the script that lays it out" (config.system.build.diskoScript.drvPath != ""))
    (t.equal parts.bios.type "EF02")
    (t.equal parts.ESP.type "EF00")
    (t.equal parts.ESP.size "1G")
    (t.holds "/ and /boot" (config.fileSystems ? "/" && config.fileSystems ? "/boot"))
    (t.holds "every partition's name begins with nix8s-" (
      lib.all (lib.hasPrefix "nix8s-") (labels devices)
    ))
    (t.equal config.assertions (builtins.filter (a: a.assertion) config.assertions))
  ]
)
// each "D-09: encryption reaches every file system of a profile" (
  profile: more:
  let
    said = install (more // { inherit profile encryption; });
    config = t.config said;
    devices = config.disko.devices;
    luks = config.boot.initrd.luks.devices;
    # What lies on a partition, or on an array of partitions, without LUKS.
    bare =
      partition:
      partition.content != null
      && !(builtins.elem partition.content.type [
        "luks"
        "swap"
        "mdraid"
      ])
      && partition.type != "EF00";
    all = lib.concatMap (disk: builtins.attrValues disk.content.partitions) (
      builtins.attrValues devices.disk
    );
  in
  first [
    (t.evaluates said)
    (t.equal (map (partition: partition.label) (builtins.filter bare all)) [ ])
    (t.equal (lib.mapAttrsToList (_: array: array.content.type) devices.mdadm) (
      lib.optional (profile == "raid") "luks"
    ))
    (t.holds "there is something to open" (luks != { }))
    (t.holds "the key is nowhere in the system" (
      lib.all (one: one.keyFile == null) (builtins.attrValues luks)
    ))
    (t.holds "an initrd that knows TPMs" config.boot.initrd.systemd.enable)
  ]
)
// {
  "X-01: a disk of LINSTOR leaves the system's disk as it is" =
    let
      without = laidOut { };
      with' = laidOut {
        member.extensions.linstor = {
          disk = other;
          disks = [ third ];
        };
      };
    in
    first [
      (t.equal (builtins.attrNames with'.disk) [ "main" ])
      (t.equal (partitions with' "main") (partitions without "main"))
      (t.equal (labels with') (labels without))
    ];

  "X-01: LINSTOR's partition is beside the root file system" =
    let
      devices = laidOut {
        member.extensions.linstor.partitionFromRoot = "200G";
      };
      parts = devices.disk.main.content.partitions;
    in
    first [
      (t.equal (builtins.attrNames parts) [
        "ESP"
        "bios"
        "linstor"
        "root"
      ])
      (t.equal parts.linstor.size "200G")
      (t.equal parts.linstor.content null)
      (t.equal parts.root.size "100%")
      (t.holds "the fixed one is made first" (parts.linstor.priority < parts.root.priority))
    ];

  "X-01: LINSTOR's partition is what the root file system leaves" =
    let
      parts =
        (laidOut {
          member = {
            install.rootSize = "50G";
            extensions.linstor.partitionFromRoot = true;
          };
        }).disk.main.content.partitions;
    in
    first [
      (t.equal parts.root.size "50G")
      (t.equal parts.linstor.size "100%")
      (t.holds "the fixed one is made first" (parts.root.priority < parts.linstor.priority))
    ];

  "X-01: a disk cannot be LINSTOR's and the system's" = t.refuses {
    member.extensions.linstor.disk = disk;
  } "clusters.c.members.m.extensions.linstor.disk: ${disk} is laid out for the system";
  "X-01: a disk cannot be DRBD's and a data disk" = t.refuses {
    member.install.disks = {
      main = disk;
      data = [ other ];
    };
    member.extensions.drbd = {
      enable = true;
      devices = [ other ];
    };
  } "clusters.c.members.m.extensions.drbd.devices: ${other} is laid out";
  "X-01: a partition of LINSTOR needs a root file system that ends" = t.refuses {
    member.extensions.linstor.partitionFromRoot = true;
  } "extensions.linstor.partitionFromRoot: it gets what install.rootSize leaves";
  "disks/partitionFromRoot with raid" = t.refuses {
    member.install = {
      profile = "raid";
      disks.data = [ other ];
    };
    member.extensions.linstor.partitionFromRoot = "1G";
  } "partitionFromRoot: the disks of the profile raid are mirrors";
  "disks/partitionFromRoot with thin" = t.refuses {
    member.install.profile = "thin";
    member.extensions.linstor.partitionFromRoot = "1G";
  } "with the profile thin LINSTOR takes the thin pool";

  "D-10: XFS without barriers is refused" = t.refuses (install {
    filesystem = {
      type = "xfs";
      options = [
        "noatime"
        "nobarrier"
      ];
    };
  }) "install.filesystem.options: XFS has had no nobarrier";
  "D-10: etcd's disk is mounted with options that Linux has" =
    t.equal
      (t.config (install {
        profile = "etcd-optimized";
        disks.etcd = other;
      })).fileSystems."/var/lib/rancher/k3s/server/db".options
      [
        "noatime"
        "nofail"
        "x-systemd.device-timeout=30s"
      ];

  "X-23: swap that is laid out is used" =
    let
      config = t.config (install {
        swapSize = "8G";
      });
    in
    first [
      (t.equal config.disko.devices.disk.main.content.partitions.swap.size "8G")
      (t.equal (map (swap: swap.device) config.swapDevices) [ "/dev/disk/by-partlabel/nix8s-swap" ])
    ];
  "X-23: no swap where none is said" = t.equal (map (swap: swap.device)
    (t.config (install {
      swapSize = "none";
    })).swapDevices
  ) [ ];

  "disks/sizes of the document are those of the layout" =
    let
      config = t.config (install {
        bootSize = "512M";
        rootSize = "100G";
        filesystem = {
          type = "xfs";
          options = [ "noatime" ];
        };
      });
      parts = config.disko.devices.disk.main.content.partitions;
    in
    first [
      (t.equal parts.ESP.size "512M")
      (t.equal parts.root.size "100G")
      (t.equal config.fileSystems."/".fsType "xfs")
      (t.holds "noatime" (builtins.elem "noatime" config.fileSystems."/".options))
    ];

  "disks/data disks survive an installation" =
    let
      devices = laidOut (install {
        disks.data = [
          other
          third
        ];
      });
    in
    first [
      (t.equal (lib.mapAttrs (_: disk: disk.destroy) devices.disk) {
        main = true;
        data0 = false;
        data1 = false;
      })
      (t.contains devices.disk.data0._create "holds something else than what nix8s would put there")
      (t.equal
        (t.config (install {
          disks.data = [ other ];
        })).fileSystems."/var/lib/nix8s-data/0".options
        [
          "nofail"
          "x-systemd.device-timeout=30s"
        ]
      )
    ];

  "disks/etcd's disk is where the distribution keeps etcd" =
    let
      said = {
        member.install.disks.etcd = other;
        cluster.distribution = "kubeadm";
      };
      config = t.config said;
    in
    first [
      (t.holds "/var/lib/etcd" (config.fileSystems ? "/var/lib/etcd"))
      (t.equal config.fileSystems."/var/lib/etcd".fsType "xfs")
      (t.equal config.systemd.services.kubelet.unitConfig.RequiresMountsFor [ "/var/lib/etcd" ])
    ];
  "disks/k3s does not start without etcd's disk" =
    t.equal
      (t.config (install {
        disks.etcd = other;
      })).systemd.services.k3s.unitConfig.RequiresMountsFor
      [ "/var/lib/rancher/k3s/server/db" ];
  "disks/etcd's disk on a worker is told of" = t.warns {
    member.role = "worker";
    member.install.disks.etcd = other;
    members.cp = {
      role = "control-plane";
      install.disk = disk;
    };
  } "install.disks.etcd: ${other} is laid out, but no etcd runs here";

  "disks/lvm has /var on what root leaves" =
    let
      lvs = (laidOut (install (profiles.lvm // { profile = "lvm"; }))).lvm_vg.nix8s.lvs;
    in
    first [
      (t.equal lvs.root.size "50G")
      (t.equal lvs.var.content.mountpoint "/var")
    ];
  "disks/lvm without rootSize is one file system" = t.equal (builtins.attrNames
    (laidOut (install {
      profile = "lvm";
    })).lvm_vg.nix8s.lvs
  ) [ "root" ];
  "disks/thin is 10 GB and a pool" =
    let
      devices = laidOut (install {
        profile = "thin";
      });
    in
    first [
      (t.equal devices.disk.main.content.partitions.root.size "10G")
      (t.equal devices.lvm_vg.vg0.lvs.thinpool.lvm_type "thin-pool")
    ];

  "disks/raid: each disk starts the machine alone" =
    let
      config = t.config (install {
        profile = "raid";
        disks.data = [ other ];
        swapSize = "4G";
      });
      grub = config.boot.loader.grub;
    in
    first [
      (t.equal (map (boot: [ boot.path ] ++ boot.devices) grub.mirroredBoots) [
        [
          "/boot"
          disk
        ]
        [
          "/boot-second"
          other
        ]
      ])
      (t.holds "as every firmware finds it" grub.efiInstallAsRemovable)
      (t.equal config.fileSystems."/".device "/dev/md/nix8s-root")
      (t.equal (map (swap: swap.device) config.swapDevices) [ "/dev/md/nix8s-swap" ])
      (t.holds "without the one" (builtins.elem "nofail" config.fileSystems."/boot".options))
      (t.holds "without the other" (builtins.elem "nofail" config.fileSystems."/boot-second".options))
    ];
  "disks/raid: the other half goes with the first, and nothing else does" =
    let
      second =
        (laidOut (install {
          profile = "raid";
          disks.data = [ other ];
        })).disk.second;
    in
    first [
      (t.equal second.destroy false)
      (t.contains second._create "grep -q ' nix8s-root2'")
      (t.contains second._create "wipefs --all --force ${other}")
    ];
  "disks/raid needs two disks" = t.refuses (install {
    profile = "raid";
  }) "clusters.c.members.m.install.disks.data: the profile raid mirrors";
  "disks/raid and systemd-boot" = t.refuses {
    member.install = {
      profile = "raid";
      disks.data = [ other ];
    };
    member.boot.loader = "systemd-boot";
  } "boot.loader: systemd-boot is on one disk only";
  "disks/etcd-optimized needs a disk" = t.refuses (install {
    profile = "etcd-optimized";
  }) "install.disks.etcd: the profile etcd-optimized";
  "disks/zfs and another file system" = t.refuses (install {
    profile = "zfs";
    filesystem.type = "xfs";
  }) "install.filesystem.type: the profile zfs";
  "disks/encryption needs a key" = t.refuses (install {
    encryption.enable = true;
  }) "install.encryption.keyFile: the disks are encrypted with the key in that file";
  "disks/names of the kernel are told of" = t.warns (install {
    disk = "/dev/sda";
  }) "install.disks: /dev/sda may be another disk";
  "disks/names that stay are not" = t.holds "no warning" (
    !(lib.any (lib.hasInfix "install.disks") (t.config { }).warnings)
  );

  "disks/custom is what the document says" =
    let
      config = t.config {
        member = {
          install = null;
          disko.devices.disk.mine = {
            type = "disk";
            device = disk;
            content = {
              type = "gpt";
              partitions.all = {
                size = "100%";
                content = {
                  type = "filesystem";
                  format = "ext4";
                  mountpoint = "/";
                };
              };
            };
          };
        };
      };
    in
    t.equal (mounts config) { "/" = "/dev/disk/by-partlabel/disk-mine-all ext4"; };
  "disks/custom needs a layout" = t.refuses (install {
    profile = "custom";
  }) "install.profile: custom needs the layout itself";
  "disks/disks that nix8s leaves alone need file systems" = t.refuses (install {
    enable = false;
  }) "clusters.c.members.m.install: nothing says where the root file system is";
  "disks/disks that nix8s leaves alone" = t.evaluates {
    member = {
      install.enable = false;
      nixos = {
        fileSystems."/" = {
          device = "/dev/disk/by-label/nixos";
          fsType = "ext4";
        };
        boot.loader.grub.device = "/dev/sda";
      };
    };
  };
  "disks/a machine that something else laid out is not switched to a root that it has not" =
    let
      # nixpkgs has the option from 25.05 on.
      config = t.config {
        member.nixosModules = [
          {
            options.system.preSwitchChecks = lib.mkOption {
              type = lib.types.attrsOf lib.types.lines;
              default = { };
            };
          }
        ];
      };
    in
    first [
      (t.contains config.system.preSwitchChecks.nix8s "[ ! -e /dev/disk/by-partlabel/nix8s-root ]")
      (t.contains config.system.preSwitchChecks.nix8s "clusters.c.members.m.install")
    ];

  "disks/a module has another word on the layout" =
    t.equal
      (t.config {
        member.nixosModules = [
          { nix8s.install.profile = "thin"; }
        ];
      }).disko.devices.disk.main.content.partitions.root.size
      "10G";

  "disks/the list and the folder are one" =
    let
      folder = ../../disko;
      files = builtins.filter (
        name:
        !(builtins.elem name [
          "default.nix"
          "parts.nix"
        ])
      ) (builtins.attrNames (builtins.readDir folder));
    in
    t.equal (lib.sort lib.lessThan (map baseNameOf (import folder).imports)) files;
}
