# The document as options: `nix8s.nodes`, `nix8s.clusters` and so on, the same keys as in YAML. For flakes, and for documents that are
# read from JSON.
{ lib, ... }:
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

  known = lib.types.submodule {
    options =
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
      };
  };
in
{
  options.nix8s = lib.mkOption {
    type = schema.extensible known lib.id;
    default = { };
    description = "Clusters and their machines.";
    # `document` is what all of it says together: the keys that somebody has set, and those that begin with `x-`.
    apply =
      said:
      said
      // {
        document = lib.filterAttrs (_: value: value != null && value != { }) (
          removeAttrs said [ "nixosModulesFor" ]
        );
      };
  };
}
