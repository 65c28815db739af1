# A document without what only Nix can hold (functions, packages, modules), which is what Rust reads.
{ lib }:
let
  data =
    value: !(builtins.isFunction value || lib.isDerivation value || (value._type or null) != null);
  plain =
    value:
    if builtins.isList value then
      map plain (builtins.filter data value)
    else if builtins.isAttrs value then
      lib.mapAttrs (_: plain) (lib.filterAttrs (name: below: name != "nixosModules" && data below) value)
    else if builtins.isPath value then
      toString value
    else
      value;
in
plain
