# The system of a machine that has left its cluster: it can be logged in to, and nothing of any distribution is on it. Disks with
# data are as they were.
{ lib, pkgs, ... }:
let
  rows = builtins.attrValues (import ../distributions);
  all = attribute: lib.concatMap (row: row.${attribute}) rows;
  words = list: lib.concatStringsSep " " (lib.unique list);
in
{
  systemd.services.nix8s-clean = {
    description = "Nothing of Kubernetes is left";
    wantedBy = [ "multi-user.target" ];
    after = [ "local-fs.target" ];
    path = [
      pkgs.iproute2
      pkgs.iptables
      pkgs.nftables
      pkgs.util-linux
    ];
    environment = {
      UNITS = words (all "units");
      INTERFACES = words (all "interfaces");
      FOLDERS = words (
        all "cleanup"
        ++ [
          "/etc/cni/net.d"
          "/opt/cni/bin"
          "/var/lib/cni"
          "/var/lib/kubelet"
        ]
      );
      # Who it was, and what nix8s needs to be there, stay.
      FILES = words [
        "/var/lib/nix8s/k3s.yaml"
        "/var/lib/nix8s/k3s.yaml.d"
        "/var/lib/nix8s/membership.json"
        "/var/lib/nix8s/secrets"
      ];
    };
    serviceConfig.Type = "oneshot";
    # Some of its commands may fail; it says itself what must not.
    script = "set +e\n" + builtins.readFile ./minimal/clean.sh;
  };
}
