# One configuration for each machine in cluster.nix, and `minimal`, which cleans a machine up.
{
  description = "A cluster from cluster.nix";

  inputs = {
    # The release of NixOS that the machines run.
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    nix8s.url = "github:nix8s/nix8s";
    nix8s.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nix8s, ... }:
    nix8s.lib.fromClusterNix {
      dir = ./.;
      # What cluster.nix does not hold. Prefer a disk's name below /dev/disk/by-id.
      disk = "/dev/sda";
      network.interface = "eth0";
      # NixOS modules for every machine, with the last word.
      modules = [ ];
    };
}
