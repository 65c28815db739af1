# The document of the kubeadm design's `clusterConfig`, as far as systems are made from it. What is not carried over is what
# `nix8s config import --from cluster-config` says; that command is the way to stay.
{ lib }:
config:
let
  inherit (import ./cluster-disko.nix { inherit lib; })
    moved
    move
    same
    disko
    ;

  label =
    name:
    let
      plain = lib.stringAsChars (c: if builtins.match "[a-z0-9]" c == null then "-" else c) (
        lib.toLower name
      );
      trimmed = builtins.match "-*(.*[a-z0-9])-*" plain;
    in
    if trimmed == null then "unnamed" else builtins.head trimmed;

  inCluster = [
    (same "domain")
    (move "kubernetes.version" "version")
    (move "kubernetes.podCidr" "network.podCidr")
    (move "kubernetes.serviceCidr" "network.serviceCidr")
    (move "kubernetes.pki.external" "pki.external")
    (move "kubernetes.pki.caCert" "pki.caCert")
    (move "kubernetes.pki.caKey" "pki.caKey")
    (same "cozystack.version")
    (same "cozystack.host")
    (same "cozystack.variant")
    (same "cozystack.maxPods")
    (move "cozystack.network.podCIDR" "cozystack.network.podCidr")
    (move "cozystack.network.serviceCIDR" "cozystack.network.serviceCidr")
    (move "cozystack.network.joinCIDR" "cozystack.network.joinCidr")
    (move "ha.loadBalancer.vip" "ha.vip")
    (move "ha.loadBalancer.interface" "ha.interface")
  ];

  inMachine = [
    (same "role")
    (same "profiles")
    (move "mac" "network.mac")
    (same "ssh.host")
    (same "ssh.port")
    (same "ssh.user")
    (same "ssh.keyFile")
  ];

  inExtensions = map same [
    "drbd.enable"
    "gpu.enable"
    "gpu.vendor"
    "storage.enable"
    "monitoring.enable"
    "monitoring.nodeExporter"
  ];

  settings =
    said:
    let
      nixos = said.nixos or { };
      extensions = lib.recursiveUpdate (moved inExtensions (said.extensions or { })) (
        moved inExtensions (nixos.cozystack.extensions or { })
      );
      options = removeAttrs nixos [ "cozystack" ];
    in
    builtins.foldl' lib.recursiveUpdate (moved inMachine said) [
      (disko (said.disko or { }))
      (disko (nixos.cozystack.disko or { }))
      (lib.optionalAttrs (extensions != { }) { inherit extensions; })
      (lib.optionalAttrs (options != { }) { nixos = options; })
      (lib.optionalAttrs (said ? modules) { nixosModules = said.modules; })
    ];

  template =
    _: said:
    settings said
    // lib.optionalAttrs ((said.extends or null) != null) { extends = label said.extends; };

  member =
    kind: name: said:
    settings said
    // {
      name = label name;
      provisioner = kind;
      ip = said.ip or "auto";
    }
    // lib.optionalAttrs (said ? configuration) { node = label said.configuration; };

  labelled = lib.mapAttrs' (name: lib.nameValuePair (label name));
  provisioners = config.provisioners or { };
  enabled = config.ha.enabled or config.ha.enable or null;
  cluster = moved inCluster config;
in
{
  nodes = labelled (lib.mapAttrs template (config.nodeConfigurations or { }));
  clusters.${label (config.name or "cluster")} =
    cluster
    // {
      distribution = "kubeadm";
      members = labelled (
        lib.concatMapAttrs (kind: said: lib.mapAttrs (member kind) (said.nodes or { })) provisioners
      );
    }
    // lib.optionalAttrs (enabled != null) {
      ha = if enabled then cluster.ha or { } // { mode = "kube-vip"; } else { mode = "none"; };
    }
    // lib.optionalAttrs (config ? cozystack) {
      cozystack = {
        enable = true;
      }
      // cluster.cozystack or { };
    };
  provisioning = lib.mapAttrs (_: _: { }) provisioners;
}
