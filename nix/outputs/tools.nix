# The program and what is called with it: packages, apps under the names of the older designs, and a shell.
{ nix8sLib, package }:
{ config, ... }:
let
  said = config.nix8s;
  inherit (nix8sLib.systems { inherit (said) document; }) fleet;
in
{
  perSystem =
    {
      lib,
      pkgs,
      system,
      ...
    }:
    let
      nix8s = package system;
    in
    {
      packages = {
        inherit nix8s;
        # JSON is YAML too.
        config-yaml = pkgs.writeText "nix8s.yaml" (builtins.toJSON (nix8sLib.plain said.document));
      };
      apps = import ./apps.nix {
        inherit
          lib
          pkgs
          nix8s
          fleet
          ;
      };
      devShells.default = lib.mkDefault (
        pkgs.mkShell {
          packages = [
            nix8s
            pkgs.age
            pkgs.kubectl
            pkgs.nixos-anywhere
            pkgs.sops
          ];
        }
      );
    };
}
