# Which Kubernetes a version of the document becomes.
{ lib, t, ... }:
let
  all = builtins.foldl' (found: next: if found != null then found else next) null;
  unit = said: (t.config said).systemd.units."k3s.service".text;
in
{
  "x_18: the version chooses the package" = all [
    (t.equal (t.config { cluster.version = "1.31"; }).nix8s.kubernetes.version "v1.31.7+k3s1")
    (t.contains (unit { cluster.version = "1.33"; }) "-k3s_1_33/bin/k3s server")
  ];
  "a minor release that is not there is refused with those that are" =
    t.refuses
      {
        cluster.version = "1.20";
      }
      "clusters.c.version: there is no package of k3s 1.20 in this nixpkgs. There are: 1.30, 1.31, 1.32, 1.33, 1.34.";
  "another patch release is a warning" = all [
    (t.warns {
      cluster.version = "v1.32.9+k3s1";
    } "clusters.c.version: v1.32.9+k3s1 is asked for, and this nixpkgs has v1.32.3+k3s1")
    (t.equal (builtins.filter (lib.hasInfix "clusters.c.version")
      (t.config { cluster.version = "v1.32.3+k3s1"; }).warnings
    ) [ ])
  ];
}
