# Everything that can be said about configurations without building them: each case is null, or says what is wrong.
#
#   nix eval --json .#tests        {} when all is well
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
  cases =
    group: folder:
    lib.concatMapAttrs (
      file: _:
      lib.mapAttrs' (name: lib.nameValuePair "${group}: ${name}") (
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
  all = lib.concatMapAttrs cases groups;
in
{
  failures = lib.filterAttrs (_: result: result != null) all;
  # So that a folder that is empty by mistake is noticed.
  count = builtins.length (builtins.attrNames all);
}
