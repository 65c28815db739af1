# What a flake with `flakeModules.default` gets: a NixOS configuration for each machine, and the outputs that nix8s reads.
{ nix8sLib, ... }:
{ config, ... }:
let
  said = config.nix8s;
  all = nix8sLib.systems {
    inherit (said) document;
    modulesFor = said.nixosModulesFor;
  };
in
{
  flake = {
    inherit (all)
      nixosConfigurations
      nix8sSystems
      nix8sBuilds
      nix8sConfigurations
      ;
    nix8s = nix8sLib.plain said.document;
  };
}
