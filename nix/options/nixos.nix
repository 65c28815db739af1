# `nix8s.*` on a machine: what the document says of it, so that a machine's own modules can say otherwise, and what modules of nix8s
# tell each other.
{
  lib,
  config,
  node,
  ...
}:
let
  inherit (lib) mkOption types;
  schema = import ../lib/schema.nix { inherit lib; };
  document = builtins.fromJSON (builtins.readFile ./schema.json);
  template = document.properties.nodes.additionalProperties.properties;
  # Of today's keys only; older spellings are gone by now.
  known = keys: schema: schema // { properties = removeAttrs schema.properties keys; };
  # Each value by itself, so that one of them can be overridden and the others stay.
  defaults =
    value:
    if builtins.isAttrs value && value != { } then
      lib.mapAttrs (_: defaults) value
    else
      lib.mkDefault value;
  part = mkOption {
    type = types.attrsOf schema.any;
    default = { };
    description = "Further values that belong to this part of the system.";
  };
  older =
    let
      said = config.cozystack.disko;
    in
    if said == null then
      { }
    else if said ? devices then
      { disko = said; }
    else
      (import ../lib/cluster-disko.nix { inherit lib; }).disko said;
in
{
  imports = map (name: lib.mkAliasOptionModule [ "cozystack" name ] [ "nix8s" name ]) [
    "extensions"
    "node"
  ];

  options.cozystack.disko = mkOption {
    type = types.nullOr schema.any;
    default = null;
    description = "An older spelling of `nix8s.install` (`profile`, `disks`, `partitions` …), and of `nix8s.disko` (`rawConfig`, or what disko has).";
    example.profile = "simple";
  };

  options.nix8s = {
    install = mkOption {
      type = types.nullOr (
        schema.table (
          known [
            "enable"
            "disk"
          ] template.install
        )
      );
      description = "How the disks are laid out; null: they are not nix8s's.";
      example.profile = "lvm";
    };
    extensions = mkOption {
      type = schema.table (known [ "nvidia" ] template.extensions);
      description = "What is switched on beside Kubernetes.";
      example.monitoring.enable = true;
    };
    disko = mkOption {
      type = types.nullOr schema.any;
      description = "The user's own layout of the disks, as disko has it; null: the profile's.";
      example.devices.disk.main.device = "/dev/disk/by-id/nvme-system";
    };
    node = {
      ip = mkOption {
        type = types.nullOr types.str;
        description = "The machine's address; null: it is found when the machine is there.";
        example = "192.168.1.11";
      };
      interface = mkOption {
        type = types.nullOr types.str;
        description = "The name of the interface that has it; null: the one with the MAC address that is known, or the only one.";
        example = "eno1";
      };
    };

    parts = lib.genAttrs [ "kernel" "initrd" "kubernetes" "disks" "network" ] (_: part);
    kubernetes.version = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "v1.34.1+k3s1";
      description = "The version of Kubernetes in this system, of the package that is in it; null: there is none.";
    };
    system = mkOption {
      type = types.raw;
      readOnly = true;
      description = "Digests of the system's parts and its Kubernetes version: from two of these nix8s tells what a change interrupts.";
    };
  };

  config.nix8s = {
    install = lib.mkMerge [
      (if node.install == null then lib.mkDefault null else defaults node.install)
      (lib.mkIf (older ? install) (older.install or { }))
      (lib.mkIf (older ? disko) (lib.mkForce null))
    ];
    extensions = defaults node.extensions;
    disko = lib.mkMerge [
      (lib.mkDefault node.disko)
      (lib.mkIf (older ? disko) (older.disko or null))
    ];
    node.ip = lib.mkDefault node.ip;
    node.interface = lib.mkDefault node.network.interface;
  };
}
