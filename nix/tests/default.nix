# Everything that can be said about configurations without building them: each case is null, or says what is wrong.
#
#   nix eval --json .#tests.failures          {} when all is well
#   nix eval --json .#tests.of.core.options   one file of cases
{
  nixpkgs,
  disko,
  flake-parts,
  self,
}:
let
  inherit (nixpkgs) lib;
  t = import ./harness.nix { inherit nixpkgs disko lib; };
  groups = {
    core = ./core;
    kube = ./kube;
    metal = ./metal;
  };
  files =
    folder:
    lib.mapAttrs' (
      file: _:
      lib.nameValuePair (lib.removeSuffix ".nix" file) (
        import (folder + "/${file}") {
          inherit
            lib
            t
            nixpkgs
            disko
            flake-parts
            self
            ;
        }
      )
    ) (lib.filterAttrs (file: _: lib.hasSuffix ".nix" file) (builtins.readDir folder));
  of = lib.mapAttrs (_: files) groups;
  all = lib.concatMapAttrs (
    group: lib.concatMapAttrs (_: lib.mapAttrs' (name: lib.nameValuePair "${group}: ${name}"))
  ) of;
in
{
  inherit of;
  failures = lib.filterAttrs (_: result: result != null) all;
  # So that a folder that is empty by mistake is noticed.
  count = builtins.length (builtins.attrNames all);
}
