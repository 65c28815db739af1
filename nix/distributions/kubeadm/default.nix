# A kubeadm machine: container runtime, kubelet, kubeadm's own programs, and what cannot be had with it.
{
  lib,
  pkgs,
  cluster,
  ...
}:
let
  path = "clusters.${cluster.name}";
  package = if cluster.package != null then cluster.package else pkgs.kubernetes;
  version = import ../version.nix { inherit lib; } {
    inherit cluster package;
    # nixpkgs has one.
    available = [ (lib.versions.majorMinor pkgs.kubernetes.version) ];
  };
in
{
  imports = [
    ../host.nix
    ./containerd.nix
    ./configuration.nix
    ./kubelet.nix
    ./snapshots.nix
  ];

  options.nix8s.kubeadm.package = lib.mkOption {
    internal = true;
    type = lib.types.package;
    default = package;
    description = "Where kubeadm and the kubelet come from.";
  };

  config = {
    environment.systemPackages = [
      package
      pkgs.kubectl
      pkgs.cri-tools
      pkgs.etcd
      # What kubeadm looks for.
      pkgs.conntrack-tools
      pkgs.ethtool
      pkgs.iproute2
      pkgs.iptables
      pkgs.socat
      pkgs.util-linux
    ];

    nix8s.kubernetes.version = version.text;

    inherit (version) warnings;
    assertions = version.assertions ++ [
      {
        assertion = !cluster.secrets.encryptionAtRest;
        message = "${path}.secrets.encryptionAtRest: nix8s sets it up with k3s only; with kubeadm it takes a key file on every control plane. Remove it.";
      }
      {
        assertion = cluster.network.mesh == "none";
        message = "${path}.network.mesh: with kubeadm the network between pods is yours to install, and encryption is a setting of it. Remove it.";
      }
    ];
  };
}
