# The types of options, made from the JSON Schema of the document (`nix8s config schema`): keys are declared once, in
# crates/nix8s-core/src/input/schema.
#
# What is not set has no value at all: a default here would wipe what a template says. So the value of a table is the set of
# those keys that somebody has set, and `null`, which removes what is further up, stays.
{ lib }:
let
  inherit (lib) types;

  isExtension = lib.hasPrefix "x-";

  # Of several definitions maps are merged, and of anything else there can be one.
  any = lib.mkOptionType {
    name = "any";
    description = "anything";
    check = _: true;
    merge =
      loc: defs:
      if builtins.length defs == 1 then
        (builtins.head defs).value
      else if lib.all (def: builtins.isAttrs def.value) defs then
        builtins.foldl' lib.recursiveUpdate { } (map (def: def.value) defs)
      else
        lib.mergeOneOption loc defs;
  };

  # Paths become texts without being copied to the store.
  text = types.mkOptionType {
    name = "text";
    description = "text (numbers in quotes, because Nix does not keep 1.30 apart from 1.3)";
    check = value: builtins.isString value || builtins.isPath value || builtins.isInt value;
    merge =
      loc: defs:
      let
        value = lib.mergeEqualOption loc defs;
      in
      if builtins.isString value then value else toString value;
  };

  # Sets whose `x-` keys are handed on as they are.
  extensible =
    inner: pick:
    inner
    // {
      merge =
        loc: defs:
        let
          split = builtins.partition (def: builtins.isAttrs def.value) defs;
          keep =
            keeps: map (def: def // { value = lib.filterAttrs (name: _: keeps name) def.value; }) split.right;
          extensions = lib.zipAttrsWith (
            name: values:
            any.merge (loc ++ [ name ]) (
              map (value: {
                file = "nix8s";
                inherit value;
              }) values
            )
          ) (map (def: def.value) (keep isExtension));
        in
        pick (inner.merge loc (keep (name: !isExtension name) ++ split.wrong)) // extensions;
      # Whoever makes a type anew of this one's parts loses the above.
      typeMerge = _: null;
      getSubModules = null;
    };

  # What only Nix can say, beside what the schema knows.
  withNix =
    properties:
    properties
    // lib.optionalAttrs (properties ? nixosModules) {
      nixosModules = properties.nixosModules // {
        items = { };
      };
    }
    // lib.optionalAttrs (properties ? apiServerAddresses) {
      package.description = "The package to take instead of the one of the version's minor release; a flake only.";
    };

  table =
    written:
    let
      schema.properties = withNix written.properties;
      module =
        { options, ... }:
        {
          options = lib.mapAttrs (_: option) schema.properties // {
            _set = lib.mkOption {
              type = types.raw;
              internal = true;
              readOnly = true;
              description = "The keys that somebody has set.";
            };
          };
          config._set = lib.mapAttrs (_: known: known.value) (
            lib.filterAttrs (name: known: schema.properties ? ${name} && known.isDefined) options
          );
        };
    in
    extensible (types.submodule module) (value: value._set);

  words = values: types.enum (builtins.filter (value: value != null) values);

  bare =
    schema:
    let
      kinds = lib.toList (schema.type or [ ]);
      has = kind: builtins.elem kind kinds;
    in
    if schema ? anyOf then
      types.oneOf (map bare schema.anyOf)
    else if schema ? enum then
      words schema.enum
    else if schema ? properties then
      table schema
    else if builtins.isAttrs (schema.additionalProperties or null) then
      extensible (types.attrsOf (type schema.additionalProperties)) lib.id
    else if has "array" then
      types.listOf (bare schema.items)
    else if has "boolean" then
      types.bool
    else if has "integer" then
      types.ints.between schema.minimum schema.maximum
    else if has "string" then
      text
    else if has "number" then
      types.number
    else
      any;

  type = schema: types.nullOr (bare schema);

  option =
    schema:
    lib.mkOption {
      type = type schema;
      description = schema.description or "See the key above.";
    };
in
{
  inherit
    option
    table
    any
    extensible
    ;
}
