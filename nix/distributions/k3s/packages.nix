# The names of k3s's packages by minor release. They are asked for one by one: a package set has tens of thousands of names, and each machine
# would go through all of them.
{ lib }:
packages:
builtins.filter (name: packages ? ${name}) (
  map (minor: "k3s_1_${toString minor}") (lib.range 20 99)
)
