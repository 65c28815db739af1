# What flakes call: `nix8s.lib.…`.
{
  nixpkgs,
  disko,
  # The program, by system; null: nothing here can have it built.
  package ? null,
}:
let
  inherit (nixpkgs) lib;
  systems = import ./systems.nix {
    inherit nixpkgs disko lib;
    package = if package == null then _: null else package;
  };
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
  clusterConfigDocument = import ./cluster-config.nix { inherit lib; };
  ofClusterConfig =
    clusterConfig: outputs null (checked [ { nix8s = clusterConfigDocument clusterConfig; } ]);
in
{
  inherit plain systems;

  # The calls of the kubeadm design. What `nixpkgs` a machine gets is that of this flake's caller (`inputs.nix8s.inputs.nixpkgs.follows`).
  mkClusterNodes = { clusterConfig, ... }: (ofClusterConfig clusterConfig).nixosConfigurations;
  mkClusterPackages =
    { clusterConfig, pkgs }:
    {
      nix8s = package pkgs.stdenv.hostPlatform.system;
      config-yaml = pkgs.writeText "nix8s.yaml" (builtins.toJSON (ofClusterConfig clusterConfig).nix8s);
    };
  # The document is made of `clusterConfig` each time, and stands in the folder that this is called in.
  mkBootstrapApp =
    { clusterConfig, pkgs }:
    let
      nix8s = lib.getExe (package pkgs.stdenv.hostPlatform.system);
      said = pkgs.writeText "cluster-config.json" (builtins.toJSON (plain clusterConfig));
    in
    {
      type = "app";
      program = toString (
        pkgs.writeShellScript "bootstrap" ''
          set -eu
          mkdir -p .nix8s
          ${nix8s} config import --from cluster-config ${said} > .nix8s/nix8s.yaml.new
          mv .nix8s/nix8s.yaml.new .nix8s/nix8s.yaml
          exec ${nix8s} --config .nix8s/nix8s.yaml apply "$@"
        ''
      );
      meta.description = "nix8s apply, of ${toString (builtins.attrNames (ofClusterConfig clusterConfig).nix8s.clusters)}";
    };

  # The outputs of a folder with `cluster.nix`: a NixOS configuration for each machine, and `minimal`. `network`, `disk` and `modules` are
  # what that file does not hold.
  fromClusterNix =
    {
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
