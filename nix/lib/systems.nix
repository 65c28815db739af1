# Every system of a fleet, at every Kubernetes version that may be asked for.
{
  nixpkgs,
  disko,
  lib,
}:
let
  machine = import ./machine.nix { inherit nixpkgs disko lib; };
  inherit (import ./fleet.nix { inherit lib; }) fleet version;
  minors = import ./minors.nix { inherit lib; };
in
{
  document,
  modulesFor ? { },
  root ? null,
}:
let
  wanted = fleet { inherit document; };

  configurations =
    fleet: name:
    lib.mapAttrs (
      _: node:
      machine {
        inherit
          fleet
          node
          modulesFor
          root
          ;
        cluster = fleet.clusters.${name};
      }
    ) fleet.clusters.${name}.machines;

  at =
    name: current:
    configurations (fleet {
      inherit document;
      versions.${name} = current;
    }) name;

  # nix8s asks for the configured version, or for a minor release on the way to it.
  versions = lib.mapAttrs (
    name: cluster:
    lib.genAttrs (lib.unique (
      [ cluster.version ] ++ minors nixpkgs.legacyPackages cluster
    )) (current: if current == cluster.version then configurations wanted name else at name current)
  ) wanted.clusters;

  each = make: lib.mapAttrs (_: lib.mapAttrs (_: lib.mapAttrs (_: make))) versions;
  configured = lib.concatMapAttrs (name: cluster: versions.${name}.${cluster.version}) wanted.clusters;
in
{
  fleet = wanted;
  nixosConfigurations = configured;
  nix8sConfigurations = each lib.id;
  nix8sBuilds = each (configuration: configuration.config.system.build.toplevel);
  nix8sSystems = each (configuration: {
    path = configuration.config.system.build.toplevel.outPath;
    inherit (configuration.config.nix8s.system) parts version;
  });
}
