# Every combination of distribution, role and mode of the API's address, in two networks, and with Cozystack, is refused for nothing.
{ lib, t, ... }:
let
  cp = {
    role = "control-plane";
    ip = "10.0.0.12";
    install.disk = "/dev/disk/by-id/nvme-system";
    stateVersion = "24.11";
  };
  networks = {
    "an address of its own" = {
      dhcp = false;
      gateway = "10.0.0.1";
      interface = "eno1";
    };
    "one that is given by MAC" = {
      mac = "02:00:00:00:00:11";
    };
  };
  combinations = lib.cartesianProduct {
    distribution = [
      "k3s"
      "kubeadm"
    ];
    role = [
      "control-plane"
      "worker"
    ];
    mode = [
      "keepalived"
      "kube-vip"
      "haproxy"
      "external"
      "none"
    ];
  };
  case =
    place: combination:
    let
      inherit (combination) distribution role mode;
      # Each is in half of them, and with each of the others.
      network = builtins.elemAt (builtins.attrNames networks) (lib.mod place 2);
      cozystack = lib.mod (place / 2) 2 == 0;
      said = {
        cluster = {
          inherit distribution;
          clusterDomain = "cozy.local";
          cozystack.enable = cozystack;
          ha = {
            inherit mode;
          }
          // lib.optionalAttrs (mode != "none") { vip = "10.0.0.5"; };
        };
        member = {
          inherit role;
          network = networks.${network};
        };
        members = { inherit cp; };
      };
    in
    lib.nameValuePair
      "${distribution}, ${role}, ${mode}, ${network}, ${
        if cozystack then "with" else "without"
      } Cozystack"
      (
        let
          refused = t.refusals said;
        in
        if refused == [ ] then t.evaluates said else "is refused: ${builtins.toJSON refused}"
      );
in
lib.listToAttrs (lib.imap0 case combinations)
