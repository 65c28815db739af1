# What `nix flake init -t` writes is right as it is.
{
  lib,
  t,
  nixpkgs,
  flake-parts,
  self,
  ...
}:
let
  call =
    file:
    let
      outputs = (import file).outputs {
        inherit nixpkgs flake-parts;
        nix8s = self;
        self = { };
      };
    in
    outputs;
  flake = call ../../../templates/flake/flake.nix;
  failed = machine: map (a: a.message) (builtins.filter (a: !a.assertion) machine.config.assertions);
in
{
  "the template of flakes gives its machines" =
    t.equal (builtins.attrNames flake.nix8sBuilds.home."1.34")
      [
        "home-server1"
        "home-server2"
        "home-server3"
        "home-worker1"
        "home-worker2"
      ];
  "the template of flakes evaluates" = t.equal (lib.concatMap failed (
    lib.attrVals [ "home-server1" "home-worker2" ] flake.nixosConfigurations
  )) [ ];
  "the template of flakes says what nix8s reads" = t.equal flake.nix8s.clusters.home.version "1.34";
  "systems are there by version, and on the way to it" = t.holds "1.33 and 1.34 are not among them" (
    lib.all (version: flake.nix8sSystems.home ? ${version}) [
      "1.33"
      "1.34"
    ]
  );
}
