# Who the other members are is in no machine's system.
{ lib, t, ... }:
let
  all = builtins.foldl' (found: next: if found != null then found else next) null;
in
{
  "another member changes no machine's system" =
    let
      other = role: ip: {
        inherit role ip;
        install.disk = "/dev/disk/by-id/nvme-system";
        stateVersion = "24.11";
      };
      # The derivation of a system need not hold the texts of its units where packages are stand-ins.
      system =
        said: members:
        let
          config = t.config (said // { inherit members; });
        in
        builtins.hashString "sha256" (
          builtins.unsafeDiscardStringContext (
            builtins.toJSON [
              (map (unit: unit.text) (builtins.attrValues config.systemd.units))
              (lib.mapAttrs (_: entry: toString entry.source) config.environment.etc)
              config.system.activationScripts.script
              config.system.build.toplevel.drvPath
            ]
          )
        );
      same =
        said:
        t.equal (system said {
          # Before it by name, so that it moves by one.
          a = other "control-plane" "10.0.0.9";
          w = other "worker" "10.0.0.21";
        }) (system said { });
      ha =
        distribution: mode:
        same {
          cluster = {
            inherit distribution;
            ha = {
              vip = "10.0.0.5";
              inherit mode;
              firstServer = "m";
            };
          };
        };
    in
    all [
      (ha "k3s" "keepalived")
      (ha "k3s" "haproxy")
      (ha "k3s" "kube-vip")
      (ha "kubeadm" "keepalived")
      (ha "kubeadm" "haproxy")
      (ha "kubeadm" "kube-vip")
    ];
}
