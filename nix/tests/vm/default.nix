# Clusters and installations in virtual machines, as NixOS tests: they need KVM and a binary cache.
#
#   nix build .#vmTests.x86_64-linux.ha
{
  nixpkgs,
  disko,
  system,
  # A module for every machine.
  besides ? { },
}:
let
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.${system};
  nix8s = import ../../lib { inherit nixpkgs disko; };
  machine = import ../../lib/machine.nix { inherit nixpkgs disko lib; };
  run =
    test:
    let
      inherit
        ((import (nixpkgs + "/nixos/lib") { inherit lib; }).evalTest {
          imports = [ test ];
          defaults.imports = [ besides ];
          hostPkgs = pkgs;
        })
        config
        ;
    in
    config.test
    // {
      inherit (config) nodes;
      script = config.testScriptString;
    };
  call =
    file:
    run (
      import file {
        inherit
          lib
          pkgs
          nixpkgs
          nix8s
          machine
          besides
          ;
      }
    );
in
{
  ha = call ./ha.nix;
  installer = call ./installer.nix;
  pxe = call ./pxe.nix;
}
