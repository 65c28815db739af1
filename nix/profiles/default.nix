# Profiles by the words in a machine's `profiles`. The base, Kubernetes and the role are always there, so that their words add nothing.
{
  lib,
  node,
  ...
}:
let
  known = {
    minimal = ./minimal.nix;
  };
  implied = [
    "base"
    "kubernetes"
    "control-plane"
    "worker"
  ];
  others = lib.subtractLists (builtins.attrNames known ++ implied) node.profiles;
in
{
  imports = map (name: known.${name}) (builtins.filter (name: known ? ${name}) node.profiles);

  warnings =
    lib.optional (others != [ ])
      "clusters.${node.cluster}.members.${node.member}.profiles: ${lib.concatStringsSep ", " others} is no profile of nix8s, and does only what modules of yours make of it (`node.profiles`). nix8s has ${lib.concatStringsSep ", " (builtins.attrNames known)}";
}
