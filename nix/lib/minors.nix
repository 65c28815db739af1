# Which minor releases of Kubernetes a package set has for a distribution.
{ lib }:
packages: cluster:
let
  # They have the same names on every platform.
  known = packages.x86_64-linux;
  k3s = lib.concatMap (
    name:
    let
      found = builtins.match "k3s_([0-9]+)_([0-9]+)" name;
    in
    lib.optional (found != null) "${builtins.elemAt found 0}.${builtins.elemAt found 1}"
  ) (builtins.attrNames known);
in
if cluster.distribution == "k3s" then
  k3s
else
  lib.optional (known ? kubernetes) (lib.versions.majorMinor known.kubernetes.version)
