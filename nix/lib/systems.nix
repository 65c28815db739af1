# Every system of a fleet, at every Kubernetes version that may be asked for.
{
  nixpkgs,
  disko,
  lib,
  # The program, by system; null: it is not in images.
  package ? _: null,
}:
let
  machine = (import ./machine.nix { inherit nixpkgs disko lib; }).system;
  inherit (import ./fleet.nix { inherit lib; }) fleet version;
  minors = import ./minors.nix { inherit lib; };
  images = import ../provisioners;
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
    lib.genAttrs (lib.unique ([ cluster.version ] ++ minors nixpkgs.legacyPackages cluster)) (
      current: if current == cluster.version then configurations wanted name else at name current
    )
  ) wanted.clusters;

  # Systems besides a machine's own: what installs it, and what it is when it has left.
  besides =
    cluster: node:
    let
      other =
        node: instead:
        machine {
          fleet = wanted;
          inherit cluster node instead;
        };
      image =
        kind:
        other node [
          images.${kind}
          {
            _module.args = {
              nix8sTarget = configured.${node.name};
              nix8sKeys = node.ssh.authorizedKeys;
              nix8sPackage = package node.system;
            };
          }
        ];
    in
    {
      "${node.name}-installer" = image "installer";
      "${cluster.name}-${node.member}-iso" = image "iso";
      "${node.name}-minimal" = other (node // { role = "none"; }) cleaned;
    };

  cleaned = [
    disko.nixosModules.disko
    ../disko
    ../extensions
    ../nixos/minimal.nix
  ];

  # Of a fleet whose machines differ in nothing but name and address, as those of cluster.nix.
  minimal =
    let
      cluster = builtins.head (builtins.attrValues wanted.clusters);
      node = builtins.head (builtins.attrValues cluster.machines);
    in
    machine {
      fleet = wanted;
      inherit cluster;
      node = node // {
        role = "none";
        name = "minimal";
        ip = null;
        network = node.network // {
          dhcp = true;
          mac = null;
        };
      };
      instead = cleaned;
    };

  discovery = nixpkgs.lib.nixosSystem {
    modules = [
      images.discovery
      {
        nixpkgs.hostPlatform = "x86_64-linux";
        _module.args.nix8sPackage = package "x86_64-linux";
      }
    ];
  };

  each = make: lib.mapAttrs (_: lib.mapAttrs (_: lib.mapAttrs (_: make))) versions;
  configured = lib.concatMapAttrs (
    name: cluster: versions.${name}.${cluster.version}
  ) wanted.clusters;
in
{
  fleet = wanted;
  # A machine's own system wins over a name that is made up here.
  nixosConfigurations =
    lib.concatMapAttrs (
      name: cluster:
      { "${name}-discovery" = discovery; } // lib.concatMapAttrs (_: besides cluster) cluster.machines
    ) wanted.clusters
    // lib.optionalAttrs (wanted.clusters != { }) { inherit minimal; }
    // configured;
  nix8sConfigurations = each lib.id;
  nix8sBuilds = each (configuration: configuration.config.system.build.toplevel);
  nix8sSystems = each (configuration: {
    path = configuration.config.system.build.toplevel.outPath;
    inherit (configuration.config.nix8s.system) parts version;
  });
}
