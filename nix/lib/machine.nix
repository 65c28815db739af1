# One machine's NixOS configuration: the modules of its system, and the system. Whoever comes later in the list has the later word; the
# user's modules are last.
{
  nixpkgs,
  disko,
  lib,
}:
let
  distributions = import ../distributions;
  ha = import ../ha;

  modules =
    {
      cluster,
      node,
      modulesFor ? { },
      # The folder that paths of the document begin in.
      root ? null,
      ...
    }:
    let
      kubernetes = lib.optionals (node.role != "none") (
        [
          distributions.${cluster.distribution}.module
          ../platforms
        ]
        ++ lib.optional (node.role == "control-plane") ha.${cluster.ha.mode}
      );

      # In YAML a module is named by its path.
      user =
        module:
        if !(builtins.isString module) || lib.hasPrefix "/" module then
          module
        else if root == null then
          throw "clusters.${cluster.name}.members.${node.member}.nixosModules: ${module} is a text; in a flake, write the path itself: ./${module}"
        else
          root + "/${module}";
    in
    [
      disko.nixosModules.disko
      ../disko
      ../extensions
      ../profiles
    ]
    ++ kubernetes
    ++ (modulesFor.${node.name} or [ ])
    ++ [
      {
        _file = "clusters.${cluster.name}.members.${node.member}.nixos";
        config = node.nixos;
      }
    ]
    ++ map user node.nixosModules;
in
{
  inherit modules;

  system =
    {
      fleet,
      cluster,
      node,
      # Modules of an image that installs this machine, instead of its own system's.
      instead ? null,
      ...
    }@said:
    nixpkgs.lib.nixosSystem {
      specialArgs = {
        inherit fleet cluster node;
        # What v0.6 handed over.
        nix8s = {
          inherit cluster node;
          member = node;
        };
      };
      modules = [
        ../nixos
        { nixpkgs.hostPlatform = lib.mkDefault node.system; }
      ]
      # Machines have one package set, which is evaluated once; one that has settings of its own for it has its own.
      ++ lib.optional (!node.extensions.gpu.enable) (
        { options, ... }:
        {
          # Its default counts as a definition.
          nixpkgs.pkgs = lib.mkIf (lib.all (said: said == { }) options.nixpkgs.config.definitions) (
            lib.mkOverride 900 nixpkgs.legacyPackages.${node.system}
          );
        }
      )
      ++ (if instead == null then modules said else instead);
    };
}
