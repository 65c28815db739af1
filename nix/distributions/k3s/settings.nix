# What the document says of k3s, as k3s's own settings.
#
# Nothing that depends on who the other members are: a flag that changes restarts k3s. So the certificate is asked to be valid
# for the address of the API and for what the document names, and not for each control plane: of Nodes that are servers k3s adds
# names and addresses by itself (tls-san-security, which is on by default, keeps out all others).
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  inherit (lib) types;
  path = "clusters.${cluster.name}.k3s";
  flags = import ./flags.nix { inherit lib; };
  nameOf = flag: builtins.head (lib.splitString "=" (lib.removePrefix "--" flag));
  value = types.nullOr (
    types.oneOf [
      types.bool
      types.int
      types.str
      (types.listOf (
        types.oneOf [
          types.int
          types.str
        ]
      ))
    ]
  );
  wireguard = cluster.network.mesh == "wireguard";
  # Where the machine's address is. Flannel by itself takes the interface of the default route, which may be another.
  inherit (config.nix8s.node) interface;
  inherit (node.network) bonds;
  link = lib.findFirst (bond: builtins.elem interface bonds.${bond}.interfaces) interface (
    builtins.attrNames bonds
  );
in
{
  options.nix8s.k3s.settings = lib.mkOption {
    internal = true;
    type = types.attrsOf value;
    default = { };
    example = {
      flannel-backend = "none";
    };
    description = "Settings of k3s by the names in its configuration file. Lists of several modules add up.";
  };

  config = {
    nix8s.k3s.settings = lib.mkMerge [
      (lib.mapAttrs (_: lib.mkDefault) {
        node-ip = config.nix8s.node.ip;
        flannel-iface = link;

        # These must be the same on every server, or the second one is refused.
        agent-token-file = "/var/lib/nix8s/secrets/agent-token";
        cluster-cidr = cluster.network.podCidr;
        service-cidr = cluster.network.serviceCidr;
        cluster-dns = cluster.network.clusterDns;
        cluster-domain = cluster.clusterDomain;
        disable = lib.naturalSort cluster.disable;
        flannel-backend = if wireguard then "wireguard-native" else null;
        secrets-encryption = if cluster.secrets.encryptionAtRest then true else null;

        tls-san = builtins.filter (name: name != null) (
          [
            cluster.ha.vip
            cluster.domain
          ]
          ++ cluster.apiServerAddresses
        );
      })
      # The document's word is the last; what nix8s depends on is refused below.
      (removeAttrs cluster.config (builtins.attrNames flags.refused))
      # A Node by another name would be nobody's.
      { node-name = node.name; }
    ];

    # The network between pods that k3s brings. Nobody but the machines should reach the first: it is not encrypted.
    networking.firewall.allowedUDPPorts =
      let
        backend = config.nix8s.k3s.settings.flannel-backend;
      in
      if backend == null || backend == "vxlan" then
        [ 8472 ]
      else if backend == "wireguard-native" then
        [
          51820
          51821
        ]
      else
        [ ];

    assertions =
      map (name: {
        assertion = !(cluster.config ? ${name});
        message = "${path}.config.${name}: ${flags.refused.${name}}. Remove it.";
      }) (builtins.attrNames flags.refused)
      ++ map (flag: {
        assertion = !(flags.refused ? ${nameOf flag});
        message = "${path}.extraArgs: --${nameOf flag}: ${flags.refused.${nameOf flag} or ""}. Remove it.";
      }) (cluster.extraArgs.control-plane ++ cluster.extraArgs.worker);
  };
}
