# Two disks, main and the first data disk, of which each can start the machine alone: a boot partition on each, and mirrors of
# root and swap over both.
{
  lib,
  config,
  cluster,
  node,
  pkgs,
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
lib.mkIf (parts.is "raid" && parts.data != [ ]) (
  let
    second = builtins.head parts.data;
    member = array: {
      type = "mdraid";
      name = "nix8s-${array}";
    };
    # A machine that lost the disk of one of them starts without it.
    optional = [
      "nofail"
      "x-systemd.device-timeout=30s"
    ];
    half = number: mountpoint: {
      "bios${number}" = parts.bios;
      "ESP${number}" = parts.esp mountpoint optional;
      "swap${number}" = if parts.swap == null then null else parts.swap // { content = member "swap"; };
      "root${number}" = parts.body (member "root");
    };
    array = content: {
      type = "mdadm";
      level = 1;
      inherit content;
    };
    grub = path: device: {
      inherit path;
      devices = [ (if parts.isX86 then device else "nodev") ];
      efiSysMountPoint = path;
    };
  in
  {
    disko.devices = {
      disk = {
        main = parts.system parts.main (half "" "/boot");
        second = parts.kept second (half "2" "/boot-second") // {
          # It holds what the first one holds, so it goes with it; the kernel may have put the old mirror together again.
          preCreateHook = ''
            ${parts.unlessOurs second "nix8s-root2"}
            lsblk --noheadings --raw --output PATH,TYPE ${second} | while read -r path type; do
              if [ "$type" = part ]; then
                # lsblk does not show a mirror that waits for its other half.
                for holder in $(ls "/sys/class/block/''${path##*/}/holders"); do
                  case $holder in md*) mdadm --stop "/dev/$holder" ;; esac
                done
                wipefs --all --force "$path"
              fi
            done
            wipefs --all --force ${second}
            udevadm settle
          '';
        };
      }
      // parts.etcdDisk
      // parts.dataDisks (builtins.tail parts.data) parts.mounted;

      mdadm = {
        nix8s-root = array (parts.sealed "root" true parts.root);
      }
      // lib.optionalAttrs (parts.swap != null) { nix8s-swap = array parts.swap.content; };
    };

    boot = {
      # What fails is in the journal.
      swraid.mdadmConf = "PROGRAM ${lib.getExe' pkgs.util-linux "logger"}";
      loader.grub = {
        # disko would have one list with both disks, for one boot partition.
        devices = lib.mkForce [ ];
        mirroredBoots = [
          (grub "/boot" parts.main)
          (grub "/boot-second" second)
        ];
        # The machine is known by its mark whichever disk is left.
        extraInstallCommands = ''
          if [ -d /boot/EFI/nix8s ] && [ -d /boot-second/EFI ]; then
            ${lib.getExe' pkgs.coreutils "cp"} -rT /boot/EFI/nix8s /boot-second/EFI/nix8s
          fi
        '';
      };
    };
  }
)
