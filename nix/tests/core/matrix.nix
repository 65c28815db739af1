# Every pair of settings meets in one of these machines, and each is a system or is refused with the sentence that is expected, and with no
# other.
{ lib, t, ... }:
let
  pairwise = import ../pairwise.nix { inherit lib; };
  disk = name: "/dev/disk/by-id/nvme-${name}";

  # What a value says of the cluster and the machine.
  factors = {
    # One factor, so that every mode of the API's address meets each of the four.
    runs = {
      k3s-control-plane = { };
      k3s-worker.member.role = "worker";
      kubeadm-control-plane.cluster.distribution = "kubeadm";
      kubeadm-worker = {
        cluster.distribution = "kubeadm";
        member.role = "worker";
      };
    };
    ha =
      lib.genAttrs
        [
          "keepalived"
          "kube-vip"
          "haproxy"
          "external"
        ]
        (mode: {
          cluster.ha = {
            inherit mode;
            vip = "10.0.0.5";
          };
        })
      // {
        none.cluster.ha.mode = "none";
      };
    disks =
      lib.genAttrs
        [
          "simple"
          "lvm"
          "zfs"
          "thin"
        ]
        (profile: {
          member.install = { inherit profile; };
        })
      // {
        raid.member.install = {
          profile = "raid";
          disks.data = [ (disk "second") ];
        };
        etcd-optimized.member.install = {
          profile = "etcd-optimized";
          disks.etcd = disk "etcd";
        };
        custom.member = {
          install = null;
          disko.devices.disk.main = t.ownDisk (disk "system");
        };
        not-ours.member = {
          install = {
            disk = null;
            enable = false;
          };
          nixos = {
            fileSystems."/" = {
              device = "/dev/disk/by-label/root";
              fsType = "ext4";
            };
            boot.loader.grub.device = "nodev";
          };
        };
      };
    boot = {
      unsaid = { };
      systemd-boot.member.boot.loader = "systemd-boot";
      grub.member.boot.loader = "grub";
    };
    # Only where the layout is nix8s's.
    encryption = {
      no = { };
      yes.member.install.encryption = {
        enable = true;
        keyFile = "./keys/disk";
      };
    };
    swap = {
      no = { };
      yes.member.install.swapSize = "8G";
    };
    extension = {
      no = { };
      drbd.member.extensions.drbd = {
        enable = true;
        devices = [ (disk "bare") ];
      };
      nvidia.member.extensions.gpu.enable = true;
      amd.member.extensions.gpu = {
        enable = true;
        vendor = "amd";
      };
      zfs.member.extensions.zfs.enable = true;
      monitoring.member.extensions.monitoring.enable = true;
      storage.member.extensions.storage.enable = true;
      linstor.member.extensions.linstor.disks = [ (disk "bare") ];
      linstor-share.member.extensions.linstor.partitionFromRoot = "100G";
    };
    platform = {
      no = { };
      cozystack.cluster = {
        cozystack.enable = true;
        clusterDomain = "cozy.local";
      };
    };
    network = {
      static.member.network = {
        dhcp = false;
        gateway = "10.0.0.1";
        interface = "eno1";
      };
      dhcp.member.network.mac = "02:00:00:00:00:11";
      vlan.member.network = {
        dhcp = false;
        interface = "cluster";
        vlans.cluster = {
          id = 10;
          interface = "eno1";
        };
      };
      bond.member.network = {
        dhcp = false;
        gateway = "10.0.0.1";
        bonds.bond0 = {
          interfaces = [
            "eno1"
            "eno2"
          ];
          mode = "802.3ad";
        };
      };
    };
  };

  isOurs =
    case:
    !(builtins.elem case.disks [
      "custom"
      "not-ours"
    ]);

  # What is refused, when, and how.
  refusals = case: [
    {
      when = isOurs case && case.swap == "yes" && lib.hasPrefix "kubeadm" case.runs;
      says = "m.install.swapSize: kubeadm's kubelet does not start with swap";
    }
    {
      when = case.disks == "raid" && case.boot == "systemd-boot";
      says = "m.boot.loader: systemd-boot is on one disk only";
    }
    {
      when = case.extension == "linstor-share" && case.disks == "raid";
      says = "m.extensions.linstor.partitionFromRoot: the disks of the profile raid are mirrors";
    }
    {
      when = case.extension == "linstor-share" && case.disks == "thin";
      says = "m.extensions.linstor.partitionFromRoot: with the profile thin LINSTOR takes the thin pool";
    }
    {
      when = case.extension == "linstor-share" && !(isOurs case);
      says = "m.extensions.linstor.partitionFromRoot: the layout of the disk is not nix8s's";
    }
  ];

  said =
    case:
    builtins.foldl' (all: factor: lib.recursiveUpdate all factors.${factor}.${case.${factor}})
      {
        # A worker's cluster needs somebody to join.
        members.first = {
          role = "control-plane";
          ip = "10.0.0.12";
          install.disk = disk "system";
          stateVersion = "24.11";
        };
      }
      (
        builtins.filter (
          factor:
          isOurs case
          || !(builtins.elem factor [
            "encryption"
            "swap"
          ])
        ) (builtins.attrNames case)
      );

  check =
    case:
    let
      wanted = map (refusal: refusal.says) (builtins.filter (refusal: refusal.when) (refusals case));
      got = t.refusals (said case);
      lacking = builtins.filter (says: !(lib.any (lib.hasInfix says) got)) wanted;
      others = builtins.filter (message: !(lib.any (says: lib.hasInfix says message) wanted)) got;
    in
    if lacking != [ ] then
      "is not refused: ${builtins.toJSON lacking}"
    else if others != [ ] then
      "is refused: ${builtins.toJSON others}"
    else if wanted != [ ] then
      null
    else
      t.evaluates (said case);

  cases = pairwise (lib.mapAttrs (_: builtins.attrNames) factors);
in
{
  "every pair is in some case" =
    let
      few = {
        a = [
          "1"
          "2"
        ];
        b = [
          "1"
          "2"
          "3"
        ];
        c = [
          "1"
          "2"
        ];
      };
      covered = pairwise few;
      without = name: lib.cartesianProduct (removeAttrs few [ name ]);
      isCovered = pair: lib.any (case: builtins.intersectAttrs pair case == pair) covered;
      missing = builtins.filter (pair: !(isCovered pair)) (
        lib.concatMap without [
          "a"
          "b"
          "c"
        ]
      );
    in
    t.equal missing [ ];
}
// lib.listToAttrs (
  map (
    case:
    lib.nameValuePair (lib.concatStringsSep ", " (lib.mapAttrsToList (f: v: "${f} ${v}") case)) (
      check case
    )
  ) cases
)
