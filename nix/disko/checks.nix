# What no layout can do is refused here, with the path in the document.
{
  lib,
  config,
  node,
  ...
}:
let
  inherit (config.nix8s) install disko extensions;
  inherit (install) disks profile;
  inherit (lib) optional;

  path = "clusters.${node.cluster}.members.${node.member}";
  refuse = when: text: {
    assertion = !when;
    message = "${path}.${text}";
  };

  share = if extensions.linstor == null then false else extensions.linstor.partitionFromRoot or false;
  isOurs = install != null && disko == null && disks.main != null;
  isBlank = size: size == null || size == "rest" || size == "none";

  ours =
    optional (disks.main != null) disks.main ++ optional (disks.etcd != null) disks.etcd ++ disks.data;
  customs =
    if disko == null then
      [ ]
    else
      lib.mapAttrsToList (_: disk: disk.device or "") (disko.devices.disk or { });
  linstor = extensions.linstor;
  bare = {
    "extensions.linstor.disk" = optional (linstor != null && linstor.disk or null != null) linstor.disk;
    "extensions.linstor.disks" = if linstor == null then [ ] else linstor.disks or [ ];
    "extensions.drbd.devices" = extensions.drbd.devices;
  };
  laidOut = (if install == null then [ ] else ours) ++ customs;

  # The kernel counts disks as they answer.
  isKernelName = device: builtins.match "/dev/(sd|nvme|vd|hd|xvd|mmcblk)[^/]*" device != null;

  # XFS has had no such options since Linux 4.19.
  barriers = builtins.filter (option: option == "barrier" || option == "nobarrier") (
    install.filesystem.options
  );
in
{
  assertions =
    lib.concatLists (
      lib.mapAttrsToList (
        key:
        map (
          device:
          refuse (builtins.elem device laidOut) "${key}: ${device} is laid out for the system, and LINSTOR takes bare disks only: take it out here or there"
        )
      ) bare
    )
    ++ [
      (refuse (share != false && !isOurs)
        "extensions.linstor.partitionFromRoot: the layout of the disk is not nix8s's. Leave a partition in yours and name it in extensions.linstor.disks"
      )
    ]
    ++ lib.optionals (install != null && disko != null) [
      (refuse (ours != [ ])
        "install.disks: disko says which disks there are and what lies on them. Remove the one or the other"
      )
      (refuse (
        !isBlank install.swapSize
      ) "install.swapSize: disko says what lies on the disks. Put swap there")
      (refuse (
        !isBlank install.rootSize
      ) "install.rootSize: disko says what lies on the disks. Set it there")
      (refuse install.encryption.enable "install.encryption: disko says what lies on the disks. Use its type luks, with passwordFile = \"/run/nix8s-disk.key\"")
    ]
    ++ lib.optionals isOurs [
      (refuse (profile == "custom") "install.profile: custom needs the layout itself, under disko")
      (refuse (profile == "raid" && disks.data == [ ])
        "install.disks.data: the profile raid mirrors disks.main to the first of them. Name the second disk here"
      )
      (refuse (profile == "raid" && node.boot.loader == "systemd-boot")
        "boot.loader: systemd-boot is on one disk only, so that with the profile raid the other could not start the machine. Remove it, or set grub"
      )
      (refuse (
        profile == "etcd-optimized" && disks.etcd == null
      ) "install.disks.etcd: the profile etcd-optimized gives etcd a disk of its own. Name it here")
      (refuse (
        profile == "zfs" && install.filesystem.type != "ext4"
      ) "install.filesystem.type: the profile zfs has ZFS for its file systems. Remove it")
      (refuse (share != false && profile == "raid")
        "extensions.linstor.partitionFromRoot: the disks of the profile raid are mirrors of each other. Name disks in extensions.linstor.disks"
      )
      (refuse (share != false && profile == "thin")
        "extensions.linstor.partitionFromRoot: with the profile thin LINSTOR takes the thin pool vg0/thinpool. Remove it"
      )
      (refuse
        (
          share == true
          && builtins.elem profile [
            "simple"
            "etcd-optimized"
            "lvm"
            "zfs"
          ]
          && isBlank install.rootSize
        )
        "extensions.linstor.partitionFromRoot: it gets what install.rootSize leaves. Set install.rootSize, or the size of the partition here"
      )
      (refuse (install.filesystem.type == "xfs" && barriers != [ ])
        "install.filesystem.options: XFS has had no ${lib.concatStringsSep ", " barriers} since Linux 4.19, and mounting fails. Remove it"
      )
      (refuse (install.encryption.enable && install.encryption.keyFile == null)
        "install.encryption.keyFile: the disks are encrypted with the key in that file. Name a file here, whose text somebody can type at the machine's console"
      )
    ];

  warnings =
    let
      byKernel = builtins.filter isKernelName (if isOurs then ours else [ ]);
    in
    optional (byKernel != [ ])
      "${path}.install.disks: ${lib.concatStringsSep ", " byKernel} may be another disk after the next start. Name disks by /dev/disk/by-id/…"
    ++
      optional (isOurs && disks.etcd != null && node.role != "control-plane")
        "${path}.install.disks.etcd: ${disks.etcd} is laid out, but no etcd runs here: the machine is no control plane";
}
