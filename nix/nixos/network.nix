# The machine's network, by systemd-networkd: one link has its address (by DHCP or as the document says), and there may be bonds
# and VLANs beside it. What Kubernetes makes of interfaces and routes is left alone.
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  inherit (lib) optional optionalAttrs;
  inherit (node) network;
  inherit (network) vlans;
  bonds = lib.mapAttrs (_: bond: { interfaces = [ ]; } // bond) network.bonds;

  path = "clusters.${node.cluster}.members.${node.member}.network";
  bonding = import ./bond.nix { inherit lib; };

  bondNames = builtins.attrNames bonds;
  bondOf =
    interface: lib.findFirst (bond: builtins.elem interface bonds.${bond}.interfaces) null bondNames;

  # The link that has the machine's address: the interface that is named (its bond, if it is part of one), else the only bond, else
  # the one with the MAC address, else whatever answers to DHCP. `name` is null where only the machine knows it.
  named = network.interface;
  main =
    if named != null && bondOf named != null then
      { name = bondOf named; }
    else if named != null && (bonds ? ${named} || vlans ? ${named}) then
      { name = named; }
    else if named == null && bondNames != [ ] then
      { name = builtins.head bondNames; }
    else if network.mac != null then
      {
        name = named;
        match.MACAddress = network.mac;
      }
    else
      { name = named; };

  # Only hardware: bonds, VLANs and what CNIs make have a kind, and may have the same MAC address.
  match =
    main.match or (if main.name == null then { Type = "ether"; } else { Name = main.name; })
    // optionalAttrs (!(isVirtual main.name)) { Kind = "!*"; };
  isVirtual = name: name != null && (bonds ? ${name} || vlans ? ${name});

  # An interface that a VLAN lies on; the link of the machine's address where none is named.
  parent =
    vlan:
    let
      written = vlans.${vlan}.interface or null;
      said = if written != null && bondOf written != null then bondOf written else written;
    in
    if said == null || said == main.name || said == named then null else said;
  vlansOn = interface: builtins.filter (vlan: parent vlan == interface) (builtins.attrNames vlans);

  # networkd takes away addresses that it does not know when it starts again, and the cluster's address comes and goes by itself.
  keepsVip =
    node.role == "control-plane"
    && builtins.elem cluster.ha.mode [
      "keepalived"
      "kube-vip"
      "haproxy"
    ];

  mainNetwork = {
    matchConfig = match;
    vlan = vlansOn null;
    networkConfig = {
      DHCP = if network.dhcp then "yes" else "no";
      DNS = network.nameservers;
    }
    // optionalAttrs network.dhcp { IPv6AcceptRA = true; }
    // optionalAttrs keepsVip { KeepConfiguration = "static"; };
    address =
      optional (!network.dhcp && node.ip != null) "${node.ip}/${toString network.prefixLength}"
      ++ own main.name;
    # What is written counts more than what DHCP says.
    dhcpV4Config = optionalAttrs network.dhcp {
      UseDNS = network.nameservers == [ ];
      UseGateway = network.gateway == null;
    };
    routes = optional (network.gateway != null) {
      Gateway = network.gateway;
      # Also where the provider's gateway is outside of the subnet.
      GatewayOnLink = true;
    };
    linkConfig.RequiredForOnline = "routable";
  };

  own = name: if name == null then [ ] else bonds.${name}.addresses or vlans.${name}.addresses or [ ];

  # A link beside the main one: whether it comes up does not matter to the boot.
  side = name: {
    matchConfig.Name = name;
    vlan = vlansOn name;
    address = own name;
    networkConfig.DHCP = "no";
    linkConfig.RequiredForOnline = "no";
  };

  sides = lib.unique (
    builtins.filter (name: name != null && name != main.name && bondOf name == null) (
      bondNames ++ builtins.attrNames vlans ++ map parent (builtins.attrNames vlans)
    )
  );
  slaves = lib.concatMap (
    bond: map (interface: { inherit bond interface; }) bonds.${bond}.interfaces
  ) bondNames;

  # `eth0` is a name of the kernel, which is in use only where no other is.
  kernelNames = builtins.filter (name: builtins.match "eth[0-9]+" name != null) (
    map (slave: slave.interface) slaves
    ++ optional (named != null && main ? match == false) named
    ++ builtins.filter (name: name != null) (map parent (builtins.attrNames vlans))
  );

  refuse = when: text: {
    assertion = !when;
    message = "${path}${text}";
  };
  twice = builtins.filter (interface: lib.count (slave: slave.interface == interface) slaves > 1) (
    lib.unique (map (slave: slave.interface) slaves)
  );
in
{
  assertions = [
    (refuse (!network.dhcp && node.ip != null && main.name == null && !(main ? match))
      ": with dhcp: false somebody has to say which interface gets ${toString node.ip}. Set mac, or interface"
    )
    (refuse (
      !network.dhcp && node.ip == null && own main.name == [ ]
    ) ".dhcp: it is false, and there is no address. Set the member's ip, or remove dhcp")
    (refuse (named == null && builtins.length bondNames > 1)
      ".interface: there are several bonds. Say which of them, or which interface, has the machine's address"
    )
    (refuse (main.name == null && !(main ? match) && vlansOn null != [ ])
      ".vlans: ${lib.concatStringsSep ", " (vlansOn null)} must lie on an interface. Set its interface, or network.interface"
    )
    (refuse (twice != [ ]) ".bonds: ${lib.concatStringsSep ", " twice} is part of two bonds")
  ]
  ++ map (
    bond:
    refuse (
      bonds.${bond}.interfaces == [ ]
    ) ".bonds.${bond}.interfaces: a bond without interfaces carries nothing. Name them"
  ) bondNames
  ++ map (
    bond:
    let
      unknown = lib.subtractLists bonding.known (builtins.attrNames (bonds.${bond}.options or { }));
    in
    refuse (unknown != [ ])
      ".bonds.${bond}.options: ${lib.concatStringsSep ", " unknown} is no option that systemd-networkd has. It has ${lib.concatStringsSep ", " bonding.known}"
  ) bondNames
  ++ map (
    vlan: refuse ((vlans.${vlan}.id or null) == null) ".vlans.${vlan}.id: a VLAN needs a number. Set it"
  ) (builtins.attrNames vlans);

  warnings =
    optional (kernelNames != [ ] && network.mac == null)
      "${path}: ${lib.concatStringsSep ", " kernelNames} is a name that the kernel gives in the order in which it finds interfaces, so the machine has only such names. With several interfaces, set mac";

  networking = {
    hostName = node.name;
    inherit (cluster) domain;
    useNetworkd = true;
    useDHCP = false;
    usePredictableInterfaceNames = lib.mkIf (kernelNames != [ ]) (lib.mkDefault false);
    # ZFS knows by it whose a pool is.
    hostId = lib.mkDefault (
      if config.nix8s.extensions.zfs.hostId or null != null then
        config.nix8s.extensions.zfs.hostId
      else
        builtins.substring 0 8 (builtins.hashString "sha256" node.name)
    );
  };

  systemd.network = {
    enable = true;

    # CNIs add routes and rules of their own.
    config.networkConfig = {
      ManageForeignRoutes = false;
      ManageForeignRoutingPolicyRules = false;
    };

    # A machine whose network does not come up still boots, so that somebody can see why.
    wait-online = {
      anyInterface = lib.mkDefault true;
      timeout = lib.mkDefault 60;
    };

    netdevs =
      lib.mapAttrs' (
        name: bond:
        lib.nameValuePair "20-${name}" {
          netdevConfig = {
            Name = name;
            Kind = "bond";
          };
          bondConfig = bonding.config bond;
        }
      ) bonds
      // lib.mapAttrs' (
        name: vlan:
        lib.nameValuePair "20-${name}" {
          netdevConfig = {
            Name = name;
            Kind = "vlan";
          };
          vlanConfig.Id = vlan.id;
        }
      ) vlans;

    networks = {
      "40-nix8s" = mainNetwork;
    }
    // lib.listToAttrs (
      map (
        { bond, interface }:
        lib.nameValuePair "30-${interface}" {
          matchConfig.Name = interface;
          networkConfig.Bond = bond;
          linkConfig.RequiredForOnline = "no";
        }
      ) slaves
      ++ map (name: lib.nameValuePair "30-${name}" (side name)) sides
    );
  };
}
