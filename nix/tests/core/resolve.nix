# The corpus of resolution, which Rust passes too.
{ lib, t, ... }:
let
  folder = ../../../crates/nix8s-core/tests/resolve;
  resolve = import ../../lib/resolve.nix { inherit lib; };
  older = import ../../lib/older.nix { inherit lib; };
  case =
    file: _:
    let
      case = builtins.fromJSON (builtins.readFile (folder + "/${file}"));
      document = older case.document;
      resolved = lib.mapAttrs (
        cluster: said:
        lib.mapAttrs (
          member: resolve.member document.nodes "clusters.${cluster}.members.${member}"
        ) said.members
      ) document.clusters;
      # Options refuse what resolving does not look at.
      whole = t.nix8s.fromDocument case.document { };
    in
    lib.nameValuePair "resolve/${file}" (
      if case ? resolved then
        t.equal resolved case.resolved
      else
        t.throws [
          resolved
          whole.nix8s
        ]
    );
in
lib.mapAttrs' case (builtins.readDir folder)
