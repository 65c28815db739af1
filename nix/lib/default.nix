# What flakes call: `nix8s.lib.…`.
{ nixpkgs, disko }:
let
  inherit (nixpkgs) lib;
  systems = import ./systems.nix { inherit nixpkgs disko lib; };
  plain = import ./plain.nix { inherit lib; };

  # A document through the options, so that what is wrong with it is said, and with what only Nix can add.
  checked =
    modules:
    (lib.evalModules {
      modules = [ ../options ] ++ modules;
    }).config.nix8s;

  outputs =
    root: said:
    let
      all = systems {
        inherit root;
        inherit (said) document;
        modulesFor = said.nixosModulesFor;
      };
    in
    removeAttrs all [ "fleet" ] // { nix8s = plain said.document; };
  clusterNix = import ./cluster-nix.nix { inherit lib; };
in
{
  inherit plain systems;

  # The outputs of a folder with `cluster.nix`: a NixOS configuration for each machine, and `minimal`. `network`, `disk` and `modules` are
  # what that file does not hold.
  fromClusterNix =
    {
      dir,
      version ? lib.versions.majorMinor nixpkgs.legacyPackages.x86_64-linux.k3s.version,
      ...
    }@said:
    outputs null (checked [ { nix8s = clusterNix (said // { inherit version; }); } ]);

  # The outputs of a flake whose configuration is a document (what `builtins.fromJSON` or the flake of a YAML project has);
  # `modules` are further modules of the same options, for what only Nix can say; `root` is the folder that the document's paths
  # begin in.
  fromDocument =
    document:
    {
      modules ? [ ],
      root ? null,
    }:
    outputs root (checked ([ { nix8s = document; } ] ++ modules));
}
