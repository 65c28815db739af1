# What a machine says of itself when it registers its Node. Later changes are made to the Node itself.
{ lib }:
let
  # Only these of Kubernetes' own namespaces may a kubelet give itself; with any other one it does not start.
  own = [
    "kubernetes.io/arch"
    "kubernetes.io/hostname"
    "kubernetes.io/os"
    "node.kubernetes.io/instance-type"
    "topology.kubernetes.io/region"
    "topology.kubernetes.io/zone"
  ];
  namespaceOf =
    key: lib.optionalString (lib.hasInfix "/" key) (builtins.head (lib.splitString "/" key));
  within = namespace: domain: namespace == domain || lib.hasSuffix ".${domain}" namespace;
  isAllowed =
    key:
    let
      namespace = namespaceOf key;
    in
    builtins.elem key own
    || within namespace "kubelet.kubernetes.io"
    || within namespace "node.kubernetes.io"
    || !(within namespace "kubernetes.io" || within namespace "k8s.io");
in
node: {
  # key=value
  labels = lib.mapAttrsToList (key: value: "${key}=${value}") (
    lib.filterAttrs (key: _: isAllowed key) node.kubernetes.labels
  );
  # key=value:Effect
  inherit (node.kubernetes) taints;
}
