# Which ports of a machine are open, by its role and distribution.
#
# NodePorts need none: their packets are rewritten to a pod's address before the host's firewall sees them, so it neither opens nor
# closes them.
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  row = (import ../distributions).${cluster.distribution};
  # Pods' interfaces that have a number each. nftables has no such names in lists of interfaces.
  numbered = [
    "lxc+"
    "cali+"
  ];
in
{
  # An image that installs the machine has no Kubernetes yet.
  networking.firewall = lib.mkIf (config.nix8s.kubernetes.version != null) {
    enable = lib.mkDefault true;
    allowedTCPPorts = row.ports.${node.role}.tcp;
    # What comes out of pods of this cluster.
    trustedInterfaces =
      row.interfaces
      ++ lib.optionals (cluster.distribution != "k3s" && !config.networking.nftables.enable) numbered;
    # Packets come back another way than they went: by the vip, by a pod network, by a second interface.
    checkReversePath = lib.mkDefault "loose";
  };
}
