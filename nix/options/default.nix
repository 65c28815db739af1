# The document as options: `nix8s.nodes`, `nix8s.clusters` and so on, the same keys as in YAML. For flakes, and for documents that are
# read from JSON.
{ lib, config, ... }:
let
  schema = import ../lib/schema.nix { inherit lib; };
  document = builtins.fromJSON (builtins.readFile ./schema.json);
  keys = builtins.attrNames document.properties;

  map' =
    key:
    builtins.elem key [
      "nodes"
      "clusters"
      "provisioning"
      "users"
    ];
in
{
  options.nix8s =
    lib.genAttrs keys (
      key:
      schema.option document.properties.${key}
      // {
        default = if map' key then { } else null;
      }
    )
    // {
      nixosModulesFor = lib.mkOption {
        type = lib.types.attrsOf (lib.types.listOf lib.types.deferredModule);
        default = { };
        example = lib.literalExpression "{ prod-server1 = [ ./modules/rack.nix ]; }";
        description = "NixOS modules for single machines, by name; for modules of other projects. What a template or a member names under `nixosModules` comes after these.";
      };
      document = lib.mkOption {
        type = lib.types.raw;
        readOnly = true;
        description = "What all of these say together: the keys that somebody has set, and those that begin with `x-`.";
      };
    };

  config.nix8s.document = lib.filterAttrs (
    name: value: (builtins.elem name keys || lib.hasPrefix "x-" name) && value != null && value != { }
  ) config.nix8s;
}
