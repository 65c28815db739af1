# Flakes and documents of the older designs.
{ lib, t, ... }:
let
  inherit (t.nix8s) fromClusterNix mkClusterNodes;
  nico = fromClusterNix {
    dir = ../../../templates/nico;
    version = "1.32";
  };
  alone = fromClusterNix {
    dir = ./alone;
    version = "1.32";
  };
  config = {
    name = "prod";
    kubernetes.version = "1.32";
    ha = {
      enabled = true;
      loadBalancer.vip = "10.0.0.10";
    };
    nodeConfigurations = {
      base.nixos.time.timeZone = "UTC";
      control-plane = {
        extends = "base";
        role = "control-plane";
        disko = {
          profile = "simple";
          disks.main = "/dev/disk/by-id/nvme-system";
          filesystems.root = {
            type = "xfs";
            options = [
              "noatime"
              "nobarrier"
            ];
          };
        };
      };
    };
    provisioners.nixos-anywhere.nodes.cp1 = {
      ip = "10.0.0.11";
      configuration = "control-plane";
    };
  };
  nodes = mkClusterNodes { clusterConfig = config; };
in
{
  "cluster.nix gives its machines" =
    t.equal
      (builtins.filter (lib.hasInfix "-0") (
        builtins.filter (name: builtins.match ".*(installer|iso|minimal)" name == null) (
          builtins.attrNames nico.nixosConfigurations
        )
      ))
      [
        "cp-01"
        "cp-02"
        "cp-03"
        "worker-01"
        "worker-02"
      ];
  # The operator wrote none, and with it no node had an output.
  "C-02: a cluster.nix without vip gives its machines" =
    t.equal alone.nix8s.clusters.lab.members.only.role "control-plane";
  "C-02: and they are systems" = t.equal (map (a: a.message) (
    builtins.filter (a: !a.assertion) alone.nixosConfigurations.only.config.assertions
  )) [ ];
  # Its flake and its operator called the file with the key by two names, and after an apply nobody got in.
  "C-03: keys that come with the secrets let in, whatever the system says" =
    t.holds "/etc/ssh/nix8s_authorized_keys is not read" (
      builtins.elem "/etc/ssh/nix8s_authorized_keys" alone.nixosConfigurations.only.config.services.openssh.authorizedKeysFiles
    );
  "cluster.nix: the system that cleans up is there" =
    t.contains nico.nixosConfigurations.minimal.config.systemd.services.nix8s-clean.environment.UNITS "k3s.service";
  "cluster.nix: the system that cleans up has the machines' disks" =
    t.equal nico.nixosConfigurations.minimal.config.fileSystems."/".fsType
      nico.nixosConfigurations.cp-01.config.fileSystems."/".fsType;
  "cluster.nix: the router id of running clusters stays" =
    t.equal nico.nix8s.clusters.production-cluster.ha.vrrpId 51;
  "clusterConfig: machines keep their names" = t.holds "cp1 is not there" (nodes ? cp1);
  "clusterConfig: options reach the system" = t.equal nodes.cp1.config.time.timeZone "UTC";
  "D-10: a mount option that Linux does not have is left out" =
    t.equal nodes.cp1.config.nix8s.install.filesystem.options
      [ "noatime" ];
  "clusterConfig: cozystack.disko of a module is install" =
    t.equal
      (t.config {
        member.nixosModules = [
          {
            cozystack.disko = {
              profile = "lvm";
              partitions.root = "50G";
              disks.data = [ "/dev/disk/by-id/ata-data" ];
            };
          }
        ];
      }).disko.devices.lvm_vg.nix8s.lvs.root.size
      "50G";
  "clusterConfig: cozystack.disko of a module may be a layout" = t.evaluates {
    member.nixosModules = [
      {
        cozystack.disko.rawConfig.disk.own = t.ownDisk "/dev/disk/by-id/ata-own";
      }
    ];
  };
  "D-15: an encrypted file is not read where systems are made" = t.evaluates {
    cluster.secrets = {
      provider = "sops-nix";
      file = "secrets/that-is-not-there.nix";
    };
  };
  "clusterConfig: an address makes kube-vip" =
    t.equal
      (lib.getAttrs [ "mode" "vip" ]
        (t.nix8s.systems { document = (import ../../lib/cluster-config.nix { inherit lib; }) config; })
        .fleet.clusters.prod.ha
      )
      {
        mode = "kube-vip";
        vip = "10.0.0.10";
      };
}
