# Which packages machines are made of.
{ lib, t, ... }:
let
  options = said: (t.nix8s.fromDocument (t.document said) { }).nixosConfigurations.c-m.options;
in
{
  "machines share one package set, so that it is evaluated once" =
    t.equal (options { }).nixpkgs.pkgs.highestPrio
      900;
  "a machine that has settings for its packages has a set of its own" =
    t.holds "it has the shared one"
      ((options { member.nixos.nixpkgs.config.allowUnfree = true; }).nixpkgs.pkgs.highestPrio != 900);
  "minor releases of k3s are found by their names" =
    t.equal
      (import ../../lib/minors.nix { inherit lib; } {
        x86_64-linux = {
          k3s = null;
          k3s_1_33 = null;
          k3s_1_34 = null;
        };
      } { distribution = "k3s"; })
      [
        "1.33"
        "1.34"
      ];
}
