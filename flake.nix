{
  description = "Bare metal to a Ready Kubernetes cluster on NixOS, from one declaration";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    flake-parts.url = "github:hercules-ci/flake-parts";
    flake-parts.inputs.nixpkgs-lib.follows = "nixpkgs";
    # Lays out disks.
    disko.url = "github:nix-community/disko";
    disko.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    inputs@{
      self,
      nixpkgs,
      disko,
      flake-parts,
    }:
    let
      nix8sLib = import ./nix/lib { inherit nixpkgs disko package; };
      package = system: self.packages.${system}.nix8s;
    in
    flake-parts.lib.mkFlake { inherit inputs; } {
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      perSystem =
        { pkgs, ... }:
        {
          packages = rec {
            # For machines of another architecture: nix8s.override (o: { onMachines = o.onMachines ++ [ … ]; }).
            nix8s = pkgs.callPackage ./nix/outputs/package.nix { onMachines = [ nix8s-on-machines ]; };
            nix8s-on-machines = pkgs.callPackage ./nix/outputs/package.nix { forMachines = true; };
            default = nix8s;
          };
          devShells.default = pkgs.mkShell {
            packages = [
              pkgs.cargo
              pkgs.cargo-nextest
              pkgs.clippy
              pkgs.rustc
              pkgs.rustfmt
              pkgs.shellcheck
            ];
          };
        };
      flake = {
        lib = nix8sLib;
        tests = import ./nix/tests {
          inherit
            nixpkgs
            disko
            flake-parts
            self
            ;
        };
        # Clusters in virtual machines. Not among the checks: those need neither KVM nor hours.
        vmTests = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system: import ./nix/tests/vm { inherit nixpkgs disko system; }
        );
        flakeModules = import ./nix { inherit nix8sLib package; };
        templates = {
          default = {
            path = ./templates/flake;
            description = "Clusters in a flake";
          };
          yaml = {
            path = ./templates/yaml;
            description = "Clusters in YAML";
          };
          nico = {
            path = ./templates/nico;
            description = "Clusters from a cluster.nix, as the NICO operator writes it";
          };
        };
      };
    };
}
