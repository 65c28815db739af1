# What layouts are made of: partitions, file systems and disks. A partition is named `nix8s-…` on the disk, so that nix8s knows
# its disks again, and is mounted by that name, so that the order in which the kernel finds disks does not matter.
{
  lib,
  config,
  cluster,
  node,
}:
let
  inherit (config.nix8s) install;
  inherit (config.nix8s.extensions) linstor;

  isX86 = lib.hasPrefix "x86_64" node.system;
  encrypted = install.encryption.enable;
  # rest and none are words of the document.
  sized = size: if size == null || size == "rest" then null else size;

  share = if linstor == null then false else linstor.partitionFromRoot or false;
in
rec {
  inherit isX86 encrypted share;
  inherit (install.disks) main etcd data;

  rootSize = sized install.rootSize;
  swapSize = if install.swapSize == "none" then null else install.swapSize;

  gpt = partitions: {
    type = "gpt";
    partitions = lib.mapAttrs (name: partition: { label = "nix8s-${name}"; } // partition) (
      lib.filterAttrs (_: partition: partition != null) partitions
    );
  };

  # A disk of the system: what was on it is gone after an installation.
  system = device: partitions: {
    type = "disk";
    inherit device;
    preCreateHook = lib.optionalString config.boot.loader.systemd-boot.enable ''
      if [ ! -d /sys/firmware/efi ]; then
        echo "This machine was started by a BIOS, or in its compatibility mode, and systemd-boot starts by UEFI only: set boot.loader to grub, or switch the firmware to UEFI" >&2
        exit 1
      fi
    '';
    content = gpt partitions;
  };

  # A disk that an installation does not erase. disko would write a partition table over a bare file system, and take the first
  # partition of somebody else's for its own.
  kept = device: partitions: {
    type = "disk";
    inherit device;
    destroy = false;
    preCreateHook = unlessOurs device "nix8s-";
    content = gpt partitions;
  };

  # Stops where a disk holds something, but no partition whose name begins so.
  unlessOurs = device: name: ''
    found=0
    blkid --probe ${device} >/dev/null 2>&1 || found=$?
    # 2 is nothing at all.
    if [ "$found" != 2 ] && ! sgdisk --print ${device} | grep -q ' ${name}'; then
      echo "${device} holds something else than what nix8s would put there. It is not erased here: take the disk out of install.disks.data, or erase it first (wipefs --all ${device})" >&2
      exit 1
    fi
  '';

  # GRUB's second half lies here where the firmware is a BIOS.
  bios =
    if isX86 then
      {
        type = "EF02";
        size = "1M";
        priority = 100;
      }
    else
      null;

  esp = mountpoint: mountOptions: {
    type = "EF00";
    size = install.bootSize;
    priority = 200;
    content = {
      type = "filesystem";
      format = "vfat";
      inherit mountpoint;
      # The random seed of systemd-boot lies there.
      mountOptions = [ "umask=0077" ] ++ mountOptions;
    };
  };

  # With a key that is new at each boot: what was swapped out is unreadable after that.
  swap =
    if swapSize == null then
      null
    else
      {
        size = swapSize;
        priority = 300;
        content = {
          type = "swap";
          randomEncryption = true;
          mountOptions = [ "nofail" ];
        };
      };

  # The partition of the system itself: the rest of the disk, without what LINSTOR gets of it.
  body =
    content:
    if rootSize == null then
      rest content
    else
      {
        size = rootSize;
        priority = 400;
        inherit content;
      };

  # The same where it holds more than the root file system: rootSize says how large it is only where LINSTOR gets the rest.
  pool = content: if share == true then body content else rest content;
  rest = content: {
    size = "100%";
    priority = 9001;
    inherit content;
  };

  # Left bare: LINSTOR takes nothing else.
  linstorPartition =
    if share == false then
      null
    else if share == true then
      {
        size = "100%";
        priority = 9001;
      }
    else
      {
        size = share;
        priority = 350;
      };

  # Encrypted where everything is. What the machine does not need to start must not keep it from starting.
  sealed =
    name: needed: content:
    if !encrypted then
      content
    else
      {
        type = "luks";
        name = "nix8s-${name}";
        passwordFile = "/run/nix8s-disk.key";
        settings = {
          allowDiscards = true;
          crypttabExtraOpts = [ "tpm2-device=auto" ] ++ lib.optional (!needed) "nofail";
        };
        inherit content;
      };

  filesystem = format: mountpoint: mountOptions: {
    type = "filesystem";
    inherit format mountpoint;
    mountOptions = if mountOptions == [ ] then [ "defaults" ] else mountOptions;
  };

  root = filesystem install.filesystem.type "/" install.filesystem.options;

  var = filesystem install.filesystem.type "/var" install.filesystem.options;

  # What is mounted beside the system, and may be missing without keeping it from starting.
  beside =
    mountpoint:
    filesystem install.filesystem.type mountpoint (
      install.filesystem.options
      ++ [
        "nofail"
        "x-systemd.device-timeout=30s"
      ]
    );

  # The system's disk, with `content` for what the layout puts on it.
  mainDisk =
    name: partition:
    system main {
      inherit bios swap;
      ESP = esp "/boot" [ ];
      linstor = linstorPartition;
      ${name} = partition;
    };

  etcdFolder =
    {
      k3s = "/var/lib/rancher/k3s/server/db";
      kubeadm = "/var/lib/etcd";
      k0s = "/var/lib/k0s/etcd";
    }
    .${cluster.distribution};

  # XFS, because kubeadm wants an empty folder and ext4 begins with lost+found.
  etcdDisk = lib.optionalAttrs (etcd != null) {
    etcd = system etcd {
      etcd = {
        size = "100%";
        content = sealed "etcd" false (
          filesystem "xfs" etcdFolder [
            "noatime"
            "nofail"
            "x-systemd.device-timeout=30s"
          ]
        );
      };
    };
  };

  # Each data disk for itself, at /var/lib/nix8s-data/0 and so on.
  dataDisks =
    disks: content:
    lib.listToAttrs (
      lib.imap0 (
        index: device:
        let
          name = "data${toString index}";
        in
        lib.nameValuePair name (
          kept device {
            ${name} = {
              size = "100%";
              content = sealed name false (content index);
            };
          }
        )
      ) disks
    );
  mounted = index: beside "/var/lib/nix8s-data/${toString index}";

  # Whether the profile holds on this machine.
  is = profile: config.nix8s.install != null && install.profile == profile && main != null;
}
