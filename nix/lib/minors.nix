# Which minor releases of Kubernetes a package set has for a distribution.
{ lib }:
packages: cluster:
let
  # They have the same names on every platform.
  known = packages.x86_64-linux;
  k3s = import ../distributions/k3s/packages.nix { inherit lib; } known;
in
if cluster.distribution == "k3s" then
  map (name: lib.replaceStrings [ "_" ] [ "." ] (lib.removePrefix "k3s_" name)) k3s
else
  lib.optional (known ? kubernetes) (lib.versions.majorMinor known.kubernetes.version)
