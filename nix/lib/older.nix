# Older spellings in a document become those of today, before anything is resolved; Rust does the same in
# crates/nix8s-core/src/input/older.rs.
{ lib }:
let
  # Where a setting stood, and where it stands; what is written in today's spelling wins.
  inCluster = [
    {
      from = [
        "k3s"
        "version"
      ];
      to = [ "version" ];
    }
    {
      from = [
        "kubernetes"
        "version"
      ];
      to = [ "version" ];
    }
    {
      from = [
        "k3s"
        "network"
        "clusterCidr"
      ];
      to = [
        "network"
        "podCidr"
      ];
    }
    {
      from = [
        "k3s"
        "network"
        "serviceCidr"
      ];
      to = [
        "network"
        "serviceCidr"
      ];
    }
    {
      from = [
        "k3s"
        "network"
        "clusterDns"
      ];
      to = [
        "network"
        "clusterDns"
      ];
    }
    {
      from = [
        "kubernetes"
        "podCidr"
      ];
      to = [
        "network"
        "podCidr"
      ];
    }
    {
      from = [
        "kubernetes"
        "serviceCidr"
      ];
      to = [
        "network"
        "serviceCidr"
      ];
    }
    {
      from = [ "firstServer" ];
      to = [
        "ha"
        "firstServer"
      ];
    }
    {
      from = [
        "ha"
        "haproxy"
        "vip"
      ];
      to = [
        "ha"
        "vip"
      ];
    }
    {
      from = [
        "ha"
        "haproxy"
        "interface"
      ];
      to = [
        "ha"
        "interface"
      ];
    }
    {
      from = [
        "ha"
        "haproxy"
        "port"
      ];
      to = [
        "ha"
        "port"
      ];
    }
    {
      from = [
        "k3s"
        "extraArgs"
        "server"
      ];
      to = [
        "k3s"
        "extraArgs"
        "control-plane"
      ];
    }
    {
      from = [
        "k3s"
        "extraArgs"
        "agent"
      ];
      to = [
        "k3s"
        "extraArgs"
        "worker"
      ];
    }
    {
      from = [
        "kubeadm"
        "extraArgs"
        "server"
      ];
      to = [
        "kubeadm"
        "extraArgs"
        "control-plane"
      ];
    }
    {
      from = [
        "kubeadm"
        "extraArgs"
        "agent"
      ];
      to = [
        "kubeadm"
        "extraArgs"
        "worker"
      ];
    }
    {
      from = [
        "k0s"
        "extraArgs"
        "server"
      ];
      to = [
        "k0s"
        "extraArgs"
        "control-plane"
      ];
    }
    {
      from = [
        "k0s"
        "extraArgs"
        "agent"
      ];
      to = [
        "k0s"
        "extraArgs"
        "worker"
      ];
    }
    {
      from = [ "helmPackages" ];
      to = [ "helm" ];
    }
    {
      from = [
        "cozystack"
        "linstor"
      ];
      to = [ "linstor" ];
    }
    {
      from = [
        "cozystack"
        "metallb"
      ];
      to = [ "metallb" ];
    }
    {
      from = [
        "cozystack"
        "clusterDomain"
      ];
      to = [ "clusterDomain" ];
    }
  ];

  inMachine = [
    {
      from = [
        "install"
        "disk"
      ];
      to = [
        "install"
        "disks"
        "main"
      ];
    }
    {
      from = [ "linstor" ];
      to = [
        "extensions"
        "linstor"
      ];
    }
  ];

  without =
    path: tree:
    let
      key = builtins.head path;
      rest = builtins.tail path;
    in
    if rest == [ ] then removeAttrs tree [ key ] else tree // { ${key} = without rest tree.${key}; };

  shift =
    tree:
    { from, to }:
    let
      reaches = lib.all (depth: builtins.isAttrs (lib.attrByPath (lib.take depth from) null tree)) (
        lib.range 1 (builtins.length from - 1)
      );
    in
    if !reaches || !(lib.hasAttrByPath from tree) then
      tree
    else
      lib.recursiveUpdateUntil (
        _: above: below:
        !(builtins.isAttrs above && builtins.isAttrs below)
      ) (lib.setAttrByPath to (lib.getAttrFromPath from tree)) (without from tree);

  roles = {
    server = "control-plane";
    agent = "worker";
  };

  machine =
    written:
    let
      shifted = builtins.foldl' shift written inMachine;
      nvidia = shifted.extensions.nvidia or null;
      role = shifted.role or null;
    in
    shifted
    // lib.optionalAttrs (role != null) { role = roles.${role} or role; }
    // lib.optionalAttrs ((shifted.ssh.rootLogin or null) == false) {
      ssh = shifted.ssh // {
        rootLogin = "no";
      };
    }
    // lib.optionalAttrs (nvidia != null) {
      extensions = removeAttrs shifted.extensions [ "nvidia" ] // {
        gpu = {
          vendor = "nvidia";
        }
        // nvidia
        // (shifted.extensions.gpu or { });
      };
    };

  member =
    written:
    let
      own = machine written;
    in
    if builtins.isAttrs (own.node or null) then own // { node = machine own.node; } else own;

  cluster =
    written:
    let
      haproxy = written.ha.haproxy.enable or false;
      off = (written.ha.enable or true) == false;
      shifted = builtins.foldl' shift written inCluster;
      mode =
        if off then
          "none"
        else if haproxy then
          "haproxy"
        else
          null;
    in
    shifted
    // lib.optionalAttrs (shifted ? ha) {
      ha =
        lib.optionalAttrs (mode != null) { inherit mode; }
        // removeAttrs shifted.ha [
          "haproxy"
          "enable"
        ];
    }
    // lib.optionalAttrs (shifted ? members) { members = lib.mapAttrs (_: member) shifted.members; };
  present = lib.filterAttrs (name: value: value != null && !(lib.hasPrefix "x-" name));
in
document:
document
// lib.optionalAttrs (document ? nodes) {
  nodes = lib.mapAttrs (_: machine) (present document.nodes);
}
// lib.optionalAttrs (document ? clusters) {
  clusters = lib.mapAttrs (_: cluster) (present document.clusters);
}
