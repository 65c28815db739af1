# Systems that look like NixOS from outside, without nixpkgs. `fleet.json` says which there are.
{
  outputs = { self }:
    let
      fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
      perVersion = make: builtins.mapAttrs
        (cluster: { versions, machines }: builtins.listToAttrs (map
          (version: {
            name = version;
            value = builtins.mapAttrs
              (name: machine: make (import ./system.nix { inherit name version machine; inherit (fleet) system; }))
              machines;
          })
          versions))
        fleet.clusters;
      # Nothing lays out disks: what stands in its place is there, and that is all.
      configuration = system: { config.system.build = { inherit (system) toplevel; diskoScript = system.toplevel; }; };
      # A machine's system at its cluster's last version.
      latest = builtins.mapAttrs
        (cluster: { versions, ... }:
          self.nix8sConfigurations.${cluster}.${builtins.elemAt versions (builtins.length versions - 1)})
        fleet.clusters;
    in
    {
      nix8sSystems = perVersion (system: { path = system.toplevel.outPath; inherit (system) parts version; });
      nix8sBuilds = perVersion (system: system.toplevel);
      nix8sConfigurations = perVersion configuration;
      nixosConfigurations = builtins.foldl' (all: cluster: all // cluster) { } (builtins.attrValues latest);
    };
}
